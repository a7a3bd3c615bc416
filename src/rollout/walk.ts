import { type Decision, decided, event, type PlannedWrite } from './decision.ts';
import { hasEveryCheckPassed } from './evidence.ts';
import { hold } from './hold.ts';
import type { SplitView } from './ports.ts';
import { type Rollout, type State, stepAt } from './rollout.ts';
import * as say from './say.ts';
import { closingWrite } from './sight.ts';
import { takeStep } from './steps/step.ts';
import { isSameShare, type Millis } from './units.ts';

export type Running = Rollout & { state: Extract<State, { kind: 'running' }> };
export type Moving = Extract<State, { kind: 'running' | 'holding' }>;
type Holding = Extract<State, { kind: 'holding' }>;

/** Takes steps until one needs time, a weight or a person. Called only when nothing speaks against going on. */
export function walk(before: Rollout, rollout: Running, view: SplitView, now: Millis): Decision {
  const decision = stride(before, rollout, view, now);
  if (before.state.kind !== 'holding' || decision.rollout.state.kind === 'holding') return decision;
  return { ...decision, events: [resumption(before.state), ...decision.events] };
}

/** Running again, with the step's clock moved on by the time it was held. */
export function runningAgain(rollout: Rollout, state: Moving, now: Millis): Running {
  const heldMs = state.kind === 'holding' ? now - state.since : 0;
  const startedAt = state.position.startedAt + heldMs;
  return { ...rollout, state: { kind: 'running', position: { ...state.position, startedAt } } };
}

/** The audit event that ends a hold. */
export function resumption({ reason }: Holding): Decision['events'][number] {
  return event('rollout.resumed', 'going on: what held the rollout is over', { reason });
}

function stride(before: Rollout, rollout: Running, view: SplitView, now: Millis): Decision {
  const { desired, applied } = rollout.traffic;
  const { position } = rollout.state;
  if (!isSameShare(desired, applied))
    return raise(before, rollout, { write: { share: desired, end: false }, view }, now);
  const outcome = takeStep({ rollout, position, now });
  switch (outcome.kind) {
    case 'wait':
      return decided(before, rollout, { write: closingWrite(rollout, view) });
    case 'shift':
      return raise(before, rollout, { write: { share: outcome.share, end: false }, view }, now);
    case 'finish':
      return raise(before, rollout, { write: { share: 100, end: true }, view }, now);
    case 'pause': {
      const paused: Rollout = {
        ...rollout,
        state: { kind: 'paused', position, since: now, reason: { kind: 'plan' } },
      };
      const events = [event('rollout.paused', say.pause({ kind: 'plan' }), { reason: { kind: 'plan' } })];
      return decided(before, paused, { events, write: closingWrite(rollout, view) });
    }
    case 'done': {
      const next = ontoNextStep(rollout, now);
      const decision = stride(before, next.rollout, view, now);
      return { ...decision, events: [...next.events, ...decision.events] };
    }
  }
}

/** The next step, begun now, and the audit events that say so. */
export function ontoNextStep(
  rollout: Running,
  now: Millis,
  overridden = false,
): { rollout: Running; events: Decision['events'] } {
  const { step } = rollout.state.position;
  const moved: Running = {
    ...rollout,
    state: { kind: 'running', position: { step: step + 1, startedAt: now, overridden } },
  };
  const total = rollout.plan.steps.length;
  const next = stepAt(moved, moved.state.position);
  const completed = event(
    'step.completed',
    `step ${step + 1} of ${total} completed at ${say.share(rollout.traffic.applied)}`,
    { step },
  );
  const promoting = next.type === 'promote' ? [event('rollout.promoting', 'promoting to 100 %')] : [];
  return { rollout: moved, events: [completed, stepStarted(moved), ...promoting] };
}

/** The audit event of the step that a rollout stands at. */
export function stepStarted(rollout: Running): Decision['events'][number] {
  const { position } = rollout.state;
  const step = stepAt(rollout, position);
  const message = `step ${position.step + 1} of ${rollout.plan.steps.length} started: ${say.step(step)}`;
  return event('step.started', message, { step: position.step, type: step.type });
}

/** Polls that proof may be old: one may be under way, and one may have been missed. */
const freshPolls = 2;

/**
 * Gives a canary with traffic more of it only on proof that still holds. It was asked for when the bake ended, but a
 * pause, a refused write or an outage may have come between.
 */
function raise(
  before: Rollout,
  rollout: Running,
  { write, view }: { write: PlannedWrite; view: SplitView },
  now: Millis,
): Decision {
  const { applied } = rollout.traffic;
  const isRaise = applied > 0 && write.share > applied && !isSameShare(write.share, applied);
  const freshSince = now - freshPolls * rollout.plan.interval * 1000;
  const isProven = rollout.state.position.overridden || hasEveryCheckPassed(rollout, freshSince);
  if (!isRaise || isProven) return shift(before, rollout, write, now);
  const state = heldAtThisStep(before, rollout) ?? rollout.state;
  return hold(before, rollout, { state, reason: { kind: 'unproven', share: applied }, view }, now);
}

/** A hold goes on with its clock while the rollout stands at the same step. */
function heldAtThisStep({ state }: Rollout, { state: { position } }: Running): Holding | null {
  return state.kind === 'holding' && state.position.step === position.step ? state : null;
}

function shift(before: Rollout, rollout: Running, write: PlannedWrite, now: Millis): Decision {
  // Only an answer shows that writing works again: until then the hold stands and each attempt is a quiet one.
  const isHeld = before.state.kind === 'holding' && before.state.reason.kind === 'meshWriteFailed';
  const after = isHeld ? { ...rollout, state: before.state } : rollout;
  const { applied, intent } = rollout.traffic;
  const isRepeated = intent !== null && isSameShare(intent.share, write.share);
  if (isRepeated || isSameShare(write.share, applied)) return decided(before, after, { write, nextAt: now });
  const message = `weight of ${rollout.target.canary.version} to go from ${say.share(applied)} to ${say.share(write.share)}`;
  const intended = event('weight.intended', message, { from: applied, to: write.share });
  return decided(before, after, { events: [intended], write, nextAt: now });
}
