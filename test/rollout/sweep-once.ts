import type { TurnDeps } from '../../src/rollout/advance.ts';
import { slots } from '../../src/rollout/slots.ts';
import { sweeper } from '../../src/rollout/sweep.ts';
import type { Taken, TurnTaking } from '../../src/rollout/take-turn.ts';

/** One sweep with so many slots, and how each of its turns was taken. */
export async function sweepOnce(deps: TurnDeps, taking: TurnTaking, most = 64) {
  const swept: { id: string; taken: Taken }[] = [];
  const onTaken = (id: string, taken: Taken) => void swept.push({ id, taken });
  const { signal: closing } = new AbortController();
  const { sweep, ended } = sweeper(deps, { taking, slots: slots(most), onTaken, closing });
  await sweep();
  await ended();
  return swept;
}
