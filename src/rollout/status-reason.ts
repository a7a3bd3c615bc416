import type { Cause, HoldReason, PauseReason, StuckReason } from './reasons.ts';
import type { StoredRollout } from './rollout.ts';
import type { Obstacle } from './scheduled.ts';

/** Closed list of reasons on the wire. */
export type StatusReason =
  | 'analysis_failed'
  | 'canary_unreachable'
  | 'canary_not_ready'
  | 'environment'
  | 'suspicion'
  | 'inconclusive'
  | 'warning'
  | 'unproven'
  | 'environment_limit'
  | 'alert_firing'
  | 'metrics_missing'
  | 'no_traffic'
  | 'traffic_mismatch'
  | 'stable_not_ready'
  | 'mesh_unavailable'
  | 'mesh_write_failed'
  | 'stable_missing'
  | 'target_missing'
  | 'drift_detected'
  | 'target_recreated'
  | 'out_of_band'
  | 'state_restored'
  | 'another_rollout'
  | 'shape_changed'
  | 'plan_pause'
  | 'operator'
  | 'deadline_exceeded'
  | 'expired'
  | 'approval_pending'
  | 'approval_rejected'
  | 'approval_expired'
  | 'handover_waiting'
  | 'handover_undone'
  | 'no_way_back'
  | 'canary_changed'
  | 'canary_unsettled'
  | 'not_ready'
  | 'kill_switch'
  | 'queued'
  | 'target_unreadable'
  | 'quarantined'
  | 'preflight_failed';

const byCause = {
  check: 'analysis_failed',
  judged: 'analysis_failed',
  severeErrors: 'analysis_failed',
  canaryUnreachable: 'canary_unreachable',
  unattributedErrors: 'analysis_failed',
  environmentLimit: 'environment_limit',
  alert: 'alert_firing',
  metricsMissing: 'metrics_missing',
  deadline: 'deadline_exceeded',
  expired: 'expired',
  approvalExpired: 'approval_expired',
  approvalRejected: 'approval_rejected',
  handoverUndone: 'handover_undone',
  targetMissing: 'target_missing',
  outOfBand: 'out_of_band',
  stateRestored: 'state_restored',
  drift: 'drift_detected',
  operator: 'operator',
} as const satisfies Record<Cause['kind'], StatusReason>;

const byHold = {
  alert: 'alert_firing',
  metricsMissing: 'metrics_missing',
  noTraffic: 'no_traffic',
  trafficMismatch: 'traffic_mismatch',
  environment: 'environment',
  stableNotReady: 'stable_not_ready',
  unproven: 'unproven',
  targetMissing: 'target_missing',
  canaryNotReady: 'canary_not_ready',
  canaryUnsettled: 'canary_unsettled',
  notReady: 'not_ready',
  killSwitch: 'kill_switch',
  meshUnavailable: 'mesh_unavailable',
  meshWriteFailed: 'mesh_write_failed',
} as const satisfies Record<Exclude<HoldReason['kind'], 'judged'>, StatusReason>;

const byRuling = {
  environment: 'environment',
  suspicion: 'suspicion',
  breach: 'suspicion',
  noTraffic: 'no_traffic',
} as const satisfies Record<Extract<HoldReason, { kind: 'judged' }>['ruling'], StatusReason>;

const byPause = {
  operator: 'operator',
  plan: 'plan_pause',
  inconclusive: 'inconclusive',
  warning: 'warning',
  drift: 'drift_detected',
  recreated: 'target_recreated',
  canaryChanged: 'canary_changed',
  shapeChanged: 'shape_changed',
  routesChanged: 'shape_changed',
  stateRestored: 'state_restored',
  anotherRollout: 'another_rollout',
} as const satisfies Record<PauseReason['kind'], StatusReason>;

const byStuck = {
  meshWriteFailed: 'mesh_write_failed',
  stableMissing: 'stable_missing',
  targetMissing: 'target_missing',
  stableNotReady: 'stable_not_ready',
  stableCarries: 'no_way_back',
} as const satisfies Record<StuckReason['kind'], StatusReason>;

const byObstacle = {
  behind: 'queued',
  order: 'kill_switch',
  fault: 'target_unreadable',
} as const satisfies Record<Obstacle['kind'], StatusReason>;

/** Why a rollout is in its state, as a word for programs; null when there is nothing to explain. */
export function statusReasonOf({ state }: StoredRollout): StatusReason | null {
  switch (state.kind) {
    case 'waiting':
      return state.obstacle === null ? null : byObstacle[state.obstacle.kind];
    case 'preflight':
    case 'running':
    case 'succeeded':
      return null;
    case 'holding':
      return state.reason.kind === 'judged' ? byRuling[state.reason.ruling] : byHold[state.reason.kind];
    case 'paused':
      return byPause[state.reason.kind];
    case 'awaitingApproval':
      return 'approval_pending';
    case 'handingOver':
      return state.breach === null ? 'handover_waiting' : 'no_way_back';
    case 'rollingBack':
      return state.stuck === null ? reasonOf(state.cause) : byStuck[state.stuck.kind];
    case 'rolledBack':
      return reasonOf(state.cause);
    case 'rollbackFailed':
      return 'target_missing';
    case 'preflightFailed':
      return 'preflight_failed';
    case 'cancelled':
      return 'operator';
  }
}

function reasonOf(cause: Cause): StatusReason {
  const isShared = cause.kind === 'judged' && cause.ruling === 'environmentLimit';
  return isShared ? 'environment_limit' : byCause[cause.kind];
}

/** The exit code that a waiting CI job should end with; 8 while the rollout is still on its way. */
export function exitCodeOf({ state }: StoredRollout): number {
  switch (state.kind) {
    case 'succeeded':
      return 0;
    case 'rolledBack':
      return exitCodeByCause(state.cause);
    case 'cancelled':
      return 4;
    case 'preflightFailed':
      return 6;
    case 'rollbackFailed':
      return 10;
    case 'rollingBack':
      return state.stuck === null ? 8 : 10;
    case 'handingOver':
      return state.breach === null ? 8 : 10;
    case 'waiting':
    case 'preflight':
    case 'running':
    case 'holding':
    case 'paused':
    case 'awaitingApproval':
      return 8;
  }
}

function exitCodeByCause({ kind }: Cause): number {
  if (kind === 'approvalRejected' || kind === 'approvalExpired') return 5;
  return kind === 'operator' ? 4 : 3;
}
