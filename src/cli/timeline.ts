import { printable } from './client.ts';

type TimedStep = { type: string; share: number; startsInSeconds: number };

/** One line for each step: when it begins at the earliest, what it is, and the canary's share in it. */
export function stepLines(steps: readonly TimedStep[]): string[] {
  const width = Math.max(10, ...steps.map(({ type }) => printable(type).length));
  return steps.map(
    ({ type, share, startsInSeconds }) =>
      `${clock(startsInSeconds).padStart(11)}  ${printable(type).padEnd(width)} ${share} %\n`,
  );
}

/** Seconds as `1h05m00s`, without leading zeros. */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (number: number) => String(number).padStart(2, '0');
  if (hours > 0) return `${hours}h${two(minutes)}m${two(rest)}s`;
  return minutes > 0 ? `${minutes}m${two(rest)}s` : `${rest}s`;
}
