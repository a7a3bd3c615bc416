import { hasEveryCheckPassed } from '../evidence.ts';
import { isTaken } from '../uptake.ts';
import type { Here, StepOutcome } from './outcome.ts';

/**
 * Waits for its time to pass and then for as long as it takes until every check passes: no proof, no progress. Its time
 * is that of a weight which the mesh is seen to have taken.
 */
export function bake(step: { duration: number }, { rollout, position, now }: Here): StepOutcome {
  const isOver = isTaken(rollout) && now - position.startedAt >= step.duration * 1000;
  return isOver && hasEveryCheckPassed(rollout, position.startedAt) ? { kind: 'done' } : { kind: 'wait' };
}
