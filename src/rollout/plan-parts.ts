import { z } from 'zod';
import { ManagedRouteName, RequestMatches } from './managed-route.ts';
import { Ratio, Seconds, Share } from './units.ts';

/** Envoy's highest finite latency bucket in Istio; a quantile above it is silently capped by Prometheus. */
export const highestBucketMs = 3_600_000;

const observing = {
  mode: z
    .enum(['enforce', 'observe'], { error: 'write enforce or observe' })
    .optional()
    .describe(
      '`observe`: measured, judged and shown, and never acted on. Without it what the check finds is acted on.',
    ),
  severity: z
    .enum(['critical', 'warning'], { error: 'write critical or warning' })
    .optional()
    .describe(
      '`critical`, the usual: a check that fails rolls back. `warning`: it pauses for a person, and never rolls back.',
    ),
};
const repeated = {
  window: Seconds.default(60).describe('How far back each measurement looks, in seconds.'),
  failures: z.int().min(1).max(100).default(2).describe('Failing measurements in a row that roll back.'),
};
const judging = {
  ...repeated,
  minRequests: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(100)
    .describe('Requests in the window below which nothing is judged.'),
  ...observing,
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

const customLimit = { error: 'write a number from 0 on' };
const argName = /^[A-Za-z][A-Za-z0-9_]{0,39}$/;

const CustomCheck = z
  .strictObject({
    metric: z.literal('custom').describe('What a template of this canaryd asks for.'),
    template: z
      .string({ error: 'write the name of a template' })
      .regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/, { error: 'write the name of a template' })
      .describe('One of `checkTemplates` in the configuration of canaryd.'),
    args: z
      .record(
        z.string().regex(argName, { error: 'an argument is named by a letter, and letters, digits and "_"' }),
        z.union([z.string().max(200), z.number()], { error: 'write text or a number' }),
      )
      .default({})
      .describe('The values of its arguments: text, numbers, and durations such as 5m.'),
    max: z.number(customLimit).min(0, customLimit).optional().describe('The highest value that passes.'),
    min: z.number(customLimit).min(0, customLimit).optional().describe('The lowest value that passes.'),
    ...repeated,
    ...observing,
  })
  .refine(({ max, min }) => (max === undefined) !== (min === undefined), {
    error: 'write one limit: max or min, whichever the template has',
  });
export type CustomCheck = z.infer<typeof CustomCheck>;

/** A check as people write it. */
export const PlannedCheck = z.discriminatedUnion('metric', [ErrorRateCheck, P99LatencyCheck, CustomCheck]);

/** The alert rule that a limit was taken from, as it was written then, and where it was read. */
export const FromRule = z.strictObject({
  source: z.literal('prometheus'),
  group: z.string(),
  alert: z.string(),
  expr: z.string(),
});
export type FromRule = z.infer<typeof FromRule>;

/** What an alert rule says beside the limit. `for`: seconds for which it must be broken. */
const ruled = { for: z.number().optional(), fromRule: FromRule.optional() };

/** A check as rollouts follow it. */
export const Check = z.discriminatedUnion('metric', [
  ErrorRateCheck.extend(ruled),
  P99LatencyCheck.extend(ruled),
  CustomCheck,
]);
export type Check = z.infer<typeof Check>;

const ruleForm = { error: 'write a metric, or the alert rule that says the limit as "group/alert"' };

/** A check that is what an alert rule of the cluster says when a rollout is asked for. */
const RuleCheck = z.strictObject({
  metric: z.undefined().optional().meta({ not: {}, description: 'The rule says it.' }),
  rule: z
    .string(ruleForm)
    .max(500, ruleForm)
    .regex(/^[^/].*\/[^/]+$/, ruleForm)
    .describe(
      'Takes limit, window and severity from an alert rule of the Prometheus of the cluster, written as `group/alert`, when a rollout is asked for.',
    ),
  minRequests: judging.minRequests,
  mode: observing.mode,
});
export type RuleCheck = z.infer<typeof RuleCheck>;

/** A check as people write it, which may name an alert rule instead of a metric. */
export const WrittenCheck = z.discriminatedUnion('metric', [
  ErrorRateCheck,
  P99LatencyCheck,
  CustomCheck,
  RuleCheck,
]);
export type WrittenCheck = z.infer<typeof WrittenCheck>;
/** A check of the requests that the mesh counts. */
export type MeshCheck = Exclude<Check, CustomCheck>;

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
  early: z
    .literal(true, { error: 'write true, or leave it out' })
    .optional()
    .describe(
      'Ends as soon as the sequential judge holds the canary to be healthy, after a minute at least.',
    ),
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

/** The checks that are acted on; one in mode `observe` is only shown. */
export function enforcedIn<Checks extends Check>(checks: Record<string, Checks>): Record<string, Checks> {
  return Object.fromEntries(Object.entries(checks).filter(([, { mode }]) => mode !== 'observe'));
}

/** The checks that are acted on by rolling back; one of severity `warning` asks a person. */
export function criticalIn<Checks extends Check>(checks: Record<string, Checks>): Record<string, Checks> {
  return Object.fromEntries(Object.entries(enforcedIn(checks)).filter(([, check]) => !isWarning(check)));
}

/** The checks that are acted on by asking a person. */
export function warningsIn<Checks extends Check>(checks: Record<string, Checks>): Record<string, Checks> {
  return Object.fromEntries(Object.entries(enforcedIn(checks)).filter(([, check]) => isWarning(check)));
}

function isWarning({ severity }: Check): boolean {
  return severity === 'warning';
}

/** The checks of the requests that the mesh counts. */
export function meshChecksIn(checks: Record<string, Check>): Record<string, MeshCheck> {
  return Object.fromEntries(
    Object.entries(checks).flatMap(([id, check]) => (check.metric === 'custom' ? [] : [[id, check]])),
  );
}

/** The checks that templates ask for. */
export function customChecksIn(checks: Record<string, Check>): Record<string, CustomCheck> {
  return Object.fromEntries(
    Object.entries(checks).flatMap(([id, check]) => (check.metric === 'custom' ? [[id, check]] : [])),
  );
}

/** What a check allows at most or, for one whose values must not fall, at least; in the unit of its metric. */
export function limitIn(check: Check): number {
  return (check.metric === 'custom' ? (check.max ?? check.min) : check.max) ?? 0;
}

/**
 * The checks whose windows and numbers of requests guards go by: of those that count requests the ones that are acted
 * on; without any all of them, and without those the custom ones.
 */
export function guidingIn(checks: Record<string, Check>): Record<string, Check> {
  const mesh = meshChecksIn(checks);
  const choices: Record<string, Check>[] = [enforcedIn(mesh), mesh];
  return choices.find((some) => Object.keys(some).length > 0) ?? checks;
}

/** The longest window of the checks that guards go by, in seconds. */
export function longestWindowSeconds(checks: Record<string, Check>): number {
  return longestIn(guidingIn(checks));
}

/** The longest window of any of these checks, in seconds. */
export function longestIn(checks: Record<string, Check>): number {
  return Math.max(0, ...Object.values(checks).map((check) => check.window));
}

/** True for a step that lets checks prove something. */
export function isWatched(step: Step): boolean {
  return step.type === 'bake' || (step.type === 'promote' && step.bake !== undefined);
}

/** Seconds for which a step lets checks prove something; null when it does not. */
export function bakeOf(step: Step | undefined): number | null {
  if (step?.type === 'bake') return step.duration;
  return step?.type === 'promote' ? (step.bake ?? null) : null;
}

/** Seconds for which a step watches or waits; null when it does neither. */
export function watchedSeconds(step: Step): number | null {
  if (step.type === 'bake') return step.duration;
  if (step.type === 'pause') return step.duration ?? null;
  if (step.type === 'promote') return step.bake ?? null;
  return null;
}
