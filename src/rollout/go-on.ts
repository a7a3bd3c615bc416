import { type Decision, decided, event, inState } from './decision.ts';
import { targetMissingLimitMs, turnBack } from './go-back.ts';
import { watchOver } from './guard.ts';
import { hold } from './hold.ts';
import type { MeshView } from './ports.ts';
import type { HoldReason, PauseReason, Rollout } from './rollout.ts';
import * as say from './say.ts';
import { asFound, closingWrite, factsOf, interruptionIn, pollAfter, type Sight } from './sight.ts';
import type { Millis } from './units.ts';
import { type Moving, runningAgain, walk } from './walk.ts';

/** A turn on the way forward: first whatever sends it back, then whatever stops it, then the plan's next step. */
export function goOn(before: Rollout, state: Moving, sight: Sight, now: Millis): Decision {
  const { view, measurements } = sight;
  const { watch, finding } = watchOver(before, factsOf(before, view, measurements), now);
  const rollout = { ...before, watch, nextPollAt: pollAfter(before, now) };
  if (finding.kind === 'rollback') return turnBack(rollout, finding.cause, sight, now);
  if (now >= rollout.deadlineAt) {
    return turnBack(rollout, { kind: 'deadline', seconds: rollout.plan.deadline }, sight, now);
  }
  if (isGoneForGood(state, view, now)) return turnBack(rollout, { kind: 'targetMissing' }, sight, now);
  const interruption = interruptionIn(rollout, view);
  if (interruption !== null) return interrupt(before, rollout, { state, reason: interruption, view }, now);
  if (view.kind !== 'split')
    return hold(before, rollout, { state, reason: unseen(state, view, now), view }, now);
  if (finding.kind === 'hold' && !isWaived(state, finding.reason))
    return hold(before, rollout, { state, reason: finding.reason, view }, now);
  return walk(before, runningAgain(rollout, state, now), view, now);
}

/** A person who went on without proof did so knowing that there is too little traffic to prove anything. */
function isWaived({ position }: Moving, reason: HoldReason): boolean {
  return reason.kind === 'noTraffic' && position.overridden;
}

/** An object that is created anew is gone for a moment: only one that stays away sends a rollout back. */
function isGoneForGood(state: Moving, view: MeshView, now: Millis): boolean {
  return view.kind === 'missing' && now - missingSince(state, now) >= targetMissingLimitMs;
}

function missingSince(state: Moving, now: Millis): Millis {
  if (state.kind !== 'holding' || state.reason.kind !== 'targetMissing') return now;
  return state.reason.since;
}

function unseen(state: Moving, view: Exclude<MeshView, { kind: 'split' }>, now: Millis): HoldReason {
  if (view.kind === 'missing') return { kind: 'targetMissing', since: missingSince(state, now) };
  return { kind: 'meshUnavailable', why: view.kind === 'shape' ? view.fault.message : view.why };
}

type Interruption = { state: Moving; reason: PauseReason; view: MeshView };

function interrupt(
  before: Rollout,
  rollout: Rollout,
  { state, reason, view }: Interruption,
  now: Millis,
): Decision {
  const { position } = runningAgain(rollout, state, now).state;
  const paused = inState(asFound(rollout, view, now), { kind: 'paused', position, since: now, reason });
  const events = [event('rollout.paused', say.pause(reason), { reason })];
  const drift = reason.kind === 'drift' ? [event('drift.detected', say.pause(reason), { ...reason })] : [];
  const write = view.kind === 'split' && reason.kind !== 'recreated' ? closingWrite(rollout, view) : null;
  return decided(before, paused, { events: [...drift, ...events], write });
}
