import { isSameShare } from '../units.ts';
import { bake } from './bake.ts';
import type { Here, StepOutcome } from './outcome.ts';

/** Goes to 100 % and ends, after a last bake if the plan asks for one. */
export function promote(step: { bake?: number | undefined }, here: Here): StepOutcome {
  if (step.bake === undefined || here.position.bakeEnded) return { kind: 'finish' };
  if (!isSameShare(here.rollout.traffic.applied, 100)) return { kind: 'shift', share: 100 };
  return bake({ duration: step.bake }, here).kind === 'done' ? { kind: 'finish' } : { kind: 'wait' };
}
