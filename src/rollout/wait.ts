import { type Decision, decided } from './decision.ts';
import { turnBack } from './go-back.ts';
import { watchOver } from './guard.ts';
import { asFound, interruptedEvents, interruptionIn } from './interruption.ts';
import { paged } from './page.ts';
import type { Cause, PauseReason } from './reasons.ts';
import type { In, Rollout } from './rollout.ts';
import { closingWrite, factsOf, pollAfter, type Sight } from './sight.ts';
import type { Millis } from './units.ts';

type Paused = In<'paused'>;

/** A turn while a person is awaited: the weight stays, the guards go on, and nobody coming is an answer too. */
export function wait(before: Rollout, state: Paused, sight: Sight, now: Millis): Decision {
  const { view, measurements } = sight;
  const { watch, finding } = watchOver(before, factsOf(before, view, measurements), now);
  const rollout = { ...before, watch, nextPollAt: pollAfter(before, now) };
  if (finding.kind === 'rollback') return turnBack(rollout, finding.cause, sight, now);
  const timeUp = timeUpIn(rollout, state, now);
  if (timeUp !== null) return turnBack(rollout, timeUp, sight, now);
  // Nobody is at work here who could wait for it to be created anew; the way back waits for that too.
  if (view.kind === 'missing') return turnBack(rollout, { kind: 'targetMissing' }, sight, now);
  const told = paged(rollout, now);
  if (view.kind !== 'split') return decided(told.rollout, { events: told.events });
  const reason = interruptionIn(rollout, view);
  if (reason === null || isKnown(reason, state.reason)) {
    return decided(told.rollout, { events: told.events, write: closingWrite(rollout, view) });
  }
  const found = asFound(told.rollout, view, now);
  const paused = { ...found, deadlineAt: deadlineAfterPause(found, now), state: { ...state, reason } };
  const write = reason.kind === 'recreated' ? null : closingWrite(rollout, view);
  return decided(paused, {
    events: [...told.events, ...interruptedEvents(reason)],
    write,
  });
}

/** A share that moved once more is news; that the object is a new one, or not understood, is said once. */
function isKnown(reason: PauseReason, known: PauseReason): boolean {
  if (reason.kind === 'recreated') return known.kind === 'recreated' && known.uid === reason.uid;
  return reason.kind !== 'drift' && reason.kind === known.kind;
}

/** Where the deadline stands once the present pause is over, in ms: a person's pause moves it on. */
export function deadlineAfterPause({ state, deadlineAt }: Rollout, now: Millis): Millis {
  if (state.kind !== 'paused' || !isPersonsPause(state.reason)) return deadlineAt;
  return deadlineAt + (now - state.since);
}

/** The deadline does not run while a person has paused; it runs when canaryd itself stopped. */
export function isPersonsPause(reason: PauseReason): boolean {
  return reason.kind === 'operator' || reason.kind === 'plan';
}

function timeUpIn({ plan, deadlineAt }: Rollout, { since, reason }: Paused, now: Millis): Cause | null {
  if (now - since >= plan.pauseExpiry * 1000) return { kind: 'expired', seconds: plan.pauseExpiry };
  if (isPersonsPause(reason) || now < deadlineAt) return null;
  return { kind: 'deadline', seconds: plan.deadline };
}
