import { hasEveryCheckPassed } from '../evidence.ts';
import type { Here, StepOutcome } from './outcome.ts';

/** Waits for its time to pass and then for as long as it takes until every check passes: no proof, no progress. */
export function bake(step: { duration: number }, { rollout, position, now }: Here): StepOutcome {
  const isOver = now - position.startedAt >= step.duration * 1000;
  return isOver && hasEveryCheckPassed(rollout, position.startedAt) ? { kind: 'done' } : { kind: 'wait' };
}
