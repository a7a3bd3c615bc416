import { z } from 'zod';
import { ManagedRouteName, RequestMatches } from './managed-route.ts';
import { Ratio, Seconds, Share } from './units.ts';

/** Envoy's highest finite latency bucket in Istio; a quantile above it is silently capped by Prometheus. */
export const highestBucketMs = 3_600_000;

const judging = {
  window: Seconds.default(60).describe('How far back each measurement looks, in seconds.'),
  failures: z.int().min(1).max(100).default(2).describe('Failing measurements in a row that roll back.'),
  minRequests: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(100)
    .describe('Requests in the window below which nothing is judged.'),
};

const ErrorRateCheck = z.strictObject({
  metric: z.literal('errorRate').describe('Responses with a 5xx status as a ratio of all responses.'),
  max: Ratio.default(0.01).describe('The highest ratio that passes.'),
  ...judging,
});

const P99LatencyCheck = z.strictObject({
  metric: z.literal('p99LatencyMs').describe('99th percentile of the response time, in milliseconds.'),
  max: z
    .number({ error: 'write milliseconds as a number, such as 2000' })
    .positive({ error: 'a latency limit is above 0 ms' })
    .lt(highestBucketMs, { error: `a latency limit lies below the highest bucket, ${highestBucketMs} ms` })
    .default(2000)
    .describe('The highest P99 that passes, in milliseconds.'),
  ...judging,
});

export const Check = z.discriminatedUnion('metric', [ErrorRateCheck, P99LatencyCheck]);
export type Check = z.infer<typeof Check>;

export const CheckId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/, {
    error: 'a check is named by 1 to 40 of A-Z, a-z, 0-9, "_" and "-"',
  })
  // Results are looked up by this name, and every object already answers to these.
  .refine((id) => !(id in {}), { error: 'this name is taken: choose another one' });

const SetWeight = z.strictObject({
  type: z.literal('setWeight'),
  weight: Share.refine((share) => share > 0, { error: 'a step raises the weight above 0' }).describe(
    "The canary's share in percent.",
  ),
  reduce: z
    .literal(true, { error: 'write true, or leave it out' })
    .optional()
    .describe('Must be written when the weight is lower than the one before.'),
});
const Bake = z.strictObject({
  type: z.literal('bake'),
  duration: Seconds.describe('How long the share is watched, in seconds.'),
});
const Pause = z.strictObject({
  type: z.literal('pause'),
  duration: Seconds.optional().describe(
    'Seconds to wait; without it the rollout waits for a person to resume it.',
  ),
});
const Promote = z.strictObject({
  type: z.literal('promote'),
  bake: Seconds.optional().describe(
    'Seconds to watch at 100 % before the rollout ends; a breach still rolls back.',
  ),
});

const ApprovalStep = z.strictObject({
  type: z.literal('approval'),
  count: z
    .int()
    .min(1)
    .max(10)
    .default(1)
    .describe('People who have to approve; whoever asked for the rollout is none of them.'),
  expires: Seconds.default(86_400).describe('Seconds after which a rollout that nobody approved rolls back.'),
});

const remove = z
  .literal(true, { error: 'write true, or leave it out' })
  .optional()
  .describe('Takes the route of this name away again.');

const SetHeaderRoute = z.strictObject({
  type: z.literal('setHeaderRoute'),
  name: ManagedRouteName.default('header').describe('What the route is called: `canaryd-` and this.'),
  match: RequestMatches.optional().describe(
    'Requests that go to the canary whatever the weight: any of these matches, and all parts of one.',
  ),
  remove,
});
const SetMirrorRoute = z.strictObject({
  type: z.literal('setMirrorRoute'),
  name: ManagedRouteName.default('mirror').describe('What the route is called: `canaryd-` and this.'),
  percentage: z
    .number({ error: 'write a percentage as a number, such as 10' })
    .gt(0, { error: 'mirror more than 0 %' })
    .max(100, { error: 'mirror at most 100 %' })
    .default(100)
    .describe('Percent of the matching requests that are copied to the canary.'),
  match: RequestMatches.optional().describe('Which requests; all of them when left out.'),
  remove,
});

export const Step = z.discriminatedUnion('type', [
  SetWeight,
  SetHeaderRoute,
  SetMirrorRoute,
  Bake,
  Pause,
  ApprovalStep,
  Promote,
]);
export type Step = z.infer<typeof Step>;
export type StepType = Step['type'];

/** The longest window of a plan's checks, in seconds. */
export function longestWindowSeconds(checks: Record<string, Check>): number {
  return Math.max(0, ...Object.values(checks).map((check) => check.window));
}

/** True for a step that lets checks prove something. */
export function isWatched(step: Step): boolean {
  return step.type === 'bake' || (step.type === 'promote' && step.bake !== undefined);
}

/** Seconds for which a step watches or waits; null when it does neither. */
export function watchedSeconds(step: Step): number | null {
  if (step.type === 'bake') return step.duration;
  if (step.type === 'pause') return step.duration ?? null;
  if (step.type === 'promote') return step.bake ?? null;
  return null;
}
