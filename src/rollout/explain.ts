import { allowedActions } from './allowed-actions.ts';
import { pendingIn } from './approval.ts';
import * as because from './because.ts';
import type { Action } from './command.ts';
import { explainScheduled } from './explain-scheduled.ts';
import { canaryd } from './reasons.ts';
import { hasEnded, isScheduled, type Rollout, type StoredRollout, stepAt } from './rollout.ts';
import * as say from './say.ts';
import type { In, Position } from './state.ts';
import type { Millis } from './units.ts';
import { uptakeInWords } from './uptake-words.ts';
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

/** A rollout in words. `nextAt` is when its next turn is due. */
export function explain(rollout: StoredRollout, nextAt: Millis | null, now: Millis): Explanation {
  if (isScheduled(rollout)) return explainScheduled(rollout, nextAt, now);
  return {
    what: say.sentence(`${whatHappened(rollout, now)}${unheard(rollout, now)}`),
    traffic: say.sentence(trafficIn(rollout)),
    next: say.sentence(whatNext(rollout, nextAt, now)),
    actions: allowedActions(rollout),
  };
}

/** Where a rollout stands in its plan; `index` counts from 0. Null before it started and once it goes back. */
export function currentStepOf(rollout: StoredRollout): { index: number; total: number; type: string } | null {
  if (isScheduled(rollout)) return null;
  const { state } = rollout;
  if (!('position' in state)) return null;
  return {
    index: state.position.step,
    total: rollout.plan.steps.length,
    type: stepAt(rollout, state.position).type,
  };
}

/** What has ended knows where traffic was then; a later rollout may have moved it since. */
function trafficIn(rollout: Rollout): string {
  const isPast = hasEnded(rollout) && rollout.state.kind !== 'rollbackFailed';
  const { state } = rollout;
  const reached = state.kind === 'rolledBack' ? state.stillReached : undefined;
  const still = reached === undefined ? '' : `; ${reached.what}`;
  return isPast ? `${say.traffic(rollout)} when it ended${still}` : say.traffic(rollout);
}

function whatHappened(rollout: Rollout, now: Millis): string {
  const { state } = rollout;
  switch (state.kind) {
    case 'preflight':
      return state.waitingFor === null
        ? 'reading the mesh and the metrics before anything is moved'
        : `waiting before anything is moved: ${state.waitingFor}`;
    case 'running':
      return `${place(rollout, state.position)}: ${say.step(stepAt(rollout, state.position))}${withUptake(rollout)}`;
    case 'holding':
      return `holding since ${say.moment(state.since, now)}: ${because.hold(state.reason)}`;
    case 'paused':
      return `${because.pause(state.reason)} (paused since ${say.moment(state.since, now)})`;
    case 'awaitingApproval':
      return `${place(rollout, state.position)}: ${approvalsIn(rollout)} since ${say.moment(state.since, now)}`;
    case 'handingOver':
      return handover(rollout, state);
    case 'rollingBack':
      return state.stuck === null
        ? `rolling back: ${because.cause(state.cause, state.by)}`
        : `cannot finish rolling back: ${because.stuck(state.stuck)}`;
    case 'succeeded':
      return `succeeded at ${say.moment(state.at, now)}`;
    case 'rolledBack':
      return `rolled back at ${say.moment(state.at, now)}: ${because.cause(state.cause, state.by)}`;
    case 'rollbackFailed':
      return `rollback failed: ${state.why}`;
    case 'preflightFailed':
      return `not started: ${state.why}`;
    case 'cancelled':
      return `cancelled by ${state.by.name} before anything was moved`;
  }
}

/** What is not as it should be between the weights and the requests; nothing when they agree. */
function withUptake(rollout: Rollout): string {
  const said = uptakeInWords(rollout);
  return said === null ? '' : `; ${said}`;
}

/** An alert that nobody can see holds nobody, and that has to be known. */
function unheard(rollout: Rollout, now: Millis): string {
  const unread = rollout.watch.alerts?.unread ?? null;
  if (unread === null || hasEnded(rollout) || rollout.state.kind === 'rollingBack') return '';
  return `; not all alerts that the plan listens to can be read since ${say.moment(unread.since, now)}, so that one more may fire: ${say.inner(unread.why)}`;
}

function approvalsIn({ approvals }: Rollout): string {
  const request = pendingIn(approvals);
  const given = request?.decisions.length ?? 0;
  return `waiting for approval ${request?.id ?? ''}, ${given} of ${request?.count ?? 1} given`;
}

function handover({ target }: Rollout, { phase, waitingFor, breach }: In<'handingOver'>): string {
  if (breach !== null)
    return `no way back by weights, because stable runs the canary's images too: ${because.cause(breach, canaryd)}`;
  const doing =
    phase === 'waiting'
      ? `handing over to ${target.stable.version} (stable), which is to run the canary's images`
      : `handed over: watching ${target.stable.version} (stable) with all traffic`;
  return waitingFor === null ? doing : `${doing}; ${waitingFor}`;
}

function place(rollout: Rollout, { step }: Position): string {
  return `step ${step + 1} of ${rollout.plan.steps.length}`;
}
