import { z } from 'zod';
import { Bucket, Unit } from '../analysis/reading.ts';
import { Verdict } from '../analysis/sequential/verdict.ts';
import { GitOps, Mover } from './mover.ts';
import { Millis } from './units.ts';

/** A share as read from the mesh, where another hand may have left any fraction. */
export const SeenShare = z.number().min(0).max(100);

/** Who did it, taken from the credential and never from a body. */
export const Actor = z.strictObject({ kind: z.enum(['person', 'machine', 'canaryd']), name: z.string() });
export type Actor = z.infer<typeof Actor>;

/** canaryd itself, for what it does on its own. */
export const canaryd: Actor = { kind: 'canaryd', name: 'canaryd' };

/** A database that knows less than the mesh: shares in percent, and the epochs that either knew. */
const Restored = {
  desired: SeenShare,
  found: SeenShare,
  recordedEpoch: z.number(),
  foundEpoch: z.number(),
};

/** Whose hand it was, as far as the object tells; rollouts stored before have none. */
const byHand = { movedBy: Mover.nullable().default(null), gitOps: GitOps.nullable().default(null) };

/** How canaryd came to know of an alert: it was looked for, or somebody's token sent it. */
export const ReceivedBy = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('prometheus') }),
  z.strictObject({ kind: z.literal('hook'), by: Actor }),
]);
export type ReceivedBy = z.infer<typeof ReceivedBy>;

const alert = { name: z.string(), labels: z.record(z.string(), z.string()), receivedBy: ReceivedBy };

/** What was measured. Of a custom check its unit, and whether it must not fall below its limit, too; `rule`: `group/alert`. */
const ofMetric = {
  metric: z.enum(['errorRate', 'p99LatencyMs', 'custom']),
  rule: z.string().exactOptional(),
  unit: Unit.exactOptional(),
  breach: z.enum(['above', 'below']).exactOptional(),
};

/** Why a rollout goes back: the facts, with units in the names, that the audit row alone must explain. */
export const Cause = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('check'),
    check: z.string(),
    ...ofMetric,
    value: z.number(),
    stable: z.number().nullable(),
    limit: z.number(),
    requests: z.number(),
    failures: z.number(),
    windowSeconds: z.number(),
    /** Bounds of the histogram bucket that the value fell into, in ms; null for ratios. */
    bucket: Bucket.nullable().default(null),
  }),
  /** The sequential judge: `why` is its sentence, `verdict` what it goes by; `share` in percent. */
  z.strictObject({
    kind: z.literal('judged'),
    ruling: z.enum(['regression', 'limit', 'trafficMismatch', 'backstop', 'environmentLimit']),
    why: z.string(),
    share: SeenShare,
    verdict: Verdict,
    queries: z.array(z.string()),
  }),
  z.strictObject({
    kind: z.literal('severeErrors'),
    value: z.number(),
    limit: z.number(),
    requests: z.number(),
  }),
  z.strictObject({
    kind: z.literal('canaryUnreachable'),
    evidence: z.discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('noReadyPod'),
        ready: z.number(),
        total: z.number(),
        polls: z.number(),
      }),
      z.strictObject({
        kind: z.literal('missingRequests'),
        requests: z.number(),
        expected: z.number(),
        polls: z.number(),
      }),
    ]),
  }),
  z.strictObject({
    kind: z.literal('unattributedErrors'),
    value: z.number(),
    limit: z.number(),
    requests: z.number(),
    failures: z.number(),
  }),
  z.strictObject({
    kind: z.literal('environmentLimit'),
    check: z.string(),
    ...ofMetric,
    value: z.number(),
    stable: z.number(),
    limit: z.number(),
    requests: z.number(),
    seconds: z.number(),
  }),
  /** `labels` are those that the plan names, `startsAt` lies after the beginning of the rollout. */
  z.strictObject({ kind: z.literal('alert'), ...alert, startsAt: Millis }),
  z.strictObject({ kind: z.literal('metricsMissing'), seconds: z.number(), why: z.string() }),
  z.strictObject({ kind: z.literal('deadline'), seconds: z.number() }),
  z.strictObject({ kind: z.literal('expired'), seconds: z.number() }),
  z.strictObject({
    kind: z.literal('approvalExpired'),
    seconds: z.number(),
    approvals: z.number(),
    needed: z.number(),
  }),
  z.strictObject({ kind: z.literal('approvalRejected'), reason: z.string().nullable() }),
  z.strictObject({ kind: z.literal('handoverUndone') }),
  z.strictObject({ kind: z.literal('targetMissing') }),
  /** `epoch`: of the write that took the canary's traffic while nobody could write it down. */
  z.strictObject({ kind: z.literal('outOfBand'), epoch: z.number() }),
  z.strictObject({ kind: z.literal('stateRestored'), ...Restored }),
  z.strictObject({ kind: z.literal('drift'), expected: SeenShare, found: SeenShare, ...byHand }),
  z.strictObject({ kind: z.literal('operator'), reason: z.string().nullable() }),
]);
export type Cause = z.infer<typeof Cause>;

/** Which VirtualService, as `namespace/name`, where a rollout moves several. */
const ofSeveral = { object: z.string().exactOptional() };

/** A mesh that cannot be read or written: since when, and whether somebody was told that it takes long. */
const outage = { why: z.string(), since: Millis.exactOptional(), paged: z.literal(true).exactOptional() };

/** Why a rollout holds by itself; it goes on by itself when the reason is gone. */
export const HoldReason = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('metricsMissing'), why: z.string(), since: Millis }),
  z.strictObject({
    kind: z.literal('noTraffic'),
    requests: z.number(),
    expected: z.number(),
    needed: z.number(),
  }),
  /** `observed` is a share of requests, in percent; `tolerance` says how many points it may be off. */
  z.strictObject({
    kind: z.literal('trafficMismatch'),
    applied: SeenShare,
    observed: SeenShare,
    tolerance: z.number(),
    requests: z.number(),
    since: Millis,
  }),
  z.strictObject({
    kind: z.literal('environment'),
    check: z.string(),
    ...ofMetric,
    canary: z.number(),
    stable: z.number(),
    limit: z.number(),
    requests: z.number(),
    since: Millis,
  }),
  /** The sequential judge; `until` is when this leads further, where that is known. */
  z.strictObject({
    kind: z.literal('judged'),
    ruling: z.enum(['environment', 'suspicion', 'breach', 'noTraffic']),
    why: z.string(),
    since: Millis,
    until: Millis.nullable(),
    verdict: Verdict,
  }),
  /** `only`: why it does no more than hold; by the plan, or because of when it began. `since`: when it was first heard of. */
  z.strictObject({
    kind: z.literal('alert'),
    ...alert,
    startsAt: Millis.nullable(),
    only: z.enum(['plan', 'beganBefore', 'beginningUnknown']),
    since: Millis,
  }),
  z.strictObject({
    kind: z.literal('stableNotReady'),
    ready: z.number(),
    total: z.number(),
    needed: z.number(),
  }),
  z.strictObject({ kind: z.literal('unproven'), share: SeenShare }),
  z.strictObject({ kind: z.literal('targetMissing'), since: Millis, ...ofSeveral }),
  z.strictObject({ kind: z.literal('canaryNotReady'), total: z.number() }),
  z.strictObject({ kind: z.literal('canaryUnsettled'), why: z.string() }),
  /** `check`: the readiness check that speaks against a raise. */
  z.strictObject({ kind: z.literal('notReady'), check: z.string(), why: z.string(), checkedAt: Millis }),
  z.strictObject({
    kind: z.literal('killSwitch'),
    order: z.string(),
    scope: z.string(),
    by: Actor,
    reason: z.string().nullable(),
    since: Millis,
    /** Until when the deadline was moved on for it. */
    countedUntil: Millis,
  }),
  z.strictObject({ kind: z.literal('meshUnavailable'), ...outage }),
  z.strictObject({ kind: z.literal('meshWriteFailed'), ...outage }),
]);
export type HoldReason = z.infer<typeof HoldReason>;

/** Why a rollout waits for a person. */
export const PauseReason = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('operator'), by: Actor, note: z.string().nullable() }),
  z.strictObject({ kind: z.literal('plan') }),
  /** The sequential judge had evidence against the canary for as long as the step lasts, and never enough. */
  z.strictObject({
    kind: z.literal('inconclusive'),
    why: z.string(),
    seconds: z.number(),
    verdict: Verdict,
  }),
  /** A check of severity `warning` fails; `verdict` is that of the sequential judge, null where a threshold told. */
  z.strictObject({
    kind: z.literal('warning'),
    check: z.string(),
    why: z.string(),
    verdict: Verdict.nullable(),
  }),
  z.strictObject({ kind: z.literal('drift'), expected: SeenShare, found: SeenShare, ...byHand }),
  z.strictObject({ kind: z.literal('recreated'), uid: z.string(), ...ofSeveral }),
  z.strictObject({
    kind: z.literal('canaryChanged'),
    container: z.string(),
    from: z.string(),
    to: z.string(),
    /** True when somebody was told that it still has traffic. */
    paged: z.boolean().default(false),
  }),
  z.strictObject({ kind: z.literal('shapeChanged'), why: z.string(), ...byHand }),
  /** Managed routes are others than canaryd wrote; a resume writes them anew. */
  z.strictObject({ kind: z.literal('routesChanged'), why: z.string(), ...byHand }),
  z.strictObject({ kind: z.literal('stateRestored'), ...Restored }),
  /** `epoch`: of its write. */
  z.strictObject({
    kind: z.literal('anotherRollout'),
    rollout: z.string(),
    epoch: z.number(),
    /** Who wrote the annotation, when it was not canaryd. */
    signedBy: Mover.nullable().default(null),
  }),
]);
export type PauseReason = z.infer<typeof PauseReason>;

/** Why a rollback cannot be finished yet; it is tried until it is done. */
export const StuckReason = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('meshWriteFailed'),
    why: z.string(),
    /** The object has a form that is not understood. */
    misshapen: z.literal(true).exactOptional(),
  }),
  z.strictObject({ kind: z.literal('stableMissing') }),
  z.strictObject({ kind: z.literal('targetMissing'), since: Millis, ...ofSeveral }),
  z.strictObject({ kind: z.literal('stableNotReady') }),
  z.strictObject({ kind: z.literal('stableCarries') }),
]);
export type StuckReason = z.infer<typeof StuckReason>;
