import { isSameShare } from '../units.ts';
import { bake } from './bake.ts';
import type { Here, StepOutcome } from './outcome.ts';

/** Goes to 100 % and ends, after a last bake if the plan asks for one; a plan may then hand stable over. */
export function promote(step: { bake?: number | undefined }, here: Here): StepOutcome {
  const { traffic, plan } = here.rollout;
  const handsOver = plan.onSuccess === 'handover';
  const bakes = step.bake !== undefined && !here.position.bakeEnded;
  if (!isSameShare(traffic.applied, 100) && (bakes || handsOver)) return { kind: 'shift', share: 100 };
  if (bakes && bake({ duration: step.bake ?? 0 }, here).kind !== 'done') return { kind: 'wait' };
  return handsOver ? { kind: 'handOver' } : { kind: 'finish' };
}
