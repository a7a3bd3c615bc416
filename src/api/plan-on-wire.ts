import { z } from 'zod';

const repeated = {
  window: z.number(),
  failures: z.int(),
  mode: z.enum(['enforce', 'observe']).optional(),
  severity: z.enum(['critical', 'warning']).optional(),
};
export const FromRuleOnWire = z
  .object({
    source: z.literal('prometheus'),
    group: z.string(),
    alert: z.string(),
    expr: z.string().describe('As the rule was written when the rollout was asked for.'),
  })
  .meta({ id: 'FromRule', description: 'The alert rule that a limit was taken from.' });

const judging = {
  ...repeated,
  minRequests: z.int(),
  for: z.number().optional().describe('Seconds for which the rule says that the limit must be broken.'),
  fromRule: FromRuleOnWire.optional(),
};

const RuleOnWire = z
  .object({
    rule: z.string().describe('`group/alert`: what it says is asked of the cluster for each rollout.'),
    minRequests: z.int(),
    mode: z.enum(['enforce', 'observe']).optional(),
  })
  .meta({ id: 'CheckByRule' });

const TextMatch = z.union([
  z.object({ exact: z.string() }),
  z.object({ prefix: z.string() }),
  z.object({ regex: z.string() }),
]);
const RequestMatch = z
  .object({
    headers: z.record(z.string(), TextMatch).optional(),
    cookies: z.record(z.string(), TextMatch).optional(),
    method: TextMatch.optional(),
    uri: TextMatch.optional(),
  })
  .meta({ id: 'RequestMatch', description: 'Requests that match all of these.' });

const HeaderRouteStep = z.object({
  type: z.literal('setHeaderRoute'),
  name: z.string(),
  match: z.array(RequestMatch).optional(),
  remove: z.literal(true).optional(),
});
const MirrorRouteStep = z.object({
  type: z.literal('setMirrorRoute'),
  name: z.string(),
  percentage: z.number(),
  match: z.array(RequestMatch).optional(),
  remove: z.literal(true).optional(),
});

const ReadinessRulesOnWire = z
  .object({
    block: z.array(z.enum(['error', 'warn', 'info', 'unknown'])).optional(),
    mutualTls: z.enum(['STRICT', 'PERMISSIVE']).optional(),
    defaultDeny: z.boolean().optional(),
    egressHosts: z.array(z.string()).optional(),
    imageDigests: z.boolean().optional(),
    waivers: z.array(z.object({ check: z.string(), reason: z.string(), until: z.string() })).optional(),
  })
  .meta({ id: 'ReadinessRules', description: 'What the plan asks of the mesh before the first percent.' });

const ListenedAlert = z.object({
  match: z.record(z.string(), z.string()),
  // biome-ignore lint/suspicious/noThenProperty: a word of plans, and never a function
  then: z.enum(['hold', 'rollback']),
});

export const PlanOnWire = z
  .object({
    name: z.string(),
    interval: z.number().describe('Seconds between two measurements.'),
    deadline: z.number().describe('Seconds after which an unfinished rollout rolls back.'),
    pauseExpiry: z.number().describe('Seconds after which a pause rolls back.'),
    metricsDown: z.enum(['rollback', 'page']),
    onDrift: z.enum(['pause', 'reassert', 'rollback']),
    onSuccess: z.enum(['keep', 'handover']),
    handoverBake: z.number().describe('Seconds to watch stable after it was handed over.'),
    stable: z.object({ minReady: z.int().optional() }),
    readiness: ReadinessRulesOnWire.optional(),
    alerts: z.array(ListenedAlert).optional().describe('Alerts that the plan listens to; none when absent.'),
    judge: z.enum(['threshold', 'sequential']).describe('Who decides: see `judgement` of a rollout.'),
    checks: z.record(
      z.string(),
      z.union([
        RuleOnWire,
        z.object({ metric: z.literal('errorRate'), max: z.number(), ...judging }),
        z.object({ metric: z.literal('p99LatencyMs'), max: z.number(), ...judging }),
        z.object({
          metric: z.literal('custom'),
          template: z.string(),
          args: z.record(z.string(), z.union([z.string(), z.number()])),
          max: z.number().optional(),
          min: z.number().optional(),
          ...repeated,
        }),
      ]),
    ),
    steps: z.array(
      z.discriminatedUnion('type', [
        z.object({ type: z.literal('setWeight'), weight: z.number(), reduce: z.literal(true).optional() }),
        HeaderRouteStep,
        MirrorRouteStep,
        z.object({ type: z.literal('bake'), duration: z.number(), early: z.literal(true).optional() }),
        z.object({ type: z.literal('pause'), duration: z.number().optional() }),
        z.object({ type: z.literal('approval'), count: z.int(), expires: z.number() }),
        z.object({ type: z.literal('promote'), bake: z.number().optional() }),
      ]),
    ),
  })
  .meta({ id: 'Plan', description: 'The plan as stored: durations in seconds, ratios 0..1.' });

export const RolloutPlanOnWire = PlanOnWire.extend({
  version: z.int().nullable().describe('Of the plan that is kept; null when it came with the request.'),
  digest: z.string().describe('SHA-256 over the plan as canonical JSON: the same content, the same digest.'),
}).meta({ id: 'RolloutPlan', description: 'The copy of the plan that the rollout follows to its end.' });

export const ManagedRouteOnWire = z
  .object({
    name: z.string().describe('As it stands in the VirtualService.'),
    kind: z.enum(['header', 'mirror']),
    does: z.string().describe('What it does, in words.'),
  })
  .meta({ id: 'ManagedRoute' });
