import { z } from 'zod';
import { FindingOnWire } from './readiness-wire.ts';
import { RolloutOnWire } from './wire.ts';
import { Timestamp } from './wire-parts.ts';

/** What every answer about the surroundings of a target begins with. */
export const questioned = {
  cluster: z.string(),
  namespace: z.string(),
  virtualService: z.string(),
  checkedAt: Timestamp.describe('When it was read.'),
  target: RolloutOnWire.shape.target,
  versions: RolloutOnWire.shape.versions,
  liveRollout: z
    .string()
    .nullable()
    .describe('The live rollout whose roles were taken; null when the weights told which is the canary.'),
};

const { id, title, family, priority, result, severity, read, means, mend, object, path, codes, again } =
  FindingOnWire.shape;

const CheckOnChecklist = z
  .object({
    id,
    title,
    family,
    codes,
    again,
    state: result.describe(
      'The worst of its findings: `fail`, `unknown` when something could not be read, `pass`, or `skip` when it does not apply.',
    ),
    severity: severity.describe('Of its gravest failure; null for what did not fail.'),
    findings: z
      .array(z.object({ result, severity, read, means, mend, object, path }))
      .describe('At least one: the evidence. Several where several objects are at fault.'),
  })
  .meta({ id: 'ChecklistCheck' });

const count = z.int();

const Counts = z.object({
  checks: count,
  passed: count,
  failed: count.describe('Failed with the severity `error`.'),
  warned: count.describe('Failed with a lower severity.'),
  unknown: count,
  skipped: count.describe('Do not apply.'),
});

const Limits = z.object({
  checks: z.array(
    z.object({
      check: z.string(),
      metric: z.enum(['errorRate', 'p99LatencyMs']),
      unit: z.enum(['ratio', 'ms']),
      limit: z.number(),
      windowSeconds: z.number(),
      minRequests: count,
    }),
  ),
  shares: z.array(z.number()).describe('Shares of the canary in percent.'),
  deadlineSeconds: z.number().describe('How long a rollout may take: certificates have to outlive it.'),
  mutualTls: z.enum(['STRICT', 'PERMISSIVE']),
  defaultDeny: z.boolean(),
  imageDigests: z.boolean(),
});

export const ChecklistOnWire = z
  .object({
    ...questioned,
    limits: Limits.describe(
      'By what it was judged: the usual plan, as a checklist belongs to a target. `POST /v1/preflights` judges by a plan of its own.',
    ),
    priorities: z
      .array(z.object({ priority, counts: Counts, checks: z.array(CheckOnChecklist) }))
      .describe('P0, P1 and P2, in this order.'),
    links: z.object({ self: z.string(), target: z.string(), mtls: z.string() }),
  })
  .meta({ id: 'Checklist', description: "A bank's checklist for a target, each row with its live state." });
