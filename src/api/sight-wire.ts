import { z } from 'zod';
import { CheckOnWire } from './check-wire.ts';

const { limit } = CheckOnWire.shape;

const rate = z
  .number()
  .nullable()
  .describe(
    'The ratio of bad requests (5xx, or slower than a latency limit) that a canary is taken to have: what the limit allows, where that shows beside stable, else twice as many. Null where none is ever found.',
  );

const SeenLimit = z.object({
  check: z.string(),
  limit,
  rate,
  requests: z
    .int()
    .nullable()
    .describe("The canary's requests until such a canary is found; null where it never is."),
  bakeSeconds: z
    .number()
    .nullable()
    .describe(
      'How long this step must bake to find it; null where no bake is long enough, or that is not known.',
    ),
  requestsAtRisk: z
    .number()
    .nullable()
    .describe('Bad requests of such a canary until it is found and turned back, two polls included.'),
  risk: z
    .enum(['none', 'unseen', 'unknown'])
    .describe(
      '`unseen`: the bake ends before such a canary is found; more requests of later steps may still find it.',
    ),
  hint: z.string().describe('The numbers in words and, where there is a risk, what would mend it.'),
});

export const StepSightOnWire = z.object({
  expectedRequests: z
    .number()
    .nullable()
    .describe("The canary's requests in the whole bake: stable's rate now x share x bake."),
  leastErrorRate: z
    .number()
    .nullable()
    .describe('The least ratio of 5xx that is likely to show by the end of the bake; null when none is.'),
  leastSlowdown: z
    .number()
    .nullable()
    .describe(
      'How many times as long requests must take to be likely to show by its end, if all take so many times as long as those in the histogram of stable; null when not even 100 times, or without a histogram.',
    ),
  checks: z.array(SeenLimit).describe('The limits of the plan, one by one.'),
  hint: z.string().describe('The numbers in words.'),
});

export const JudgedStable = z.object({
  stableErrorRate: z.number().describe("The ratio of 5xx in stable's requests now."),
  noiseFactor: z.number().describe('How much noisier requests are than independent ones.'),
  noiseFrom: z
    .enum(['pods', 'assumed', 'settings'])
    .describe(
      "`assumed` while stable's history was not read: the rollout reads it, and may see more or less.",
    ),
});

/** What a step needs to see a limit, for whatever service a plan is. */
export const StepNeedOnWire = z.object({
  check: z.string(),
  limit,
  rate,
  stableRequestsPerSecond: z
    .number()
    .nullable()
    .describe(
      "Stable's requests per second from which on the step is likely to find such a canary by its end, if stable itself has no bad ones; with some it takes more. Null where none are enough.",
    ),
});
