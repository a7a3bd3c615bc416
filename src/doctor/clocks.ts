import { type Check, fail, ok, warn } from './report.ts';

/** Another clock, and this machine's at the same moment; milliseconds since the Unix epoch. */
export type ClockReading = { clockMs: number; localMs: number };

/** How far a clock is ahead of this machine's, in milliseconds. */
export function aheadMs({ clockMs, localMs }: ClockReading): number {
  return clockMs - localMs;
}

export type Limits = { warnMs: number; failMs: number };

export type Apart = {
  what: string;
  /** Milliseconds by which the first clock is ahead of the other one. */
  byMs: number;
  /** What it is compared with, such as "PostgreSQL's". */
  than: string;
  /** What goes wrong when they are too far apart. */
  effect: string;
};

/** Judges two clocks. The mend is the same everywhere: a time server. */
export function checkClock({ what, byMs, than, effect }: Apart, { warnMs, failMs }: Limits): Check {
  const seconds = (Math.abs(byMs) / 1000).toFixed(1);
  const apart = `${seconds} s ${byMs >= 0 ? 'ahead of' : 'behind'} ${than}`;
  if (Math.abs(byMs) < warnMs) return ok(what, `${apart}.`);
  const says = `${apart}: ${effect}. Set both machines by a time server.`;
  return Math.abs(byMs) < failMs ? warn(what, says) : fail(what, says);
}
