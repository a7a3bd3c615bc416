import { z } from 'zod';
import { Actor, Cause, HoldReason, PauseReason, StuckReason } from './reasons.ts';
import { Millis } from './units.ts';

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

export const PreflightFailed = z.strictObject({
  kind: z.literal('preflightFailed'),
  at: Millis,
  why: z.string(),
});
export const Cancelled = z.strictObject({
  kind: z.literal('cancelled'),
  at: Millis,
  by: Actor,
  reason: z.string().nullable(),
});

export const State = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('preflight'),
    /** What the start waits for, in words; null before the first look. */
    waitingFor: z.string().nullable(),
    /** Since when it is what stands around the target that it waits for. */
    notReadySince: Millis.exactOptional(),
  }),
  z.strictObject({ kind: z.literal('running'), position: Position }),
  z.strictObject({ kind: z.literal('holding'), position: Position, since: Millis, reason: HoldReason }),
  z.strictObject({ kind: z.literal('paused'), position: Position, since: Millis, reason: PauseReason }),
  /** Waits for people to approve a step; the request itself stands among the rollout's approvals. */
  z.strictObject({ kind: z.literal('awaitingApproval'), position: Position, since: Millis }),
  /**
   * All traffic was won, and stable is to be handed over: first the canary keeps it until stable's pods run the
   * canary's images (`waiting`), then stable has it and is watched (`judging`).
   */
  z.strictObject({
    kind: z.literal('handingOver'),
    position: Position,
    since: Millis,
    phase: z.enum(['waiting', 'judging']),
    /** What it waits for, in words; null before the first look. */
    waitingFor: z.string().nullable(),
    /** False from the first pod of stable that runs the canary's images: weights cannot take them back. */
    hasWayBack: z.boolean(),
    /** A breach that weights cannot mend. */
    breach: Cause.nullable(),
    /** True when somebody was told that this takes too long. */
    paged: z.boolean(),
    /** Since when the VirtualService is gone; null while it is there. */
    missingSince: Millis.nullable().default(null),
  }),
  z.strictObject({
    kind: z.literal('rollingBack'),
    since: Millis,
    cause: Cause,
    by: Actor,
    stuck: StuckReason.nullable(),
    /** The epoch of the first turn on the way back; null before it. Its write and all later ones were to 0. */
    firstEpoch: z.number().nullable(),
    /** Only then may stable's pods run the canary's images, so that weights bring nobody back. */
    fromHandover: z.literal(true).optional(),
  }),
  z.strictObject({ kind: z.literal('succeeded'), at: Millis }),
  z.strictObject({
    kind: z.literal('rolledBack'),
    at: Millis,
    since: Millis,
    cause: Cause,
    by: Actor,
    /** What sent requests to the canary all the same when it ended, and what a person may do about it, in words. */
    stillReached: z.strictObject({ what: z.string(), mend: z.string() }).optional(),
  }),
  z.strictObject({ kind: z.literal('rollbackFailed'), at: Millis, cause: Cause, why: z.string() }),
  PreflightFailed,
  Cancelled,
]);
export type State = z.infer<typeof State>;
export type StateKind = State['kind'];
/** A state of one kind, such as `In<'paused'>`. */
export type In<Kind extends StateKind> = Extract<State, { kind: Kind }>;

/** A state in which a rollout goes through its plan or stands still at one of its steps. */
export type Placed = Extract<State, { position: Position }>;

/** Where a rollout stands in its plan; null before it started and once it goes back. */
export function positionOf(state: State): Position | null {
  return 'position' in state ? state.position : null;
}

/** The position with the step's clock moved on by the time that the rollout stood still. */
export function resumedPosition(state: Placed, now: Millis): Position {
  if (state.kind === 'running') return state.position;
  return { ...state.position, startedAt: state.position.startedAt + (now - state.since) };
}

/** A terminal state never reopens. */
export const isTerminal = {
  waiting: false,
  preflight: false,
  running: false,
  holding: false,
  paused: false,
  awaitingApproval: false,
  handingOver: false,
  rollingBack: false,
  succeeded: true,
  rolledBack: true,
  rollbackFailed: true,
  preflightFailed: true,
  cancelled: true,
} as const satisfies Record<StateKind | 'waiting', boolean>;
