import type { Action } from './command.ts';
import { obstacleTo } from './gate.ts';
import { closedWayBack } from './roll-back.ts';
import type { Rollout } from './rollout.ts';
import type { ScheduledRollout } from './scheduled.ts';
import type { StateKind } from './state.ts';

/** What each state takes at all; `allowedActions` says what it takes now. */
export const actionsByState = {
  preflight: ['cancel', 'rollback'],
  running: ['pause', 'advance', 'promote', 'rollback'],
  holding: ['pause', 'advance', 'promote', 'rollback'],
  paused: ['resume', 'advance', 'promote', 'rollback'],
  awaitingApproval: ['approve', 'reject', 'rollback'],
  handingOver: ['promote', 'rollback'],
  rollingBack: ['rollback'],
  // Taken back by a rollout of its own: see `takingBack`.
  succeeded: ['rollback'],
  rolledBack: [],
  rollbackFailed: [],
  preflightFailed: [],
  cancelled: [],
} as const satisfies Record<StateKind, readonly Action[]>;

/** The actions that a rollout accepts in its present state; going forward may still need proof. */
export function allowedActions(rollout: Rollout): Action[] {
  return actionsByState[rollout.state.kind].filter((action) => {
    if (action === 'advance' || action === 'promote') return obstacleTo(action, rollout) === null;
    return action !== 'rollback' || closedWayBack(rollout) === null;
  });
}

/** The actions that a rollout accepts before its turn has come; none once it ended before that. */
export function actionsOfScheduled({ state }: ScheduledRollout): Action[] {
  return state.kind === 'waiting' ? ['cancel', 'rollback'] : [];
}
