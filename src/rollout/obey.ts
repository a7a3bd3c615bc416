import type { AuditEvent } from './audit.ts';
import type { Action, Command, Refusal } from './command.ts';
import { type Decision, decided, event, inState, revised } from './decision.ts';
import { type Drift, type Forward, gate, obstacleTo, refusedDrift } from './gate.ts';
import { turnedBack } from './go-back.ts';
import type { Actor } from './reasons.ts';
import { type Position, type Rollout, resumedPosition, type StateKind, statusOf } from './rollout.ts';
import * as say from './say.ts';
import type { Millis } from './units.ts';
import { deadlineAfterPause } from './wait.ts';
import { ontoNextStep, type Running } from './walk.ts';

/** A command that was obeyed, or why it was not. */
export type Obedience =
  | { kind: 'obeyed'; decision: Decision }
  /** It is so already: nothing to write, and above all no running turn to disturb. */
  | { kind: 'obeyedBefore' }
  | { kind: 'refused'; refusal: Refusal };

const actionsByState = {
  preflight: ['cancel', 'rollback'],
  running: ['pause', 'advance', 'promote', 'rollback'],
  holding: ['pause', 'advance', 'promote', 'rollback'],
  paused: ['resume', 'advance', 'promote', 'rollback'],
  rollingBack: ['rollback'],
  succeeded: [],
  rolledBack: [],
  rollbackFailed: [],
  preflightFailed: [],
  cancelled: [],
} as const satisfies Record<StateKind, readonly Action[]>;

/** The actions that a rollout accepts in its present state; going forward may still need proof. */
export function allowedActions(rollout: Rollout): Action[] {
  return actionsByState[rollout.state.kind].filter(
    (action) => (action !== 'advance' && action !== 'promote') || obstacleTo(action, rollout) === null,
  );
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
  return obeyed(rollout, paused, [event('rollout.paused', say.pause(reason), { reason }, actor)], now);
}

type Resume = Extract<Command, { action: 'resume' }>;

function resume(rollout: Rollout, { drift, reason: note }: Resume, actor: Actor, now: Millis): Obedience {
  const reason = rollout.state.kind === 'paused' ? rollout.state.reason : null;
  const refusal = reason?.kind === 'drift' ? refusedDrift(reason, drift) : null;
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
    case 'recreated':
      return obeyed(rollout, { ...running, target: { ...running.target, uid: reason.uid } }, [resumed], now);
    case 'operator':
    case 'shapeChanged':
    case undefined:
      return obeyed(rollout, running, [resumed], now);
  }
}

function ontoRunning(rollout: Rollout, now: Millis): Running {
  const position = heldPosition(rollout, now);
  return { ...rollout, deadlineAt: deadlineAfterPause(rollout, now), state: { kind: 'running', position } };
}

function heldPosition({ state, createdAt }: Rollout, now: Millis): Position {
  if ('position' in state) return resumedPosition(state, now);
  return { step: 0, startedAt: createdAt, overridden: false, bakeEnded: false };
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

function advance(rollout: Rollout, command: Forward, actor: Actor, now: Millis): Obedience {
  const refusal = gate(rollout, command);
  if (refusal !== null) return refused(refusal);
  const running = ontoRunning(rollout, now);
  const message = `step ${running.state.position.step + 1} ended early by ${actor.name}`;
  const skipped = event('step.skipped', message, overridden(command), actor);
  const next = ontoNextStep(running, now, command.override !== undefined);
  return obeyed(rollout, next.rollout, [skipped, ...next.events], now);
}

function promote(rollout: Rollout, command: Forward, actor: Actor, now: Millis): Obedience {
  const refusal = gate(rollout, command);
  if (refusal !== null) return refused(refusal);
  const running = ontoRunning(rollout, now);
  const promoted = inLastStep(running, command.override !== undefined, now);
  const promoting = event(
    'rollout.promoting',
    `promoting to 100 % on the word of ${actor.name}`,
    overridden(command),
    actor,
  );
  return obeyed(rollout, promoted, [promoting], now);
}

/** In the last step, with its bake; to somebody who promotes while it bakes at 100 % the bake is over. */
function inLastStep(running: Running, overridden: boolean, now: Millis): Running {
  const { plan, state, traffic } = running;
  const last = plan.steps.length - 1;
  const isThere = state.position.step === last;
  const startedAt = isThere ? state.position.startedAt : now;
  const bakeEnded = isThere && traffic.applied === 100;
  return {
    ...running,
    state: { kind: 'running', position: { step: last, startedAt, overridden, bakeEnded } },
  };
}

function overridden({ override, reason }: Forward): Record<string, string[] | string> {
  return { ...(override === undefined ? {} : { override }), ...(reason === undefined ? {} : { reason }) };
}

function rollBack(rollout: Rollout, reason: string | null, actor: Actor, now: Millis): Obedience {
  const { state } = rollout;
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

function obeyed(before: Rollout, after: Rollout, events: AuditEvent[], now: Millis): Obedience {
  return { kind: 'obeyed', decision: revised(before, decided(after, { events, nextAt: now })) };
}

function refused(refusal: Refusal): Obedience {
  return { kind: 'refused', refusal };
}
