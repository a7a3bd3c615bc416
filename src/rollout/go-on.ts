import { routesNoticed } from './as-found.ts';
import { type Decision, preceded } from './decision.ts';
import { answerDrift } from './drift.ts';
import type { Finding } from './finding.ts';
import { targetMissingLimitMs, turnBack } from './go-back.ts';
import { watchOver } from './guard.ts';
import { hold } from './hold.ts';
import { identified, presentIn } from './identity.ts';
import { interrupt, interruptedUnseen, interruptionIn, reshaped } from './interruption.ts';
import { withMend } from './mesh-mend.ts';
import { isKnownByPart, partsFound } from './parts.ts';
import type { SplitView } from './ports/mesh.ts';
import { notReady } from './readiness-words.ts';
import type { HoldReason, PauseReason } from './reasons.ts';
import { afterRestart } from './restart.ts';
import type { Rollout } from './rollout.ts';
import * as say from './say.ts';
import { factsOf, pollAfter, type Sight } from './sight.ts';

import type { Millis } from './units.ts';
import { countingSinceTaken } from './uptake.ts';
import { type Underway, walk } from './walk.ts';

/** A turn on its way forward: what is known of the rollout by now, and what the guards found. */
type Turn = { rollout: Rollout; state: Underway; sight: Sight; finding: Finding; now: Millis };

/** First whatever sends the rollout back, then whatever stops it: the first answer counts. */
const obstacles: ((turn: Turn) => Decision | null)[] = [
  failedGuard,
  passedDeadline,
  lostTarget,
  changedUnseen,
  unseenTarget,
  interrupted,
  heldByOrder,
  pausedByGuard,
  heldByGuard,
  unsettledCanary,
  heldByReadiness,
];

/** A turn on the way forward; when nothing speaks against it, the plan's next step. */
export function goOn(given: Rollout, from: Underway, sight: Sight, now: Millis): Decision {
  const { view } = sight;
  const noticed = routesNoticed(withoutStoppedTime(given, from, now), view, now);
  const before = noticed.rollout;
  const { watch, finding } = watchOver(before, factsOf(before, sight), now);
  const watched = { ...before, watch, nextPollAt: pollAfter(before, now) };
  const restarted = afterRestart(identified(watched, view), view, now);
  const { rollout } = restarted;
  const events = [...noticed.events, ...restarted.events];
  const state = withClock(isUnderway(rollout.state) ? rollout.state : from, rollout);
  const turn = { rollout, state, sight, finding, now };
  for (const obstacle of obstacles) {
    const decision = obstacle(turn);
    if (decision !== null) return preceded(events, decision);
  }
  if (view.kind !== 'split') throw new Error('only a split that was read can be walked on');
  return preceded(events, walk(withHalfWritten(rollout, view), { from: state, view }, now));
}

/** What has landed of a write that has no answer yet is known from then on: who lowers it again is not raised by a retry. */
function withHalfWritten(rollout: Rollout, view: SplitView): Rollout {
  const { traffic } = rollout;
  if (traffic.intent === null || isKnownByPart(traffic, view)) return rollout;
  return { ...rollout, traffic: partsFound(traffic, view) };
}

function isUnderway(state: Rollout['state']): state is Underway {
  return state.kind === 'running' || state.kind === 'holding';
}

/** While it holds the clock stands still anyhow. */
function withClock(state: Underway, rollout: Rollout): Underway {
  if (state.kind === 'holding') return state;
  return { ...state, position: countingSinceTaken(state.position, rollout) };
}

/** The plan's deadline does not run while a hold order stands. */
function withoutStoppedTime(rollout: Rollout, state: Underway, now: Millis): Rollout {
  if (state.kind !== 'holding' || state.reason.kind !== 'killSwitch') return rollout;
  const stopped = Math.max(0, now - state.reason.countedUntil);
  return { ...rollout, deadlineAt: rollout.deadlineAt + stopped };
}

function failedGuard({ rollout, finding, sight, now }: Turn): Decision | null {
  return finding.kind === 'rollback' ? turnBack(rollout, finding.cause, sight, now) : null;
}

function passedDeadline({ rollout, sight, now }: Turn): Decision | null {
  if (now < rollout.deadlineAt) return null;
  return turnBack(rollout, { kind: 'deadline', seconds: rollout.plan.deadline }, sight, now);
}

/** An object that is created anew is gone for a moment: only one that stays away sends a rollout back. */
function lostTarget({ rollout, state, sight, now }: Turn): Decision | null {
  const isGone = sight.view.kind === 'missing' && now - missingSince(state, now) >= targetMissingLimitMs;
  return isGone ? turnBack(rollout, { kind: 'targetMissing' }, sight, now) : null;
}

function missingSince(state: Underway, now: Millis): Millis {
  if (state.kind !== 'holding' || state.reason.kind !== 'targetMissing') return now;
  return state.reason.since;
}

/** One of several that cannot be read keeps none of the others from losing the traffic of a changed canary. */
function changedUnseen({ rollout, state, sight: { view }, now }: Turn): Decision | null {
  return view.kind === 'split' ? null : interruptedUnseen(rollout, state, view, now);
}

function unseenTarget({ rollout, state, sight: { view }, now }: Turn): Decision | null {
  if (view.kind === 'missing') {
    const object = view.name === undefined ? {} : { object: view.name };
    const reason: HoldReason = { kind: 'targetMissing', since: missingSince(state, now), ...object };
    return hold(rollout, { state, reason, view }, now);
  }
  if (view.kind !== 'unavailable') return null;
  return hold(rollout, { state, reason: { kind: 'meshUnavailable', why: withMend(view) }, view }, now);
}

function interrupted({ rollout, state, sight, now }: Turn): Decision | null {
  const { view } = sight;
  if (view.kind === 'shape')
    return interrupt(rollout, { state, reason: reshaped(view.fault, view), view }, now);
  if (view.kind !== 'split') return null;
  const reason = interruptionIn(rollout, view);
  if (reason === null) return null;
  return reason.kind === 'drift'
    ? answerDrift(rollout, { state, reason, view }, sight, now)
    : interrupt(rollout, { state, reason, view }, now);
}

/** A warning asks a person, once at each share. */
function pausedByGuard({ rollout, state, sight: { view }, finding, now }: Turn): Decision | null {
  if (finding.kind !== 'pause') return null;
  return interrupt(rollout, { state, reason: finding.reason, view }, now);
}

function heldByGuard({ rollout, state, sight: { view }, finding, now }: Turn): Decision | null {
  if (finding.kind !== 'hold' || isWaived(state, finding.reason)) return null;
  const unclear = unclearIn(finding.reason, now);
  if (unclear !== null) return interrupt(rollout, { state, reason: unclear, view }, now);
  return hold(rollout, { state, reason: finding.reason, view }, now);
}

/** Evidence that never was enough for as long as the step lasts is for a person to judge. */
function unclearIn(reason: HoldReason, now: Millis): PauseReason | null {
  if (reason.kind !== 'judged' || reason.ruling !== 'suspicion') return null;
  const { why, since, until, verdict } = reason;
  if (until === null || now < until) return null;
  return { kind: 'inconclusive', why, seconds: (now - since) / 1000, verdict };
}

/** A person who went on without proof did so knowing that too little traffic, or the wrong share of it, proves nothing. */
function isWaived({ position }: Underway, reason: HoldReason): boolean {
  const isOfJudge = reason.kind === 'judged' && reason.ruling !== 'environment';
  return (
    (isOfJudge || reason.kind === 'noTraffic' || reason.kind === 'trafficMismatch') && position.overridden
  );
}

/** Before what guards hold for: the deadline stands still for as long as the order stands, whatever else is wrong. */
function heldByOrder({ rollout, state, sight: { view, order }, now }: Turn): Decision | null {
  if (order === null) return null;
  const { id, by, reason: text, at } = order;
  const scope = say.scope(order);
  const reason = {
    kind: 'killSwitch' as const,
    order: id,
    scope,
    by,
    reason: text,
    since: at,
    countedUntil: now,
  };
  return hold(rollout, { state, reason, view }, now);
}

/** Nobody can say what is being proven while the canary's pods run different images, or none is ready. */
function unsettledCanary({ rollout, state, sight: { view }, now }: Turn): Decision | null {
  if (rollout.identity !== null || view.kind !== 'split') return null;
  const present = presentIn(view.images.canary);
  if (present.kind !== 'unsettled') return null;
  return hold(rollout, { state, reason: { kind: 'canaryUnsettled', why: present.why }, view }, now);
}

/** Reading all that stands around a target takes dozens of calls: a rollout that is held by it asks every so often. */
const readinessEveryMs = 30_000;

/** What may have changed since the start is looked at again before a raise; who went on without proof knew of it. */
function heldByReadiness({ rollout, state, sight: { view, readiness }, now }: Turn): Decision | null {
  if (state.position.overridden) return null;
  const held = state.kind === 'holding' && state.reason.kind === 'notReady' ? state.reason : null;
  if (!readiness) {
    const isFresh = held !== null && now - held.checkedAt < readinessEveryMs;
    return isFresh ? hold(rollout, { state, reason: held, view }, now) : null;
  }
  const obstacle = notReady(readiness);
  if (obstacle === null) return null;
  const { check, why } = obstacle;
  return hold(rollout, { state, reason: { kind: 'notReady', check, why, checkedAt: now }, view }, now);
}
