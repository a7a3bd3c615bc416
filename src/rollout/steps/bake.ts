import { isProven, isProvenHealthy } from '../evidence.ts';
import { isTaken } from '../uptake.ts';
import type { Here, StepOutcome } from './outcome.ts';

/**
 * Waits for its time to pass and then for as long as it takes until every check passes: no proof, no progress. Its time
 * is that of a weight which the mesh is seen to have taken. One that may end `early` is over once the canary is proven
 * healthy.
 */
export function bake(
  step: { duration: number; early?: true | undefined },
  { rollout, position, now }: Here,
): StepOutcome {
  if (step.early && isTaken(rollout) && isProvenHealthy(rollout, position.startedAt)) return { kind: 'done' };
  const isOver = isTaken(rollout) && now - position.startedAt >= step.duration * 1000;
  return isOver && isProven(rollout, position.startedAt) ? { kind: 'done' } : { kind: 'wait' };
}
