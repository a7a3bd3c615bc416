import { isSameShare } from '../units.ts';
import type { Here, StepOutcome } from './outcome.ts';

/** Asks for the weight until it was read back. */
export function setWeight(step: { weight: number }, { rollout }: Here): StepOutcome {
  return isSameShare(rollout.traffic.applied, step.weight)
    ? { kind: 'done' }
    : { kind: 'shift', share: step.weight };
}
