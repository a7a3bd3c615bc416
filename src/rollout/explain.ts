import type { Action } from './command.ts';
import { allowedActions } from './obey.ts';
import type { Cause, HoldReason, PauseReason, StuckReason } from './reasons.ts';
import { type Position, type Rollout, stepAt } from './rollout.ts';
import * as say from './say.ts';
import type { Millis } from './units.ts';
import { whatNext } from './what-next.ts';

/** The four things that every refusal, hold and rollback answers, as whole sentences. */
export type Explanation = {
  /** What happened: value, unit, limit, requests. */
  what: string;
  /** Where traffic is now. */
  traffic: string;
  /** What canaryd does next and when. */
  next: string;
  /** Actions that this rollout accepts now. */
  actions: Action[];
};

/** Closed list of reasons on the wire. */
export type StatusReason =
  | 'analysis_failed'
  | 'canary_unreachable'
  | 'canary_not_ready'
  | 'environment'
  | 'unproven'
  | 'environment_limit'
  | 'metrics_missing'
  | 'no_traffic'
  | 'stable_not_ready'
  | 'mesh_unavailable'
  | 'mesh_write_failed'
  | 'stable_missing'
  | 'target_missing'
  | 'drift_detected'
  | 'target_recreated'
  | 'shape_changed'
  | 'plan_pause'
  | 'operator'
  | 'deadline_exceeded'
  | 'expired'
  | 'preflight_failed';

const byCause = {
  check: 'analysis_failed',
  severeErrors: 'analysis_failed',
  canaryUnreachable: 'canary_unreachable',
  unattributedErrors: 'analysis_failed',
  environmentLimit: 'environment_limit',
  metricsMissing: 'metrics_missing',
  deadline: 'deadline_exceeded',
  expired: 'expired',
  targetMissing: 'target_missing',
  operator: 'operator',
} as const satisfies Record<Cause['kind'], StatusReason>;

const byHold = {
  metricsMissing: 'metrics_missing',
  noTraffic: 'no_traffic',
  environment: 'environment',
  stableNotReady: 'stable_not_ready',
  unproven: 'unproven',
  targetMissing: 'target_missing',
  canaryNotReady: 'canary_not_ready',
  meshUnavailable: 'mesh_unavailable',
  meshWriteFailed: 'mesh_write_failed',
} as const satisfies Record<HoldReason['kind'], StatusReason>;

const byPause = {
  operator: 'operator',
  plan: 'plan_pause',
  drift: 'drift_detected',
  recreated: 'target_recreated',
  shapeChanged: 'shape_changed',
} as const satisfies Record<PauseReason['kind'], StatusReason>;

const byStuck = {
  meshWriteFailed: 'mesh_write_failed',
  stableMissing: 'stable_missing',
  targetMissing: 'target_missing',
  stableNotReady: 'stable_not_ready',
} as const satisfies Record<StuckReason['kind'], StatusReason>;

/** Why a rollout is in its state, as a word for programs; null when there is nothing to explain. */
export function statusReasonOf({ state }: Rollout): StatusReason | null {
  switch (state.kind) {
    case 'preflight':
    case 'running':
    case 'succeeded':
      return null;
    case 'holding':
      return byHold[state.reason.kind];
    case 'paused':
      return byPause[state.reason.kind];
    case 'rollingBack':
      return state.stuck === null ? byCause[state.cause.kind] : byStuck[state.stuck.kind];
    case 'rolledBack':
      return byCause[state.cause.kind];
    case 'rollbackFailed':
      return 'target_missing';
    case 'preflightFailed':
      return 'preflight_failed';
    case 'cancelled':
      return 'operator';
  }
}

/** A rollout in words. `nextAt` is when its next turn is due. */
export function explain(rollout: Rollout, nextAt: Millis | null, now: Millis): Explanation {
  return {
    what: say.sentence(whatHappened(rollout, now)),
    traffic: say.sentence(say.traffic(rollout)),
    next: say.sentence(whatNext(rollout, nextAt, now)),
    actions: allowedActions(rollout),
  };
}

/** The exit code that a waiting CI job should end with; 8 while the rollout is still on its way. */
export function exitCodeOf({ state }: Rollout): number {
  switch (state.kind) {
    case 'succeeded':
      return 0;
    case 'rolledBack':
      return state.cause.kind === 'operator' ? 4 : 3;
    case 'cancelled':
      return 4;
    case 'preflightFailed':
      return 6;
    case 'rollbackFailed':
      return 10;
    case 'rollingBack':
      return state.stuck === null ? 8 : 10;
    case 'preflight':
    case 'running':
    case 'holding':
    case 'paused':
      return 8;
  }
}

/** Where a rollout stands in its plan; `index` counts from 0. Null before it started and once it goes back. */
export function currentStepOf(rollout: Rollout): { index: number; total: number; type: string } | null {
  const { state } = rollout;
  if (!('position' in state)) return null;
  return {
    index: state.position.step,
    total: rollout.plan.steps.length,
    type: stepAt(rollout, state.position).type,
  };
}

function whatHappened(rollout: Rollout, now: Millis): string {
  const { state } = rollout;
  switch (state.kind) {
    case 'preflight':
      return state.waitingFor === null
        ? 'reading the mesh and the metrics before anything is moved'
        : `waiting before anything is moved: ${state.waitingFor}`;
    case 'running':
      return `${place(rollout, state.position)}: ${say.step(stepAt(rollout, state.position))}`;
    case 'holding':
      return `holding since ${say.moment(state.since, now)}: ${say.hold(state.reason)}`;
    case 'paused':
      return `${say.pause(state.reason)} (paused since ${say.moment(state.since, now)})`;
    case 'rollingBack':
      return state.stuck === null
        ? `rolling back: ${say.cause(state.cause, state.by)}`
        : `cannot finish rolling back: ${say.stuck(state.stuck)}`;
    case 'succeeded':
      return `succeeded at ${say.moment(state.at, now)}`;
    case 'rolledBack':
      return `rolled back at ${say.moment(state.at, now)}: ${say.cause(state.cause, state.by)}`;
    case 'rollbackFailed':
      return `rollback failed: ${state.why}`;
    case 'preflightFailed':
      return `not started: ${state.why}`;
    case 'cancelled':
      return `cancelled by ${state.by.name} before anything was moved`;
  }
}

function place(rollout: Rollout, { step }: Position): string {
  return `step ${step + 1} of ${rollout.plan.steps.length}`;
}
