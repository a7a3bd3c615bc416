import { z } from 'zod';
import { printable } from './client.ts';

/** What a plan says of itself, where an answer shows it: who judges, and which of its bakes may end early. */
export const PlanShown = z
  .looseObject({
    judge: z.string(),
    steps: z.array(z.looseObject({ early: z.boolean().optional() })),
  })
  .nullish()
  .catch(null);
type PlanShown = z.output<typeof PlanShown>;

type TimedStep = { type: string; share: number; startsInSeconds: number };

/** One line for each step: when it begins if all goes well, what it is, and the canary's share in it. */
export function stepLines(steps: readonly TimedStep[], plan: PlanShown): string[] {
  const width = Math.max(10, ...steps.map(({ type }) => printable(type).length));
  return steps.map(
    ({ type, share, startsInSeconds }, index) =>
      `${clock(startsInSeconds).padStart(11)}  ${printable(type).padEnd(width)} ${share} %${isEarly(plan, index) ? ', over once the canary is proven healthy' : ''}\n`,
  );
}

/** How long the steps take, and who judges where that is not the usual one. */
export function lasting(totalSeconds: number, plan: PlanShown): string {
  const mayBeLess = plan?.steps.some((_, index) => isEarly(plan, index)) ?? false;
  const time = mayBeLess
    ? `${clock(totalSeconds)}, less where a bake ends early`
    : `at least ${clock(totalSeconds)}`;
  return plan?.judge === 'threshold' ? `${time}, judged by thresholds` : time;
}

function isEarly(plan: PlanShown, index: number): boolean {
  return plan?.steps[index]?.early === true;
}

/** Seconds as `1h05m00s`, without leading zeros. */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (number: number) => String(number).padStart(2, '0');
  if (hours > 0) return `${hours}h${two(minutes)}m${two(rest)}s`;
  return minutes > 0 ? `${minutes}m${two(rest)}s` : `${rest}s`;
}
