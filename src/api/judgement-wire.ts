import { z } from 'zod';
import { Timestamp } from './wire-parts.ts';

/** What the sequential judge found, as callers see it. Rates and limits are ratios 0..1, evidence 1 before any. */

const RulingOnWire = z
  .object({
    decision: z
      .enum(['continue', 'advance', 'hold', 'rollback', 'pause', 'inconclusive'])
      .describe(
        '`advance` means that the canary is held to be healthy: its bake is cut short only where the plan says `early`.',
      ),
    reason: z.enum([
      'gathering',
      'proven_healthy',
      'unproven',
      'no_traffic',
      'no_data',
      'environment',
      'suspicion',
      'breach',
      'regression',
      'limit',
      'traffic_mismatch',
      'backstop',
      'environment_limit',
      'warning',
    ]),
  })
  .meta({ id: 'Ruling', description: 'What the judge would do by the evidence at hand, and why.' });

const counted = {
  bad: z.number().describe('Requests that failed with 5xx, or were slower than `boundMs`.'),
  requests: z.number(),
};

const JudgedArm = z
  .object({
    ...counted,
    rate: z.number().describe('Bad requests of all requests, 0..1; 0 where there were none.'),
    lower: z.number().describe('The rate is not below this: holds at every look, not at one alone.'),
    upper: z.number().describe('The rate is not above this.'),
  })
  .meta({ id: 'JudgedArm', description: 'The requests of one arm since the rollout began.' });

const Recent = z
  .object({
    seconds: z.number().describe('How far the last looks reach back.'),
    canary: z.object(counted),
    stable: z.object(counted),
  })
  .describe('Of the last looks alone: a fault that begins late does not show in the sums.');

const Excess = z
  .object({
    value: z.number(),
    lower: z.number().describe('Above `tolerated` less the rate that is compared with, it is evidence.'),
    upper: z.number(),
  })
  .describe("The canary's rate less stable's, or less the limit; ratios, with bounds for every look.");

export const JudgedMetricOnWire = z
  .object({
    id: z.string().describe('`errorRate` or `latency` beside stable, else the name of the check.'),
    metric: z.enum(['errorRate', 'latency']),
    against: z.enum(['stable', 'limit']).describe('What the canary is compared with.'),
    effect: z
      .enum(['rollback', 'pause'])
      .describe('What it leads to once there is enough evidence: back to stable, or to a person.'),
    boundMs: z
      .number()
      .nullable()
      .describe('Requests slower than so many ms are bad ones; null for the error rate.'),
    canary: JudgedArm,
    stable: JudgedArm,
    recent: Recent,
    excess: Excess,
    tolerated: z
      .number()
      .describe("The highest rate that the canary may have: what is tolerated of stable's, or the limit."),
    evidence: z.number().describe('Against "the canary is within what is tolerated", by this metric alone.'),
    noiseFactor: z.number().describe('How much noisier requests are than independent ones, at least 1.'),
    noiseFrom: z
      .enum(['pods', 'assumed', 'settings'])
      .describe("`pods`: read from stable's own pods; `assumed`: too little was known of them."),
    toleratedRatio: z
      .number()
      .describe("How many times stable's odds are tolerated, beside a small excess; 1 for a limit."),
    isWidened: z
      .boolean()
      .describe("True where more is tolerated than usual, since stable's own pods differ as much."),
    isJudged: z
      .boolean()
      .describe(
        'False for a limit above every bound of the histogram: nobody can tell whether it is broken.',
      ),
  })
  .meta({ id: 'JudgedMetric' });
export type JudgedMetricOnWire = z.output<typeof JudgedMetricOnWire>;

const judgement = {
  at: Timestamp.nullable().describe('When it was found; null where that was not kept.'),
  weight: z.number().nullable().describe("The canary's share then, in percent; null where it was not kept."),
  ruling: RulingOnWire,
  why: z.string().describe('The same in words, with the figures.'),
  evidence: z
    .number()
    .describe(
      'Against "the canary is fine", of all metrics together. Of canaries that are fine at most 1 in `needed` ever gets there, however often one looks, as long as requests are no noisier than the noise factors say.',
    ),
  needed: z.number().describe('The evidence that a rollback takes: 1 / the rate of false rollbacks.'),
  metrics: z.array(JudgedMetricOnWire),
  driver: z
    .int()
    .nullable()
    .describe('The index in `metrics` of what drives the ruling; null: nothing does.'),
  split: z
    .object({ canary: z.number(), stable: z.number(), evidence: z.number() })
    .describe('Requests since the step began, and the evidence against "the canary gets its share".'),
  harmedRequests: z.number().describe('Bad requests of the canary that stable would not have made.'),
  detectableErrorRate: z
    .number()
    .nullable()
    .describe('The least error rate that shows by the end of the step, 0..1; null when none does.'),
};

export const JudgementOnWire = z
  .object({
    ...judgement,
    queries: z
      .array(z.string())
      .describe(
        'What the metrics provider was asked for the counters, in PromQL; empty where that was not kept.',
      ),
  })
  .meta({ id: 'Judgement', description: 'What the sequential judge found, and by which figures.' });
export type JudgementOnWire = z.output<typeof JudgementOnWire>;

/** What was found at one poll. */
export const PolledJudgementOnWire = z
  .object({
    ...judgement,
    at: Timestamp.describe('The instant whose counters were read.'),
    step: z.int().nullable().describe('The step it stood in, counted from 0; null where it was not kept.'),
  })
  .meta({ id: 'PolledJudgement' });
export type PolledJudgementOnWire = z.output<typeof PolledJudgementOnWire>;
