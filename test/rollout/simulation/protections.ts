import type { Rollout } from '../../../src/rollout/rollout.ts';

/** Each takes one protection away, or breaks a decision on purpose; the run must then find a violation. */
export type Protections = {
  fence?: boolean;
  resourceVersion?: boolean;
  closingWrite?: boolean;
  /** False: no turn learns of a hold order. */
  killSwitch?: boolean;
  /** True: a worker goes by the clock of its own process instead of PostgreSQL's. */
  ownClock?: boolean;
  /** False: the clocks of all processes are right; it changes nothing. */
  skew?: boolean;
  /** The pods of these arms look as they did at the start, whatever they run. */
  blindTo?: 'stable' | 'canary';
  /** True: only what every run has, so that what is broken on purpose shows after fewer seeds. */
  isPlain?: boolean;
  /** Which plan is followed, by a number in 0..1, where most have nothing to do with what is broken. */
  plan?: number;
  /** What is written down instead of what a turn decided. */
  tamper?: (after: Rollout, before: Rollout) => Rollout;
  /** What a word is judged on instead of what stands there. */
  mistake?: (before: Rollout) => Rollout;
};
