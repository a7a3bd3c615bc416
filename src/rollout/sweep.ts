import type { TurnDeps } from './advance.ts';
import { type Taken, type TurnTaking, takeTurn } from './take-turn.ts';

/** Turns that one sweep takes at a time, so that one worker does not starve the others. */
const batch = 50;

export type Swept = { id: string; taken: Taken }[];

/**
 * Takes the turn of every rollout that is due and whose alarm did not ring, each once. One rollout's failure never
 * stops another's turn; it comes back as a value for the caller to tell of. Rows that this process cannot read are set
 * aside. Throws when the database cannot be asked at all.
 */
export async function sweep(deps: TurnDeps, taking: TurnTaking): Promise<Swept> {
  const swept: Swept = [];
  taking.aside.next();
  for (;;) {
    const except = new Set([...taking.aside.ids(), ...swept.map(({ id }) => id)]);
    const ids = await deps.store.due(batch, [...except]);
    swept.push(...(await Promise.all(ids.map((id) => takeOne(deps, id, taking)))));
    if (ids.length < batch) return swept;
  }
}

async function takeOne(deps: TurnDeps, id: string, taking: TurnTaking): Promise<Swept[number]> {
  const taken = await takeTurn(deps, id, taking).catch(
    (error: unknown): Taken => ({ kind: 'failed', error, record: null }),
  );
  return { id, taken };
}
