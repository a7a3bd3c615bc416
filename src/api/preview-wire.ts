import { z } from 'zod';
import { CheckOnWire } from './check-wire.ts';
import { HoldOnWire } from './hold-wire.ts';
import { OtherRoutesOnWire } from './other-routes-wire.ts';
import { ReadinessOnWire } from './readiness-wire.ts';
import { JudgedStable, StepSightOnWire } from './sight-wire.ts';
import { RolloutOnWire } from './wire.ts';
import { ActorOnWire, RolloutId, Timestamp } from './wire-parts.ts';

const SpecDiff = z.object({
  object: z
    .string()
    .optional()
    .describe('Which VirtualService, as `namespace/name`; absent where there is one.'),
  op: z.enum(['add', 'replace', 'remove']),
  path: z.string().describe('JSON Pointer into the VirtualService.'),
  from: z.unknown().describe('The weight or the managed route that stands there before; null for none.'),
  value: z.unknown().describe('The weight or the managed route that is written; null when it is removed.'),
});

const Queries = z.array(
  z.object({
    purpose: z
      .enum([
        'value',
        'requests',
        'buckets',
        'callers',
        'freshness',
        'clock',
        'increments',
        'counters',
        'history',
      ])
      .describe(
        '`value` of an error rate counts its requests as well. `increments` covers the time since the last count, here one interval. `counters` are what each pod has counted, and `history` what stable’s had minute by minute: both for the sequential judge.',
      ),
    query: z.string().describe('In PromQL, as sent for this service alone.'),
  }),
);

const {
  metric,
  template,
  breach,
  unit,
  limit,
  windowSeconds,
  minRequests,
  mode,
  severity,
  fromRule,
  stable,
} = CheckOnWire.shape;

const PreviewedCheck = z
  .object({
    check: z.string(),
    metric,
    template,
    unit,
    breach,
    limit,
    windowSeconds,
    minRequests,
    mode,
    severity,
    fromRule,
    now: z
      .object({ stable: stable.unwrap() })
      .nullable()
      .describe("Stable's value over the check's window; null when metrics cannot be read."),
    verdictIfLikeStable: z
      .enum(['pass', 'fail'])
      .nullable()
      .describe('What a canary that is like stable would get; null when stable gives no value.'),
    bucket: z
      .object({
        lowerMs: z.number(),
        upperMs: z.number().nullable().describe('Null when the limit lies above the highest bound.'),
        annotation: z.object({ name: z.string(), value: z.string() }).describe('Adds a bound at the limit.'),
      })
      .nullable()
      .describe('The histogram bucket that the limit lies inside of; null when the limit is a bound.'),
    queries: Queries,
  })
  .meta({ id: 'PreviewedCheck' });

const ExpectedCheck = z.object({
  check: z.string(),
  limit,
  minRequests,
  expectedRequests: z
    .number()
    .nullable()
    .describe("The canary's requests in one window: stable's rate now x share x window."),
  risk: z
    .enum(['none', 'inconclusive_likely', 'unknown'])
    .describe('`inconclusive_likely`: too few requests to judge, so that the rollout is held there.'),
  hint: z.string().describe('The numbers in words and, where there is a risk, what would mend it.'),
});

const PreviewedStep = z
  .object({
    step: z.int().describe('Where the step stands in the plan, counted from 0.'),
    type: z.string(),
    share: z.number().describe("The canary's share in this step, in percent."),
    startsInSeconds: z.number().describe('After the start, if nothing holds and nobody pauses.'),
    at: Timestamp.describe('The earliest time at which it begins.'),
    diff: z
      .array(SpecDiff)
      .describe(
        'What this step writes to the VirtualService as it stands now; empty while its weights are not at rest.',
      ),
    checks: z
      .array(ExpectedCheck)
      .describe('Where the threshold judge watches the canary; else empty: see `sight`.'),
    sight: StepSightOnWire.nullable().describe(
      'What the sequential judge sees where it watches the canary, from the requests of this step alone; else null.',
    ),
    exposure: z
      .object({
        seconds: z.number(),
        requests: z.number(),
      })
      .nullable()
      .describe(
        'What a canary that fails from its first request on in this step gets before the earliest check can turn it back. Of the threshold judge: minRequests, and its rate x (failures x interval + one scrape). Of the sequential judge: what it takes to be sure, two polls and one scrape. Null when that is not known, or nothing could judge.',
      ),
  })
  .meta({ id: 'PreviewedStep' });

export const PreviewOnWire = z
  .object({
    dryRun: z.literal('all'),
    wouldStart: z
      .boolean()
      .describe('Whether it would begin at once, or when its time comes, as things stand now.'),
    why: z.string().nullable().describe('Why it would not; null when it would.'),
    startAt: RolloutOnWire.shape.startAt,
    queuedBehind: RolloutId.nullable().describe('The rollout that it would wait for; null when it is first.'),
    target: RolloutOnWire.shape.target,
    versions: RolloutOnWire.shape.versions,
    plan: RolloutOnWire.shape.plan,
    warnings: z.array(z.string()).describe('What to know before the start, the worst first.'),
    requestsPerSecond: z.number().nullable().describe('Of stable now; null when metrics cannot be read.'),
    judged: JudgedStable.nullable().describe(
      'What the sequential judge is taken to go by; null for the threshold judge, and when metrics do not show it.',
    ),
    checks: z.array(PreviewedCheck),
    guards: z.object({ queries: Queries }).describe('What each poll asks beside the checks.'),
    steps: z.array(PreviewedStep),
    approvals: z.array(
      z.object({
        step: z.int().describe('Counted from 0.'),
        count: z.int().describe('People who have to approve.'),
        excludes: z
          .array(ActorOnWire)
          .describe('People who may not: whoever asks for the rollout. No machine may.'),
        expiresSeconds: z.number(),
      }),
    ),
    writes: z
      .array(
        z.object({
          write: z.enum(['first', 'way_back']),
          share: z.number().describe("The canary's share that it writes, in percent."),
          outcome: z
            .enum(['accepted', 'refused', 'unknown'])
            .describe('`unknown`: the API server would not try it, or did not answer.'),
          why: z.string().nullable().describe('What the API server said; null when it is accepted.'),
        }),
      )
      .describe(
        'How the API server and its admission webhooks answer the first write of the plan and the one that goes back, sent as a dry run; empty while the weights are not at rest.',
      ),
    otherRoutes: OtherRoutesOnWire.nullable().describe(
      'What sends requests to the canary beside the weights; null while the roles are not known.',
    ),
    readiness: ReadinessOnWire.nullable().describe(
      'All readiness checks of the mesh around the target; null while the roles are not known.',
    ),
    hold: HoldOnWire.nullable().describe('The hold order over this target; null when there is none.'),
    totalSeconds: z.number().describe('How long the plan takes if nothing holds and nobody pauses.'),
    estimatedEnd: Timestamp.describe('The earliest time at which it ends.'),
  })
  .meta({ id: 'Preview' });
