import type { Action, Command, Refusal } from './command.ts';
import { type Decision, decided, event, inState } from './decision.ts';
import { hasEveryCheckPassed } from './evidence.ts';
import { turnedBack } from './go-back.ts';
import type { StepType } from './plan.ts';
import {
  type Actor,
  hasEnded,
  type Position,
  type Rollout,
  type State,
  type StateKind,
  stepAt,
} from './rollout.ts';
import * as say from './say.ts';
import type { Millis } from './units.ts';
import { isPersonsPause } from './wait.ts';
import { ontoNextStep } from './walk.ts';

/** A command that was obeyed, or why it was not. */
export type Obedience = { kind: 'obeyed'; decision: Decision } | { kind: 'refused'; refusal: Refusal };

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

/** The actions that a rollout accepts in its present state. */
export function allowedActions({ state }: Rollout): Action[] {
  return [...actionsByState[state.kind]];
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
  const allowed = allowedActions(rollout);
  if (allowed.includes(action)) return null;
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

function describe({ state }: Rollout): string {
  return state.kind.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function pause(rollout: Rollout, note: string | null, actor: Actor, now: Millis): Obedience {
  const position = heldPosition(rollout, now);
  const reason = { kind: 'operator' as const, by: actor, note };
  const paused = inState(rollout, { kind: 'paused', position, since: now, reason });
  return obeyed(rollout, paused, [event('rollout.paused', say.pause(reason), { reason }, actor)], now);
}

type Resume = Extract<Command, { action: 'resume' }>;

function resume(rollout: Rollout, { drift, reason }: Resume, actor: Actor, now: Millis): Obedience {
  const { state } = rollout;
  if (state.kind === 'paused' && state.reason.kind === 'drift' && drift === undefined)
    return refused(undecidedDrift(state.reason));
  const running = ontoRunning(rollout, now);
  const settled = withDrift(running, state, drift ?? 'reassert');
  const message = reason === undefined ? `resumed by ${actor.name}` : `resumed by ${actor.name}: ${reason}`;
  const resumed = event('rollout.resumed', message, drift === undefined ? {} : { drift }, actor);
  const isPlansPause = state.kind === 'paused' && state.reason.kind === 'plan';
  if (!isPlansPause) return obeyed(rollout, settled, [resumed], now);
  const next = ontoNextStep(settled, now);
  return obeyed(rollout, next.rollout, [resumed, ...next.events], now);
}

type Running = ReturnType<typeof ontoNextStep>['rollout'];

function ontoRunning(rollout: Rollout, now: Millis): Running {
  const position = heldPosition(rollout, now);
  return { ...rollout, deadlineAt: deadlineAfterPause(rollout, now), state: { kind: 'running', position } };
}

/** The step's clock stood still while the rollout was held or paused. */
function heldPosition({ state, createdAt }: Rollout, now: Millis): Position {
  if (!('position' in state)) return { step: 0, startedAt: createdAt };
  if (state.kind === 'running') return state.position;
  return { step: state.position.step, startedAt: state.position.startedAt + (now - state.since) };
}

function deadlineAfterPause({ state, deadlineAt }: Rollout, now: Millis): Millis {
  if (state.kind !== 'paused' || !isPersonsPause(state.reason)) return deadlineAt;
  return deadlineAt + (now - state.since);
}

function withDrift(running: Running, state: State, drift: 'adopt' | 'reassert'): Running {
  if (state.kind !== 'paused') return running;
  const { reason } = state;
  if (reason.kind === 'recreated') return { ...running, target: { ...running.target, uid: reason.uid } };
  if (reason.kind !== 'drift') return running;
  const desired = drift === 'adopt' ? reason.found : reason.expected;
  return { ...running, traffic: { ...running.traffic, desired } };
}

type Forward = Extract<Command, { action: 'advance' | 'promote' }>;

/** What `advance` skips is time; neither a weight nor the end of a plan is skipped. */
const cannotSkip: Record<StepType, Refusal | null> = {
  setWeight: {
    code: 'gate-not-ready',
    message: 'This step sets a weight and has no time to skip. Wait for it, or resume a paused rollout.',
  },
  bake: null,
  pause: null,
  promote: { code: 'invalid-transition', message: 'This is the last step. Let it bake, or roll back.' },
};

function advance(rollout: Rollout, command: Forward, actor: Actor, now: Millis): Obedience {
  const running = ontoRunning(rollout, now);
  const step = stepAt(rollout, running.state.position);
  const refusal = cannotSkip[step.type] ?? gate(rollout, command, rollout.traffic.applied === 0);
  if (refusal !== null) return refused(refusal);
  const skipped = event(
    'step.skipped',
    `${actor.name} ended step ${running.state.position.step + 1} early`,
    overridden(command),
    actor,
  );
  const next = ontoNextStep(running, now);
  return obeyed(rollout, next.rollout, [skipped, ...next.events], now);
}

function promote(rollout: Rollout, command: Forward, actor: Actor, now: Millis): Obedience {
  const refusal = gate(rollout, command, false);
  if (refusal !== null) return refused(refusal);
  const last = rollout.plan.steps.length - 1;
  const running = ontoRunning(rollout, now);
  const promoted: Rollout = {
    ...running,
    state: { kind: 'running', position: { step: last, startedAt: now } },
  };
  const promoting = event(
    'rollout.promoting',
    `promoting to 100 % on the word of ${actor.name}`,
    overridden(command),
    actor,
  );
  return obeyed(rollout, promoted, [promoting], now);
}

/** A person may skip time, but only skips missing proof by saying so and why. */
function gate(
  rollout: Rollout,
  { override, reason, action }: Forward,
  needsNoProof: boolean,
): Refusal | null {
  const { state } = rollout;
  if (state.kind === 'paused' && state.reason.kind === 'drift') return undecidedDrift(state.reason);
  if (override?.includes('checks')) {
    return reason === undefined
      ? {
          code: 'override-needs-reason',
          message: 'An override needs a "reason": it is written to the audit log.',
        }
      : null;
  }
  if (needsNoProof || (state.kind !== 'holding' && hasEveryCheckPassed(rollout, 0))) return null;
  return {
    code: 'gate-not-ready',
    message: `Not every check has passed at ${say.share(rollout.traffic.applied)} yet. Wait, or send {"override":["checks"],"reason":"..."} to ${action} without that proof; the guards still roll back.`,
  };
}

function undecidedDrift({ expected, found }: { expected: number; found: number }): Refusal {
  const message = `Somebody else moved the canary's weight from ${say.share(expected)} to ${say.share(found)}. Resume with "drift":"adopt" to go on from ${say.share(found)}, or with "drift":"reassert" to write ${say.share(expected)} again.`;
  return { code: 'drift-undecided', message };
}

function overridden({ override, reason }: Forward): Record<string, string[] | string> {
  return { ...(override === undefined ? {} : { override }), ...(reason === undefined ? {} : { reason }) };
}

function rollBack(rollout: Rollout, reason: string | null, actor: Actor, now: Millis): Obedience {
  const { state } = rollout;
  const cause = state.kind === 'rollingBack' ? state.cause : { kind: 'operator' as const, reason };
  const turned = turnedBack(rollout, cause, actor, now);
  return obeyed(turned.rollout, turned.rollout, [turned.event], now);
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

function obeyed(before: Rollout, after: Rollout, events: Decision['events'], now: Millis): Obedience {
  const decision = decided(before, after, { events, nextAt: now });
  return { kind: 'obeyed', decision: { ...decision, nextAt: hasEnded(after) ? null : now } };
}

function refused(refusal: Refusal): Obedience {
  return { kind: 'refused', refusal };
}
