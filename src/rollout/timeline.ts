import type { Plan } from './plan.ts';
import { type StepType, watchedSeconds } from './plan-parts.ts';
import type { WeightWrite } from './ports/mesh.ts';
import { routesAfter } from './route-steps.ts';
import type { Share } from './units.ts';

/** A step of a plan in time: when it begins at the earliest, in seconds from the start, and the share it leaves. */
export type PlannedStep = { step: number; type: StepType; share: Share; startsInSeconds: number };

/** The steps of a plan in time, and how long all of them take at least, in seconds. */
export function timelineOf(plan: Pick<Plan, 'steps'>): { steps: PlannedStep[]; seconds: number } {
  let seconds = 0;
  let share = 0;
  const steps = plan.steps.map((step, index) => {
    if (step.type === 'setWeight') share = step.weight;
    if (step.type === 'promote') share = 100;
    const startsInSeconds = seconds;
    seconds += watchedSeconds(step) ?? 0;
    return { step: index, type: step.type, share, startsInSeconds };
  });
  return { steps, seconds };
}

/** What a step writes; a promote that bakes at 100 % ends the rollout with a write of its own. */
export function writesOf(
  { steps }: Plan,
  { step, share }: PlannedStep,
): ({ step: number } & Pick<WeightWrite, 'share' | 'end' | 'managed'>)[] {
  const planned = steps[step];
  const write = { step, share, end: false, managed: routesAfter(steps.slice(0, step + 1)) };
  const closing = { step, share, end: true };
  if (planned?.type !== 'promote') return [write];
  return planned.bake === undefined ? [closing] : [write, closing];
}
