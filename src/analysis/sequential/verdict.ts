import { z } from 'zod';

/**
 * What is to be done, and why. `hold` keeps the weight, `pause` asks a person; `inconclusive` is said when a step had twice
 * its time.
 */
export const Ruling = z.discriminatedUnion('decision', [
  z.strictObject({ decision: z.literal('continue'), reason: z.literal('gathering') }),
  z.strictObject({ decision: z.literal('advance'), reason: z.enum(['provenHealthy', 'unproven']) }),
  z.strictObject({
    decision: z.literal('hold'),
    reason: z.enum(['noTraffic', 'noData', 'environment', 'suspicion', 'breach']),
  }),
  z.strictObject({
    decision: z.literal('rollback'),
    reason: z.enum(['regression', 'limit', 'trafficMismatch', 'backstop', 'environmentLimit']),
  }),
  z.strictObject({ decision: z.literal('pause'), reason: z.literal('warning') }),
  z.strictObject({
    decision: z.literal('inconclusive'),
    reason: z.enum(['noTraffic', 'noData', 'suspicion', 'environment']),
  }),
]);
export type Ruling = z.infer<typeof Ruling>;

/** A value between bounds that hold at every look. */
export const Banded = z.strictObject({ value: z.number(), lower: z.number(), upper: z.number() });
export type Banded = z.infer<typeof Banded>;

/** Bad and all requests of one arm. */
const Counted = z.strictObject({ bad: z.number(), requests: z.number() });
export type Counted = z.infer<typeof Counted>;

/** What one comparison found so far. Rates are 0..1; `evidence` against "the canary is fine" is 1 before any. */
export const MetricVerdict = z.strictObject({
  /** Such as `errorRate` against stable, or the id of a limit. */
  id: z.string(),
  metric: z.enum(['errorRate', 'latency']),
  against: z.enum(['stable', 'limit']),
  /** What it leads to when there is enough against the canary. */
  effect: z.enum(['rollback', 'pause']),
  /** Requests slower than this many ms count as bad: the bound that speaks loudest, or the limit; null for errors. */
  boundMs: z.number().nullable(),
  canary: Counted.extend({ rate: Banded }),
  stable: Counted.extend({ rate: Banded }),
  /** Of the last looks alone, so many seconds: a late fault does not show in what is above. */
  recent: z.strictObject({ seconds: z.number(), canary: Counted, stable: Counted }),
  /** Of the canary's rate over stable's, or over the limit. */
  excess: Banded,
  /** The highest rate that the canary may have: what is tolerated of stable's, or the limit. */
  tolerated: z.number(),
  evidence: z.number(),
  /** How much noisier requests are than independent ones, and whether stable's own pods told. */
  noiseFactor: z.number(),
  noiseFrom: z.enum(['pods', 'assumed', 'settings']),
  /** What the canary's rate may be as a multiple of stable's; 1 for a limit. */
  toleratedRatio: z.number(),
  /** Whether that is more than the settings say, since stable's own pods differ. */
  isWidened: z.boolean(),
  /** False for a limit of latency above every bound of the histogram: nobody can tell whether it is broken. */
  isJudged: z.boolean(),
});
export type MetricVerdict = z.infer<typeof MetricVerdict>;

export const Verdict = z.strictObject({
  ruling: Ruling,
  /** Of everything together; a rollback needs 1 / falseRollbackRate. */
  evidence: z.number(),
  metrics: z.array(MetricVerdict),
  /** The index in `metrics` of the one that drives the ruling; null when none does. */
  driver: z.number().nullable(),
  /** Requests of both arms since the step began, and the evidence against "the canary gets its share". */
  split: z.strictObject({ canary: z.number(), stable: z.number(), evidence: z.number() }),
  /** Bad requests that stable would not have made, at least 0. */
  harmedRequests: z.number(),
  /** The least error rate (0..1) that this share could see by the end of the step; null when none. */
  detectableErrorRate: z.number().nullable(),
});
export type Verdict = z.infer<typeof Verdict>;
