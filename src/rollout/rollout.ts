import { z } from 'zod';
import { Counts, Reading } from '../analysis/reading.ts';
import { emptyTally } from '../analysis/severe.ts';
import { StoredPlan } from './plan.ts';
import type { Step } from './plan-parts.ts';
import { Actor, Cause, HoldReason, PauseReason, SeenShare, StuckReason } from './reasons.ts';
import { Target } from './target.ts';

const Millis = z.number();

/** Where a rollout stands in its plan. `startedAt` is moved on by every hold and pause, so that waiting never counts as baking. */
export const Position = z.strictObject({
  step: z.number(),
  startedAt: Millis,
  /** True when a person said, with a reason, that this step's weight needs no proof. */
  overridden: z.boolean(),
  /** True when a person ended the last bake early. */
  bakeEnded: z.boolean().default(false),
});
export type Position = z.infer<typeof Position>;

export const State = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('preflight'),
    /** What the start waits for, in words; null before the first look. */
    waitingFor: z.string().nullable(),
  }),
  z.strictObject({ kind: z.literal('running'), position: Position }),
  z.strictObject({ kind: z.literal('holding'), position: Position, since: Millis, reason: HoldReason }),
  z.strictObject({ kind: z.literal('paused'), position: Position, since: Millis, reason: PauseReason }),
  z.strictObject({
    kind: z.literal('rollingBack'),
    since: Millis,
    cause: Cause,
    by: Actor,
    stuck: StuckReason.nullable(),
    /** The epoch of the first turn on the way back; null before it. Its write and all later ones were to 0. */
    firstEpoch: z.number().nullable(),
  }),
  z.strictObject({ kind: z.literal('succeeded'), at: Millis }),
  z.strictObject({ kind: z.literal('rolledBack'), at: Millis, since: Millis, cause: Cause, by: Actor }),
  z.strictObject({ kind: z.literal('rollbackFailed'), at: Millis, cause: Cause, why: z.string() }),
  z.strictObject({ kind: z.literal('preflightFailed'), at: Millis, why: z.string() }),
  z.strictObject({ kind: z.literal('cancelled'), at: Millis, by: Actor, reason: z.string().nullable() }),
]);
export type State = z.infer<typeof State>;
export type StateKind = State['kind'];
/** A state of one kind, such as `In<'paused'>`. */
export type In<Kind extends StateKind> = Extract<State, { kind: Kind }>;

/** A patch that was decided and written down, and whose effect has not been read back yet. */
const Intent = z.strictObject({
  share: SeenShare,
  end: z.boolean(),
  /** How often this share was tried to be written, one after the other. */
  attempts: z.number(),
});

/** The canary's share as asked for and as read back; `observed` comes from metrics and is never stored here. */
const Traffic = z.strictObject({
  desired: SeenShare,
  applied: SeenShare,
  /** When `applied` last changed: evidence from before it says nothing about this share. */
  appliedAt: Millis,
  intent: Intent.nullable(),
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
});
export type Watch = z.infer<typeof Watch>;

/** Before the first poll, and again whenever the canary has no traffic left to remember anything about. */
export const emptyWatch: Watch = {
  lastPollAt: null,
  results: {},
  unattributedFailures: 0,
  noReadyPodPolls: 0,
  missingRequestPolls: 0,
  metricsMissing: null,
  environmentSince: null,
  severe: { ...emptyTally, countedUntil: null, judged: null },
};

/** One run of a plan against a target: the whole of what `decide` knows about it. */
export const Rollout = z.strictObject({
  id: z.string(),
  /** Changes only with state, step or desired weight, never with a measurement. */
  revision: z.number(),
  target: Target,
  plan: StoredPlan,
  requestedBy: Actor,
  reason: z.string().nullable(),
  createdAt: Millis,
  /** When the plan's deadline is reached; a person's pause moves it on. */
  deadlineAt: Millis,
  /** When the next poll of metrics is due. */
  nextPollAt: Millis,
  /** Seconds between two scrapes of the metrics provider. */
  scrapeSeconds: z.number(),
  state: State,
  traffic: Traffic,
  watch: Watch,
});
export type Rollout = z.infer<typeof Rollout>;

/** What every state is called on the wire. */
export type Status =
  | 'preflight'
  | 'running'
  | 'promoting'
  | 'holding'
  | 'paused'
  | 'rolling_back'
  | 'succeeded'
  | 'rolled_back'
  | 'rollback_failed'
  | 'preflight_failed'
  | 'cancelled';

const statusByState = {
  preflight: 'preflight',
  running: 'running',
  holding: 'holding',
  paused: 'paused',
  rollingBack: 'rolling_back',
  succeeded: 'succeeded',
  rolledBack: 'rolled_back',
  rollbackFailed: 'rollback_failed',
  preflightFailed: 'preflight_failed',
  cancelled: 'cancelled',
} as const satisfies Record<StateKind, Status>;

/** What a rollout may be called while it has not ended. */
export const liveStatuses: Status[] = [
  'preflight',
  'running',
  'promoting',
  'holding',
  'paused',
  'rolling_back',
];

/** The wire name of a rollout's state; a running rollout in its last step is `promoting`. */
export function statusOf(rollout: Rollout): Status {
  const { state } = rollout;
  if (state.kind === 'running' && stepAt(rollout, state.position).type === 'promote') return 'promoting';
  return statusByState[state.kind];
}

const isTerminal = {
  preflight: false,
  running: false,
  holding: false,
  paused: false,
  rollingBack: false,
  succeeded: true,
  rolledBack: true,
  rollbackFailed: true,
  preflightFailed: true,
  cancelled: true,
} as const satisfies Record<StateKind, boolean>;

/** True in a terminal state, which never reopens. */
export function hasEnded({ state }: Rollout): boolean {
  return isTerminal[state.kind];
}

/** Where a rollout stands in its plan; null before it started and once it goes back. */
export function positionOf(state: State): Position | null {
  return 'position' in state ? state.position : null;
}

/** The position with the step's clock moved on by the time that the rollout was held or paused. */
export function resumedPosition(state: In<'running' | 'holding' | 'paused'>, now: number): Position {
  if (state.kind === 'running') return state.position;
  return { ...state.position, startedAt: state.position.startedAt + (now - state.since) };
}

/** The step a position points at; a plan always ends in `promote`, which no position passes. */
export function stepAt(rollout: Rollout, position: Position): Step {
  return rollout.plan.steps[position.step] ?? lastStep;
}

const lastStep: Step = { type: 'promote' };

/** A rollout as it was asked for: nothing read yet, nothing moved. `scrapeSeconds` comes from the metrics provider. */
export function newRollout(
  asked: Pick<Rollout, 'id' | 'target' | 'plan' | 'requestedBy' | 'reason'>,
  scrapeSeconds: number,
  now: number,
): Rollout {
  return {
    ...asked,
    revision: 1,
    createdAt: now,
    deadlineAt: now + asked.plan.deadline * 1000,
    nextPollAt: now,
    scrapeSeconds,
    state: { kind: 'preflight', waitingFor: null },
    traffic: { desired: 0, applied: 0, appliedAt: now, intent: null },
    watch: emptyWatch,
  };
}
