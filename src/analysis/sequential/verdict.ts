import { z } from 'zod';

/** What is to be done, and why. `hold` keeps the weight; `inconclusive` is said when a step had twice its time. */
export const Ruling = z.discriminatedUnion('decision', [
  z.strictObject({ decision: z.literal('continue'), reason: z.literal('gathering') }),
  z.strictObject({ decision: z.literal('advance'), reason: z.enum(['provenHealthy', 'unproven']) }),
  z.strictObject({
    decision: z.literal('hold'),
    reason: z.enum(['noTraffic', 'noData', 'environment', 'suspicion']),
  }),
  z.strictObject({
    decision: z.literal('rollback'),
    reason: z.enum(['regression', 'limit', 'trafficMismatch', 'backstop', 'environmentLimit']),
  }),
  z.strictObject({
    decision: z.literal('inconclusive'),
    reason: z.enum(['noTraffic', 'noData', 'suspicion', 'environment']),
  }),
]);
export type Ruling = z.infer<typeof Ruling>;

/** A value between bounds that hold at every look. */
export type Banded = { value: number; lower: number; upper: number };

/** Bad and all requests of one arm. */
export type Counted = { bad: number; requests: number };

/** What one comparison found so far. Rates are 0..1; `evidence` against "the canary is fine" is 1 before any. */
export type MetricVerdict = {
  /** Such as `errorRate` against stable, or the id of a limit. */
  id: string;
  metric: 'errorRate' | 'latency';
  against: 'stable' | 'limit';
  /** Requests slower than this many ms count as bad: the bound that speaks loudest, or the limit; null for errors. */
  boundMs: number | null;
  canary: Counted & { rate: Banded };
  stable: Counted & { rate: Banded };
  /** Of the last looks alone, so many seconds: a late fault does not show in what is above. */
  recent: { seconds: number; canary: Counted; stable: Counted };
  /** Of the canary's rate over stable's, or over the limit. */
  excess: Banded;
  /** The highest rate that the canary may have: what is tolerated of stable's, or the limit. */
  tolerated: number;
  evidence: number;
  /** How much noisier requests are than independent ones, and whether stable's own pods told. */
  noiseFactor: number;
  noiseFrom: 'pods' | 'assumed' | 'settings';
  /** What the canary's rate may be as a multiple of stable's; 1 for a limit. */
  toleratedRatio: number;
  /** Whether that is more than the settings say, since stable's own pods differ. */
  isWidened: boolean;
  /** False for a limit of latency above every bound of the histogram: nobody can tell whether it is broken. */
  isJudged: boolean;
};

export type Verdict = {
  ruling: Ruling;
  /** Of everything together; a rollback needs 1 / falseRollbackRate. */
  evidence: number;
  metrics: readonly MetricVerdict[];
  /** The index in `metrics` of the one that drives the ruling; null when none does. */
  driver: number | null;
  /** Requests of both arms since the step began, and the evidence against "the canary gets its share". */
  split: { canary: number; stable: number; evidence: number };
  /** Bad requests that stable would not have made, at least 0. */
  harmedRequests: number;
  /** The least error rate (0..1) that this share could see by the end of the step; null when none. */
  detectableErrorRate: number | null;
};
