import { acknowledging } from './acknowledged.ts';
import { actionsByState, allowedActions } from './allowed-actions.ts';
import { answerApproval } from './answer-approval.ts';
import { rewriting } from './as-found.ts';
import * as because from './because.ts';
import type { Action, Command, Refusal } from './command.ts';
import { event, inState } from './decision.ts';
import { advance, promote } from './forward.ts';
import { type Drift, lowestOf, refusedDrift } from './gate.ts';
import { heldPosition, type Obedience, obeyed, ontoRunning, refused } from './obedience.ts';
import type { Actor, PauseReason } from './reasons.ts';
import { cancel, rollBack } from './roll-back.ts';
import { emptyWatch, type Rollout, type StoredRollout, statusOf } from './rollout.ts';
import * as say from './say.ts';
import { staleView } from './stale-view.ts';
import { withUid } from './target.ts';
import { toldInFull } from './tell.ts';
import { isSameShare, type Millis } from './units.ts';
import { ontoNextStep, type Running } from './walk.ts';

/** What a person's or a machine's word changes. Pure; the weight itself is moved by the turn that follows at once. */
export function obey(rollout: Rollout, command: Command, actor: Actor, now: Millis): Obedience {
  const obedience = answerTo(rollout, command, actor, now);
  if (obedience.kind !== 'obeyed') return obedience;
  return { kind: 'obeyed', decision: toldInFull(obedience.decision, now) };
}

function answerTo(rollout: Rollout, command: Command, actor: Actor, now: Millis): Obedience {
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

function wrongState(rollout: Rollout, { action }: Command): Refusal | null {
  // Whoever asks for what is so already is told so, above all in an emergency.
  if (action === 'rollback' && rollout.state.kind === 'rolledBack') return null;
  const inThisState: readonly Action[] = actionsByState[rollout.state.kind];
  if (inThisState.includes(action)) return null;
  return wrongTransition(rollout, action, allowedActions(rollout));
}

/** The refusal of an action that the rollout's state does not take, with those that it takes. */
export function wrongTransition(rollout: StoredRollout, action: Action, allowed: readonly Action[]): Refusal {
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

function describe(rollout: StoredRollout): string {
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
      return obeyed(
        rollout,
        afterDrift(running, lowestOf(reason, rollout.traffic), drift === 'adopt', now),
        [resumed],
        now,
      );
    case 'canaryChanged':
      return obeyed(rollout, fromTheStart(running, now), [resumed], now);
    case 'recreated':
      return obeyed(rollout, { ...running, target: withUid(running.target, reason.uid) }, [resumed], now);
    case 'stateRestored':
      return obeyed(rollout, unwatched(running, now), [resumed], now);
    case 'anotherRollout':
      return obeyed(rollout, unwatched(claiming(running), now), [resumed], now);
    case 'shapeChanged':
      return obeyed(rollout, notRaised(running, now), [resumed], now);
    case 'warning': {
      const watch = { ...running.watch, acknowledged: acknowledging(rollout, reason.check) };
      return obeyed(rollout, { ...running, watch }, [resumed], now);
    }
    case 'operator':
    case 'inconclusive':
    case 'routesChanged':
    case undefined:
      return obeyed(rollout, running, [resumed], now);
  }
}

function refusedResume({ traffic }: Rollout, reason: PauseReason, drift: Resume['drift']): Refusal | null {
  if (reason.kind === 'drift') return refusedDrift(lowestOf(reason, traffic), drift);
  const { applied, managed } = traffic;
  if (reason.kind !== 'canaryChanged' || (applied === 0 && managed.applied.length === 0)) return null;
  const routes = managed.applied.length === 0 ? '' : ' and its managed routes';
  const message = `The changed canary still has ${say.share(applied)}${routes}, which is being taken from it. Resume it then.`;
  return { code: 'gate-not-ready', message };
}

/** Another canary begins at the first step; what it is gets read by the next turn. */
function fromTheStart(running: Running, now: Millis): Running {
  const position = { step: 0, startedAt: now, overridden: false, bakeEnded: false };
  return { ...running, identity: null, watch: emptyWatch, state: { kind: 'running', position } };
}

function afterDrift(running: Running, { expected, found }: Drift, adopts: boolean, now: Millis): Running {
  if (!adopts) return { ...running, traffic: { ...running.traffic, desired: expected } };
  return unwatched({ ...running, traffic: { ...running.traffic, desired: found } }, now);
}

/** What was lowered by the edit that changed the shape is not raised again by a word that says nothing of it. */
function notRaised(running: Running, now: Millis): Running {
  const { desired, applied, lowest = applied } = running.traffic;
  if (lowest > desired || isSameShare(lowest, desired)) return running;
  return unwatched({ ...running, traffic: { ...running.traffic, desired: lowest } }, now);
}

/** What stands there is written once more, so that the object is this rollout's again. */
function claiming(running: Running): Running {
  const { traffic } = running;
  return { ...running, traffic: rewriting(traffic, traffic.lowest ?? traffic.applied) };
}

/** What stands there was not watched yet, however long the step had been going on. */
function unwatched(running: Running, now: Millis): Running {
  const position = { ...running.state.position, startedAt: now };
  return { ...running, state: { ...running.state, position } };
}
