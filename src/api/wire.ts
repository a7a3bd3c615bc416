import { z } from 'zod';
import { ApprovalOnWire } from './approval-wire.ts';
import { CheckOnWire } from './check-wire.ts';
import { JudgementOnWire } from './judgement-wire.ts';
import { ManagedRouteOnWire, RolloutPlanOnWire } from './plan-on-wire.ts';
import { QuarantineOnWire } from './quarantine-wire.ts';
import { StatusOnWire, StatusReasonOnWire } from './status-wire.ts';
import { ActionName, ActorOnWire, ExplanationOnWire, RolloutId, Timestamp } from './wire-parts.ts';

/**
 * What a rollout looks like to callers: an allow-list, so that a new field of the core stays inside until it is
 * named here. Durations are seconds, ratios 0..1, weights percent.
 */

const Arm = z.object({
  host: z.string(),
  subset: z.string().nullable().describe('Null for all of the host.'),
  service: z.object({ name: z.string(), namespace: z.string() }),
  version: z.string().describe("The pods' version label or, where there is none, the service's name."),
});

const routesInWords =
  'The routes that are moved: an http route by its name, which is empty for one that has none, others as `tls:443/a.bank,b.bank` or `tcp:9000`. Of a scheduled rollout those that were named.';

const TargetOnWire = z
  .object({
    cluster: z.string(),
    namespace: z.string(),
    virtualService: z.string(),
    route: z
      .string()
      .nullable()
      .describe(
        'What the first route is called; null for an http route that has no name, and while nobody named one.',
      ),
    routes: z.array(z.string()).describe(routesInWords),
    also: z
      .array(
        z.object({
          namespace: z.string(),
          virtualService: z.string(),
          routes: z.array(z.string()).describe(routesInWords),
        }),
      )
      .describe('Other VirtualServices that are moved together with the first.'),
    stable: Arm.nullable().describe('Null until its turn comes: the roles are given then.'),
    canary: Arm.nullable(),
  })
  .meta({
    id: 'Target',
    description: 'The routes and their two destinations; roles last as long as the rollout.',
  });

const WeightOnWire = z
  .object({
    desired: z.number().describe("The canary's share that canaryd asks for, in percent."),
    applied: z.number().describe('The share as last read back from the VirtualService, in percent.'),
    observed: z
      .number()
      .nullable()
      .describe("The canary's share of the requests in the longest window, in percent; null when unknown."),
  })
  .meta({ id: 'Weight' });

export const OutcomeOnWire = z
  .object({
    cause: z
      .enum([
        'check',
        'judge',
        'severe_errors',
        'canary_unreachable',
        'unattributed_errors',
        'environment_limit',
        'alert',
        'metrics_missing',
        'deadline',
        'expired',
        'approval_expired',
        'approval_rejected',
        'handover_undone',
        'target_missing',
        'out_of_band',
        'state_restored',
        'drift',
        'operator',
      ])
      .nullable()
      .describe('Why it went back; null when it did not.'),
    check: z.string().nullable(),
    metric: z.enum(['errorRate', 'p99LatencyMs', 'custom']).nullable(),
    unit: z
      .enum(['ratio', 'ms', 'count', 'requests', 'pods', 'seconds'])
      .nullable()
      .describe('Of all three values.'),
    value: z
      .number()
      .nullable()
      .describe('What was measured on the canary; null above the highest bucket too.'),
    stableValue: z.number().nullable().describe('What was measured on stable at the same instant.'),
    limit: z.number().nullable(),
    bucket: z
      .object({ lowerMs: z.number(), upperMs: z.number() })
      .nullable()
      .describe('The histogram bucket that a P99 was interpolated in, in ms; null for everything else.'),
    requests: z.number().nullable().describe('How many requests the value is made of.'),
    failures: z.int().nullable().describe('Failing measurements in a row.'),
    windowSeconds: z.number().nullable(),
    reason: z.string().nullable().describe('In the words of whoever or whatever ended it.'),
    judgement: JudgementOnWire.nullable().describe(
      'What the sequential judge went by; null for every other cause.',
    ),
    by: ActorOnWire.nullable(),
    stuck: z
      .enum(['mesh_write_failed', 'target_missing', 'stable_missing', 'stable_not_ready', 'no_way_back'])
      .nullable()
      .describe('Why a rollback cannot be finished yet; it is tried until it is done.'),
    endedAt: Timestamp.nullable(),
  })
  .meta({ id: 'Outcome', description: 'How it ended, or why it is going back.' });
export type OutcomeOnWire = z.output<typeof OutcomeOnWire>;

const summary = {
  id: RolloutId,
  revision: z.int().describe('Changes with state, step or desired weight, never with a measurement.'),
  status: StatusOnWire,
  statusReason: StatusReasonOnWire,
  target: TargetOnWire,
  versions: z
    .object({ stable: z.string(), canary: z.string() })
    .nullable()
    .describe('Null until its turn comes.'),
  weight: WeightOnWire.nullable().describe('Null until its turn comes: it has moved nothing by then.'),
  step: z
    .object({ index: z.int(), total: z.int(), type: z.string() })
    .nullable()
    .describe('Where it stands in its plan, counted from 0; null before the first step and after the end.'),
  requestedBy: ActorOnWire,
  reason: z.string().nullable(),
  createdAt: Timestamp,
  startAt: Timestamp.nullable().describe('When it is or was to begin; null when no time was asked for.'),
  deadlineAt: Timestamp.nullable().describe(
    "When the plan's deadline is reached; pauses by people move it on. Null until its turn comes.",
  ),
  allowedActions: z.array(ActionName),
  outcome: OutcomeOnWire.nullable(),
  quarantine: QuarantineOnWire,
  managedRoutes: z
    .array(ManagedRouteOnWire)
    .describe('Routes of canaryd that stand before those of the target, as last read back.'),
  approvals: z.array(ApprovalOnWire).describe('The oldest first.'),
  rollbackOf: RolloutId.nullable().describe('The succeeded rollout that this one takes back.'),
  links: z.object({
    self: z.string(),
    status: z.string(),
    events: z.string(),
    measurements: z.string(),
    judgements: z.string(),
    approvals: z.string(),
    audit: z.string(),
  }),
};

const judgement = JudgementOnWire.nullable().describe(
  'What the sequential judge found last; null with `judge: threshold`, and before its first look.',
);

export const RolloutSummaryOnWire = z.object(summary).meta({ id: 'RolloutSummary' });

export const RolloutOnWire = z
  .object({
    ...summary,
    nextAt: Timestamp.nullable().describe('When canaryd looks next; null after the end.'),
    plan: RolloutPlanOnWire,
    checks: z.array(CheckOnWire),
    judgement,
    explanation: ExplanationOnWire,
  })
  .meta({ id: 'Rollout' });
export type RolloutOnWire = z.output<typeof RolloutOnWire>;

export const StatusAnswer = z
  .object({
    id: RolloutId,
    revision: z.int(),
    status: StatusOnWire,
    statusReason: StatusReasonOnWire,
    terminal: z.boolean(),
    exitCode: z.int().describe('What a pipeline exits with; also in the `Rollout-Exit-Code` header.'),
    summary: z.string(),
    explanation: ExplanationOnWire,
    quarantine: QuarantineOnWire,
    weight: WeightOnWire.nullable().describe('Null until its turn comes: it has moved nothing by then.'),
    checks: z.array(CheckOnWire),
    judgement,
    allowedActions: z.array(ActionName),
  })
  .meta({ id: 'RolloutStatus' });
