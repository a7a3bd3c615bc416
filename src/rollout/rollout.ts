import { z } from 'zod';
import { Counts, Reading } from '../analysis/reading.ts';
import { emptyTally } from '../analysis/severe.ts';
import { Uptake } from '../analysis/uptake.ts';
import { AlertMemory } from './alert-memory.ts';
import { Approval } from './approval.ts';
import { JudgeMemory } from './judge-memory.ts';
import { ManagedRoute } from './managed-route.ts';
import { StoredPlan } from './plan.ts';
import type { Step } from './plan-parts.ts';
import { Actor, SeenShare } from './reasons.ts';
import type { ScheduledRollout } from './scheduled.ts';
import { isTerminal, type Position, State, type StateKind } from './state.ts';
import { Target } from './target.ts';
import { Millis } from './units.ts';

/** A patch that was decided and written down, and whose effect has not been read back yet. */
const Intent = z.strictObject({
  share: SeenShare,
  end: z.boolean(),
  /** How often this share was tried to be written, one after the other. */
  attempts: z.number(),
  /** True when the write changes managed routes. */
  managed: z.boolean().default(false),
});

/** The canary's share as asked for and as read back; the share of requests comes from metrics and stands in `Watch`. */
const Traffic = z.strictObject({
  desired: SeenShare,
  applied: SeenShare,
  /** The lowest share as read back, only where routes were found at different ones; then `applied` is the highest. */
  lowest: SeenShare.optional(),
  /** What each of several VirtualServices was read at, as `namespace/name`, only where they differ. */
  parts: z.record(z.string(), z.array(SeenShare)).optional(),
  /** When `applied` last changed: evidence from before it says nothing about this share. */
  appliedAt: Millis,
  intent: Intent.nullable(),
  /** Managed routes as they are to stand, the names of those that were read back, and which of them were changed. */
  managed: z
    .strictObject({
      desired: z.array(ManagedRoute),
      applied: z.array(z.string()),
      changed: z.array(z.string()).min(1).optional(),
    })
    .default({ desired: [], applied: [] }),
});

/** One check's outcome at the last poll, kept for people and for the step that waits for it. */
export const CheckResult = z.strictObject({
  verdict: z.enum(['pass', 'fail', 'inconclusive', 'error']),
  canary: Reading,
  stable: Reading,
  limit: z.number(),
  at: Millis,
  failuresInARow: z.number(),
});
export type CheckResult = z.infer<typeof CheckResult>;

/** What the guards remember between two polls. */
export const Watch = z.strictObject({
  lastPollAt: Millis.nullable(),
  /** The canary's share of the requests in the longest window, in percent; null when it is not known. */
  observed: SeenShare.nullable().default(null),
  /** Whether the mesh has taken the weight; null where the numbers of requests do not show it. */
  uptake: Uptake.nullable().default(null),
  results: z.record(z.string(), CheckResult),
  unattributedFailures: z.number(),
  noReadyPodPolls: z.number(),
  missingRequestPolls: z.number(),
  /** Since the last poll with good data for both arms; null while data is good. */
  metricsMissing: z.strictObject({ since: Millis, goodPolls: z.number(), paged: z.boolean() }).nullable(),
  environmentSince: Millis.nullable(),
  severe: z.strictObject({
    canary: Counts,
    stable: Counts,
    /** Severe increments in a row. */
    inARow: z.number(),
    /** Until when requests were counted, so that no two increments overlap. */
    countedUntil: Millis.nullable(),
    /** The canary's counts in the last increment that was judged. */
    judged: Counts.nullable().default(null),
  }),
  /** What the sequential judge knows; null where another one judges, and before its first look. */
  judge: JudgeMemory.nullable().default(null),
  /** Alerts that the plan listens to, as of the last poll; null before the first, and where it listens to none. */
  alerts: AlertMemory.nullable().default(null),
  /** Checks of severity `warning` that a person went on in spite of, and at which share. */
  acknowledged: z
    .strictObject({ share: SeenShare, checks: z.array(z.string()) })
    .nullable()
    .default(null),
});
export type Watch = z.infer<typeof Watch>;

/** Before the first poll, and again whenever the canary has no traffic left to remember anything about. */
export const emptyWatch: Watch = {
  lastPollAt: null,
  observed: null,
  uptake: null,
  results: {},
  unattributedFailures: 0,
  noReadyPodPolls: 0,
  missingRequestPolls: 0,
  metricsMissing: null,
  environmentSince: null,
  severe: { ...emptyTally, countedUntil: null, judged: null },
  judge: null,
  alerts: null,
  acknowledged: null,
};

/** What the canary is: the image digest of each of its containers, and the pod templates that were seen with them. */
export const Identity = z.strictObject({
  digests: z.record(z.string(), z.string()),
  templateHashes: z.array(z.string()),
});
export type Identity = z.infer<typeof Identity>;

/** One run of a plan against a target: the whole of what `decide` knows about it. */
export const Rollout = z.strictObject({
  id: z.string(),
  /** Changes only with state, step or desired weight, never with a measurement. */
  revision: z.number(),
  target: Target,
  plan: StoredPlan,
  /** Which version of a plan that is kept this is a copy of; null when it came with the request. */
  planVersion: z.int().nullable().default(null),
  requestedBy: Actor,
  reason: z.string().nullable(),
  createdAt: Millis,
  /** When preflight was over and the first step began; absent before that. */
  startedAt: Millis.exactOptional(),
  /** When the plan's deadline is reached; a person's pause moves it on. */
  deadlineAt: Millis,
  /** When the next poll of metrics is due. */
  nextPollAt: Millis,
  /** Seconds between two scrapes of the metrics provider. */
  scrapeSeconds: z.number(),
  state: State,
  /** All requests for approval so far, the oldest first. */
  approvals: z.array(Approval).default([]),
  /** What the canary ran at the start; null until it was read, or when its pods may not be read. */
  identity: Identity.nullable().default(null),
  /** The succeeded rollout that this one takes back. */
  rollbackOf: z.string().nullable().default(null),
  /** When it was to begin and when its turn came; null when it began at once. */
  schedule: z.strictObject({ startAt: Millis.nullable(), begunAt: Millis }).nullable().default(null),
  /** When a weight that somebody else had raised was written again, the oldest first; what is long ago is left out. */
  reasserted: z.array(Millis).default([]),
  /** Epoch of the newest write that was decided on; null before the first. */
  writeEpoch: z.number().nullable().default(null),
  traffic: Traffic,
  watch: Watch,
});
export type Rollout = z.infer<typeof Rollout>;

/** What is kept under a rollout's id: before its turn has come, and from then on. */
export type StoredRollout = Rollout | ScheduledRollout;

/** True for one whose turn has not come, or that ended before it came. */
export function isScheduled(rollout: StoredRollout): rollout is ScheduledRollout {
  return 'kind' in rollout;
}

/** When its preflight began: when it was asked for or, when it was scheduled, when its turn came. */
export function begunAt({ schedule, createdAt }: Rollout): number {
  return schedule?.begunAt ?? createdAt;
}

/** What every state is called on the wire. */
export type Status =
  | 'scheduled'
  | 'preflight'
  | 'running'
  | 'promoting'
  | 'holding'
  | 'paused'
  | 'awaiting_approval'
  | 'rolling_back'
  | 'succeeded'
  | 'rolled_back'
  | 'rollback_failed'
  | 'preflight_failed'
  | 'cancelled';

const statusByState = {
  waiting: 'scheduled',
  preflight: 'preflight',
  running: 'running',
  holding: 'holding',
  paused: 'paused',
  awaitingApproval: 'awaiting_approval',
  handingOver: 'promoting',
  rollingBack: 'rolling_back',
  succeeded: 'succeeded',
  rolledBack: 'rolled_back',
  rollbackFailed: 'rollback_failed',
  preflightFailed: 'preflight_failed',
  cancelled: 'cancelled',
} as const satisfies Record<StateKind | 'waiting', Status>;

/** What a rollout may be called while it holds its VirtualService. */
export const liveStatuses: Status[] = [
  'preflight',
  'running',
  'promoting',
  'holding',
  'paused',
  'awaiting_approval',
  'rolling_back',
];

/** The wire name of a rollout's state; a running rollout in its last step is `promoting`. */
export function statusOf(rollout: StoredRollout): Status {
  if (isScheduled(rollout)) return statusByState[rollout.state.kind];
  const { state } = rollout;
  if (state.kind === 'running' && stepAt(rollout, state.position).type === 'promote') return 'promoting';
  return statusByState[state.kind];
}

/** True in a terminal state, which never reopens. */
export function hasEnded({ state }: StoredRollout): boolean {
  return isTerminal[state.kind];
}

/** The step a position points at; a plan always ends in `promote`, which no position passes. */
export function stepAt(rollout: Rollout, position: Position): Step {
  return rollout.plan.steps[position.step] ?? lastStep;
}

const lastStep: Step = { type: 'promote' };

/** Traffic that came to rest at a share: no write is open, and no managed route stands. */
export function trafficAt(share: number, at: number): Rollout['traffic'] {
  return {
    desired: share,
    applied: share,
    appliedAt: at,
    intent: null,
    managed: { desired: [], applied: [] },
  };
}

/** A rollout as it was asked for: nothing read yet, nothing moved. `scrapeSeconds` comes from the metrics provider. */
export function newRollout(
  asked: Pick<Rollout, 'id' | 'target' | 'plan' | 'requestedBy' | 'reason'> &
    Partial<Pick<Rollout, 'planVersion' | 'schedule'>>,
  scrapeSeconds: number,
  now: number,
): Rollout {
  return {
    planVersion: null,
    schedule: null,
    ...asked,
    revision: 1,
    createdAt: now,
    deadlineAt: now + asked.plan.deadline * 1000,
    nextPollAt: now,
    scrapeSeconds,
    state: { kind: 'preflight', waitingFor: null },
    approvals: [],
    identity: null,
    rollbackOf: null,
    reasserted: [],
    writeEpoch: null,
    traffic: trafficAt(0, now),
    watch: emptyWatch,
  };
}
