import { z } from 'zod';
import { Noise } from './noise.ts';
import { noSums, Sums, Totals } from './totals.ts';
import { Ruling } from './verdict.ts';

/** One kind of bad request compared with stable. */
export const Comparison = z.strictObject({
  noise: Noise,
  /** Of stable before the rollout, 0..1; 0 where that is not known. */
  usualRate: z.number(),
  /** What the canary's rate may be as a multiple of stable's; `promoteRatio` to be called healthy early. */
  ratio: z.number(),
  promoteRatio: z.number(),
  /** Logs of the stakes on "worse", since the rollout began, and of the wealth on "better", since the step began. */
  worse: z.array(z.number()),
  better: z.array(z.number()),
  /** Since the rollout began, and in the last looks, of which there are up to ten. */
  totals: Totals,
  since: Totals,
});
export type Comparison = z.infer<typeof Comparison>;

/**
 * Per alternative, sums of the log factors without a tolerated excess and of what one unit of it takes away: evidence for
 * any excess can be told from them, so the bounds for the chart need no history.
 */
export const Ledger = z.strictObject({ gained: z.array(z.number()), perExcess: z.array(z.number()) });
export type Ledger = z.infer<typeof Ledger>;

/** Looks in a row in which something was so: how long, and the requests in them. */
export const Stretch = Sums.extend({ seconds: z.number() });
export type Stretch = z.infer<typeof Stretch>;

/** About the last minute in two parts, of which the newer one lasted so many seconds, and both together. */
export const Recent = z.strictObject({ older: Sums, newer: Sums, newerSeconds: z.number(), both: Sums });
export type Recent = z.infer<typeof Recent>;

export const LimitState = z.strictObject({
  id: z.string(),
  metric: z.enum(['errorRate', 'latency']),
  /** The most that may be bad, 0..1: for a quantile of the latency what lies above it. */
  rate: z.number(),
  /** What a request must be slower than to be bad; null for errors. */
  maxMs: z.number().nullable(),
  effect: z.enum(['rollback', 'pause']),
  /** Seconds for which a plain breach must last to count without evidence. */
  backstopSeconds: z.number(),
  /** It lies above every bound of the histogram, so nobody can tell whether it is broken: it is not judged. */
  isBlind: z.boolean(),
  noise: Noise,
  usualRate: z.number(),
  /**
   * How many times stable's rate a canary may have that is no worse than one of stable's own pods, and how many it may
   * have before a breach that lasts is blamed on it.
   */
  podRatio: z.number(),
  worseRatio: z.number(),
  /** Logs of the stakes on "over the limit, and stable is not", and the log of the evidence. */
  stakes: z.array(z.number()),
  log: z.number(),
  totals: Totals,
  since: Totals,
  /** About the last minute: see `recentAfter`. */
  recent: Recent,
  /** While the canary has been over the limit and stable has not; and while stable has been. */
  breach: Stretch,
  outage: Stretch,
});
export type LimitState = z.infer<typeof LimitState>;

/** Everything the judge knows between two polls; plain data, the same after a trip through JSON. */
export const JudgeState = z.strictObject({
  /** Seconds since the rollout began of the last poll, and of the last one with data; -1 and 0 before any. */
  at: z.number(),
  dataAt: z.number(),
  lastHadData: z.boolean(),
  /** Polls with data. */
  looks: z.number().int(),
  /** Seconds since the rollout began at which `since` of all comparisons begins. */
  sinceAt: z.number(),
  boundsMs: z.array(z.number()),
  errors: Comparison.extend({ log: z.number(), worseLedger: Ledger, belowLedger: Ledger }),
  /** Null where there is no histogram, or no bound of it says anything. */
  latency: z
    .strictObject({ log: z.number(), atBounds: z.array(Comparison.extend({ bound: z.number().int() })) })
    .nullable(),
  limits: z.array(LimitState),
  split: z.strictObject({ stakes: z.array(z.number()), log: z.number(), share: z.number() }),
  /** Looks in a row without a request of stable, and how many it should have had in them. */
  silence: z.strictObject({ looks: z.number().int(), requests: z.number() }),
  /** Requests that the canary should have had by the weights, at least those it had: since the beginning. */
  expected: z.number(),
  /** The present step: its requests, and how long it has lasted. */
  step: z.strictObject({
    number: z.number().int(),
    seconds: z.number(),
    expected: z.number(),
    canary: z.number(),
    stable: z.number(),
  }),
  ruling: Ruling,
});
export type JudgeState = z.infer<typeof JudgeState>;

/** Nothing in a row: no breach, no outage. */
export const noStretch: Stretch = { ...noSums, seconds: 0 };
export const nothingRecent: Recent = { older: noSums, newer: noSums, newerSeconds: 0, both: noSums };
