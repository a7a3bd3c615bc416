import type { StepOutcome } from './outcome.ts';

/** Waits for people. An approval that was given has moved the rollout on, so whoever comes here asks anew. */
export function approval(): StepOutcome {
  return { kind: 'approve' };
}
