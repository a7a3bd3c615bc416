import { closed, pendingIn } from './approval.ts';
import { asFound, routesNoticed, withRoutesFound } from './as-found.ts';
import { type Decision, decided, event, preceded } from './decision.ts';
import { answeredByPlan } from './drift.ts';
import { turnBack } from './go-back.ts';
import { watchOver } from './guard.ts';
import {
  interrupt,
  interruptedEvents,
  interruptedUnseen,
  interruptionIn,
  writeNow,
  writeWhile,
} from './interruption.ts';
import { paged } from './page.ts';
import type { MeshView, SplitView } from './ports/mesh.ts';
import type { Cause, PauseReason } from './reasons.ts';
import { afterRestart } from './restart.ts';
import type { Rollout } from './rollout.ts';
import * as say from './say.ts';
import { closingWrite, factsOf, pollAfter, type Sight } from './sight.ts';
import type { In } from './state.ts';
import type { Millis } from './units.ts';

type Paused = In<'paused'>;
type Waiting = In<'paused' | 'awaitingApproval'>;
type Told = Pick<Decision, 'rollout' | 'events'>;

/** A turn while a person is awaited: the weight stays, the guards go on, and nobody coming is an answer too. */
export function wait(given: Rollout, from: Waiting, sight: Sight, now: Millis): Decision {
  const noticed = routesNoticed(given, sight.view, now);
  return preceded(noticed.events, waitFrom(noticed.rollout, from, sight, now));
}

function waitFrom(before: Rollout, from: Waiting, sight: Sight, now: Millis): Decision {
  const { view } = sight;
  const { watch, finding } = watchOver(before, factsOf(before, sight), now);
  const rollout = { ...before, watch, nextPollAt: pollAfter(before, now) };
  if (finding.kind === 'rollback') return turnBack(rollout, finding.cause, sight, now);
  const timeUp = timeUpIn(rollout, from, now);
  if (timeUp !== null) return expired(rollout, timeUp, sight, now);
  // Nobody is at work here who could wait for it to be created anew; the way back waits for that too.
  if (view.kind === 'missing') return turnBack(rollout, { kind: 'targetMissing' }, sight, now);
  const told = tellOfTraffic(paged(rollout, now), from, now);
  const restarted = afterRestart(told.rollout, view, now);
  const events = [...told.events, ...restarted.events];
  if (view.kind !== 'split') return preceded(events, withoutAll(restarted.rollout, from, view, now));
  const { state } = told.rollout;
  const decision = look(
    restarted.rollout,
    { from: state.kind === 'paused' ? state : from, view, sight },
    now,
  );
  return preceded(events, decision);
}

/** How long a changed canary may keep its traffic before somebody is paged. */
const changedCanaryMs = 60_000;

/** A canary that nobody measured must not keep its traffic unheard, whatever refuses the write. */
function tellOfTraffic(told: Told, from: Waiting, now: Millis): Told {
  const { rollout } = told;
  const reason = from.kind === 'paused' ? from.reason : null;
  const { applied, managed } = rollout.traffic;
  const isServing = applied > 0 || managed.applied.length > 0;
  const isOverdue = isServing && now - from.since >= changedCanaryMs;
  if (from.kind !== 'paused' || reason?.kind !== 'canaryChanged' || reason.paged || !isOverdue) return told;
  const message = `the changed canary still has traffic: ${say.traffic(rollout)}`;
  return {
    rollout: { ...rollout, state: { ...from, reason: { ...reason, paged: true } } },
    events: [...told.events, event('page', message, { reason })],
  };
}

/** A changed canary loses its traffic wherever that can be read; all else waits until the others can be. */
function withoutAll(
  rollout: Rollout,
  from: Waiting,
  view: Exclude<MeshView, SplitView>,
  now: Millis,
): Decision {
  const isKnownChange = from.kind === 'paused' && from.reason.kind === 'canaryChanged';
  const { readable } = view;
  if (!isKnownChange) {
    const moved = { ...rollout, deadlineAt: deadlineAfterWait(rollout, now) };
    return interruptedUnseen(moved, from, view, now) ?? decided(rollout);
  }
  const write = readable === undefined ? null : writeWhile(from.reason, rollout, readable);
  const isLeft = readable !== undefined && (readable.canaryShare > 0 || readable.managedRoutes.length > 0);
  return decided(rollout, isLeft ? writeNow(write, now) : {});
}

type Looked = { from: Waiting; view: SplitView; sight: Sight };

/** What somebody else did meanwhile is told, and becomes what the rollout is paused for. */
function look(rollout: Rollout, { from, view, sight }: Looked, now: Millis): Decision {
  const reason = interruptionIn(rollout, view);
  const isNewDrift = reason?.kind === 'drift' && (from.kind !== 'paused' || from.reason.kind !== 'drift');
  const answer = isNewDrift ? answeredByPlan(rollout, { state: from, reason, view }, sight, now) : null;
  if (answer !== null) return answer;
  if (from.kind === 'awaitingApproval') {
    if (reason === null) return decided(rollout, { write: closingWrite(rollout, view) });
    const stopped = { ...rollout, deadlineAt: deadlineAfterWait(rollout, now) };
    return interrupt(stopped, { state: from, reason, view }, now);
  }
  if (reason === null || isKnown(reason, from.reason)) {
    const seen = withRoutesFound(rollout, view, now);
    return decided(seen, writeNow(writeWhile(from.reason, rollout, view), now));
  }
  const found = asFound(rollout, view, now);
  const paused = { ...found, deadlineAt: deadlineAfterWait(found, now), state: { ...from, reason } };
  const write = writeWhile(reason, rollout, view);
  return decided(paused, { events: interruptedEvents(reason), ...writeNow(write, now) });
}

/** A share that moved once more is news; that the object or the canary is another one, or not understood, is said once. */
function isKnown(reason: PauseReason, known: PauseReason): boolean {
  // What a person has not judged yet is not forgotten for anything else: that is found again after the resume.
  if (known.kind === 'canaryChanged' && reason.kind !== 'canaryChanged') return true;
  if (reason.kind === 'recreated') return known.kind === 'recreated' && known.uid === reason.uid;
  if (reason.kind === 'canaryChanged') return known.kind === 'canaryChanged' && known.to === reason.to;
  return reason.kind !== 'drift' && reason.kind === known.kind;
}

/** Where the deadline stands once the present wait is over, in ms: waiting for people moves it on. */
export function deadlineAfterWait({ state, deadlineAt }: Rollout, now: Millis): Millis {
  const isForPeople =
    state.kind === 'awaitingApproval' || (state.kind === 'paused' && isPersonsPause(state.reason));
  return isForPeople ? deadlineAt + (now - state.since) : deadlineAt;
}

/** The deadline does not run while a person has paused; it runs when canaryd itself stopped. */
export function isPersonsPause(reason: PauseReason): boolean {
  return reason.kind === 'operator' || reason.kind === 'plan';
}

function timeUpIn(rollout: Rollout, state: Waiting, now: Millis): Cause | null {
  if (state.kind === 'awaitingApproval') return approvalExpired(rollout, now);
  return pauseExpired(rollout, state, now);
}

function pauseExpired({ plan, deadlineAt }: Rollout, { since, reason }: Paused, now: Millis): Cause | null {
  // Nobody knows whose weights these are: no clock may write over another rollout.
  if (reason.kind === 'anotherRollout') return null;
  if (now - since >= plan.pauseExpiry * 1000) return { kind: 'expired', seconds: plan.pauseExpiry };
  if (isPersonsPause(reason) || now < deadlineAt) return null;
  return { kind: 'deadline', seconds: plan.deadline };
}

function approvalExpired({ approvals }: Rollout, now: Millis): Cause | null {
  const request = pendingIn(approvals);
  if (request === null || now < request.expiresAt) return null;
  const seconds = (request.expiresAt - request.requestedAt) / 1000;
  return { kind: 'approvalExpired', seconds, approvals: request.decisions.length, needed: request.count };
}

function expired(rollout: Rollout, cause: Cause, sight: Sight, now: Millis): Decision {
  if (cause.kind !== 'approvalExpired') return turnBack(rollout, cause, sight, now);
  const lapsed = { ...rollout, approvals: closed(rollout.approvals, 'expired') };
  const message = `approval expired: ${cause.approvals} of ${cause.needed} were given`;
  const decision = turnBack(lapsed, cause, sight, now);
  return preceded([event('approval.expired', message, { ...cause })], decision);
}
