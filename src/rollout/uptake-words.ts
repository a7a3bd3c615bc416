import { requestsNeeded } from '../analysis/uptake.ts';
import type { Rollout } from './rollout.ts';
import * as say from './say.ts';
import { isTaken } from './uptake.ts';

/** What keeps a weight from being known as taken, or that nobody could tell; null when there is nothing to say. */
export function uptakeInWords(rollout: Rollout): string | null {
  const { watch, traffic } = rollout;
  const { applied, appliedAt } = traffic;
  const { uptake } = watch;
  if (uptake === null) return null;
  const weight = `the mesh has taken ${say.share(applied)}`;
  if (!isTaken(rollout)) {
    if (uptake.appliedAt !== appliedAt) return `its time begins when requests show that ${weight}`;
    const { counted, differing } = uptake;
    if (differing === null)
      return `its time begins when requests show that ${weight}: ${say.count(counted.canary + counted.stable)} of ${requestsNeeded(applied)} so far`;
    return `${say.share(differing.observed)} of ${say.count(differing.requests)} requests went to the canary, and not ${say.share(applied)}`;
  }
  const untold = uptake.taken?.untold ?? null;
  if (untold === null) return null;
  return `${say.count(untold.requests)} requests were too few to see that ${weight} (${say.count(untold.needed)} are needed)`;
}
