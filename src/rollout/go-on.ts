import { type Decision, decided, inState } from './decision.ts';
import { targetMissingLimitMs, turnBack } from './go-back.ts';
import { watchOver } from './guard.ts';
import { hold } from './hold.ts';
import { asFound, interruptedEvents, interruptionIn, reshaped } from './interruption.ts';
import type { MeshFailure, MeshView } from './ports/mesh.ts';
import type { HoldReason, PauseReason } from './reasons.ts';
import { type Rollout, resumedPosition } from './rollout.ts';
import { closingWrite, factsOf, pollAfter, type Sight } from './sight.ts';
import type { Millis } from './units.ts';
import { type Underway, walk } from './walk.ts';

/** A turn on the way forward: first whatever sends it back, then whatever stops it, then the plan's next step. */
export function goOn(before: Rollout, state: Underway, sight: Sight, now: Millis): Decision {
  const { view, measurements } = sight;
  const { watch, finding } = watchOver(before, factsOf(before, view, measurements), now);
  const rollout = { ...before, watch, nextPollAt: pollAfter(before, now) };
  if (finding.kind === 'rollback') return turnBack(rollout, finding.cause, sight, now);
  if (now >= rollout.deadlineAt) {
    return turnBack(rollout, { kind: 'deadline', seconds: rollout.plan.deadline }, sight, now);
  }
  if (isGoneForGood(state, view, now)) return turnBack(rollout, { kind: 'targetMissing' }, sight, now);
  if (view.kind === 'missing' || view.kind === 'unavailable') {
    return hold(rollout, { state, reason: unseen(state, view, now), view }, now);
  }
  if (view.kind === 'shape') return interrupt(rollout, { state, reason: reshaped(view.fault), view }, now);
  const reason = interruptionIn(rollout, view);
  if (reason !== null) return interrupt(rollout, { state, reason, view }, now);
  if (finding.kind === 'hold' && !isWaived(state, finding.reason))
    return hold(rollout, { state, reason: finding.reason, view }, now);
  return walk(rollout, { from: state, view }, now);
}

/** A person who went on without proof did so knowing that there is too little traffic to prove anything. */
function isWaived({ position }: Underway, reason: HoldReason): boolean {
  return reason.kind === 'noTraffic' && position.overridden;
}

/** An object that is created anew is gone for a moment: only one that stays away sends a rollout back. */
function isGoneForGood(state: Underway, view: MeshView, now: Millis): boolean {
  return view.kind === 'missing' && now - missingSince(state, now) >= targetMissingLimitMs;
}

function missingSince(state: Underway, now: Millis): Millis {
  if (state.kind !== 'holding' || state.reason.kind !== 'targetMissing') return now;
  return state.reason.since;
}

function unseen(state: Underway, view: { kind: 'missing' } | MeshFailure, now: Millis): HoldReason {
  if (view.kind === 'missing') return { kind: 'targetMissing', since: missingSince(state, now) };
  return { kind: 'meshUnavailable', why: view.why };
}

type Interruption = { state: Underway; reason: PauseReason; view: MeshView };

function interrupt(rollout: Rollout, { state, reason, view }: Interruption, now: Millis): Decision {
  const position = resumedPosition(state, now);
  const paused = inState(asFound(rollout, view, now), { kind: 'paused', position, since: now, reason });
  const write = view.kind === 'split' && reason.kind !== 'recreated' ? closingWrite(rollout, view) : null;
  return decided(paused, { events: interruptedEvents(reason), write });
}
