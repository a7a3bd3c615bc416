import { answerApproval } from './answer-approval.ts';
import * as because from './because.ts';
import type { Action, Command, Refusal } from './command.ts';
import { event, inState } from './decision.ts';
import { advance, promote } from './forward.ts';
import { type Drift, obstacleTo, refusedDrift } from './gate.ts';
import { turnedBack } from './go-back.ts';
import { heldPosition, type Obedience, obeyed, ontoRunning, refused } from './obedience.ts';
import type { Actor, PauseReason } from './reasons.ts';
import { emptyWatch, type Rollout, statusOf } from './rollout.ts';
import * as say from './say.ts';
import type { StateKind } from './state.ts';
import type { Millis } from './units.ts';
import { ontoNextStep, type Running } from './walk.ts';

const actionsByState = {
  preflight: ['cancel', 'rollback'],
  running: ['pause', 'advance', 'promote', 'rollback'],
  holding: ['pause', 'advance', 'promote', 'rollback'],
  paused: ['resume', 'advance', 'promote', 'rollback'],
  awaitingApproval: ['approve', 'reject', 'rollback'],
  handingOver: ['promote', 'rollback'],
  rollingBack: ['rollback'],
  succeeded: [],
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

/** Stable's pods that run the canary's images make going back by weights a lie; null when it is none. */
function closedWayBack({ state, target }: Rollout): Refusal | null {
  if (state.kind !== 'handingOver' || (state.phase === 'waiting' && state.hasWayBack)) return null;
  const stable = target.stable.version;
  const message = `The pods of ${stable} (stable) run the canary's images, so weights bring nobody back. Type: ${say.undo({ target })}`;
  return { code: 'no-way-back', message };
}

/** What a person's or a machine's word changes. Pure; the weight itself is moved by the turn that follows at once. */
export function obey(rollout: Rollout, command: Command, actor: Actor, now: Millis): Obedience {
  const refusal = staleView(rollout, command) ?? wrongState(rollout, command);
  if (refusal !== null) return refused(refusal);
  switch (command.action) {
    case 'pause':
      return pause(rollout, command.reason ?? null, actor, now);
    case 'resume':
      return resume(rollout, command, actor, now);
    case 'advance':
      return advance(rollout, command, actor, now);
    case 'promote':
      return promote(rollout, command, actor, now);
    case 'approve':
    case 'reject':
      return answerApproval(rollout, command, actor, now);
    case 'rollback':
      return rollBack(rollout, command.reason ?? null, actor, now);
    case 'cancel':
      return cancel(rollout, command.reason ?? null, actor, now);
  }
}

function staleView({ revision, state }: Rollout, { expect }: Command): Refusal | null {
  const step = 'position' in state ? state.position.step : null;
  const isStale =
    (expect?.revision !== undefined && expect.revision !== revision) ||
    (expect?.stepIndex !== undefined && expect.stepIndex !== step);
  if (!isStale) return null;
  const at = step === null ? '' : ` at step index ${step}`;
  return {
    code: 'stale-view',
    message: `The rollout is at revision ${revision}${at} by now. Look again and repeat the action if it still holds.`,
  };
}

function wrongState(rollout: Rollout, { action }: Command): Refusal | null {
  // Whoever asks for what is so already is told so, above all in an emergency.
  if (action === 'rollback' && rollout.state.kind === 'rolledBack') return null;
  const inThisState: readonly Action[] = actionsByState[rollout.state.kind];
  if (inThisState.includes(action)) return null;
  const allowed = allowedActions(rollout);
  const mend =
    allowed.length > 0
      ? `It accepts ${allowed.join(', ')}.`
      : 'It has ended and never reopens; create a new rollout.';
  return {
    code: 'invalid-transition',
    message: `A rollout that is ${describe(rollout)} cannot ${verb[action]}. ${mend}`,
  };
}

const verb = {
  pause: 'be paused',
  resume: 'be resumed',
  advance: 'be advanced',
  promote: 'be promoted',
  approve: 'be approved',
  reject: 'be rejected',
  rollback: 'be rolled back',
  cancel: 'be cancelled',
} as const satisfies Record<Action, string>;

function describe(rollout: Rollout): string {
  return statusOf(rollout).replaceAll('_', ' ');
}

function pause(rollout: Rollout, note: string | null, actor: Actor, now: Millis): Obedience {
  const position = heldPosition(rollout, now);
  const reason = { kind: 'operator' as const, by: actor, note };
  const paused = inState(rollout, { kind: 'paused', position, since: now, reason });
  return obeyed(rollout, paused, [event('rollout.paused', because.pause(reason), { reason }, actor)], now);
}

type Resume = Extract<Command, { action: 'resume' }>;

function resume(rollout: Rollout, { drift, reason: note }: Resume, actor: Actor, now: Millis): Obedience {
  const reason = rollout.state.kind === 'paused' ? rollout.state.reason : null;
  const refusal = reason === null ? null : refusedResume(rollout, reason, drift);
  if (refusal !== null) return refused(refusal);
  const running = ontoRunning(rollout, now);
  const message = note === undefined ? `resumed by ${actor.name}` : `resumed by ${actor.name}: ${note}`;
  const resumed = event(
    'rollout.resumed',
    message,
    reason?.kind === 'drift' && drift ? { drift } : {},
    actor,
  );
  switch (reason?.kind) {
    case 'plan': {
      const next = ontoNextStep(running, now);
      return obeyed(rollout, next.rollout, [resumed, ...next.events], now);
    }
    case 'drift':
      return obeyed(rollout, afterDrift(running, reason, drift === 'adopt', now), [resumed], now);
    case 'canaryChanged':
      return obeyed(rollout, fromTheStart(running, now), [resumed], now);
    case 'recreated':
      return obeyed(rollout, { ...running, target: { ...running.target, uid: reason.uid } }, [resumed], now);
    case 'operator':
    case 'shapeChanged':
    case undefined:
      return obeyed(rollout, running, [resumed], now);
  }
}

function refusedResume({ traffic }: Rollout, reason: PauseReason, drift: Resume['drift']): Refusal | null {
  if (reason.kind === 'drift') return refusedDrift(reason, drift);
  if (reason.kind !== 'canaryChanged' || traffic.applied === 0) return null;
  const message = `The changed canary still has ${say.share(traffic.applied)}, which is being taken from it. Resume it then.`;
  return { code: 'gate-not-ready', message };
}

/** Another canary begins at the first step; what it is gets read by the next turn. */
function fromTheStart(running: Running, now: Millis): Running {
  const position = { step: 0, startedAt: now, overridden: false, bakeEnded: false };
  return { ...running, identity: null, watch: emptyWatch, state: { kind: 'running', position } };
}

function afterDrift(running: Running, { expected, found }: Drift, adopts: boolean, now: Millis): Running {
  if (!adopts) return { ...running, traffic: { ...running.traffic, desired: expected } };
  // What is adopted was not watched yet, however long the step had been going on.
  const position = { ...running.state.position, startedAt: now };
  return {
    ...running,
    traffic: { ...running.traffic, desired: found },
    state: { ...running.state, position },
  };
}

function rollBack(rollout: Rollout, reason: string | null, actor: Actor, now: Millis): Obedience {
  const { state } = rollout;
  if (state.kind === 'rolledBack') return { kind: 'obeyedBefore' };
  const refusal = closedWayBack(rollout);
  if (refusal !== null) return refused(refusal);
  if (state.kind === 'rollingBack') {
    if (state.by.kind !== 'canaryd') return { kind: 'obeyedBefore' };
    // It is on its way: a person's word lifts what only canaryd waits for, and starts no clock anew.
    const stuck = state.stuck?.kind === 'stableNotReady' ? null : state.stuck;
    const message = `rolling back on the word of ${actor.name} too${reason === null ? '' : `: ${reason}`}`;
    const insisted = event('rollout.rolling_back', message, { cause: state.cause, reason }, actor);
    return obeyed(rollout, inState(rollout, { ...state, by: actor, stuck }), [insisted], now);
  }
  // Nothing was written yet, so there is nothing to take back.
  if (state.kind === 'preflight') return cancel(rollout, reason, actor, now);
  const turned = turnedBack(rollout, { kind: 'operator', reason }, actor, now);
  return obeyed(rollout, turned.rollout, [turned.event], now);
}

function cancel(rollout: Rollout, reason: string | null, actor: Actor, now: Millis): Obedience {
  const ended = inState(rollout, { kind: 'cancelled', at: now, by: actor, reason });
  const why = reason === null ? '' : `: ${reason}`;
  return obeyed(
    rollout,
    ended,
    [event('rollout.cancelled', `cancelled by ${actor.name}, no traffic was moved${why}`, {}, actor)],
    now,
  );
}
