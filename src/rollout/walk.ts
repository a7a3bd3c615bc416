import { type Decision, decided, event } from './decision.ts';
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
  const { step, startedAt } = state.position;
  return { ...rollout, state: { kind: 'running', position: { step, startedAt: startedAt + heldMs } } };
}

/** The audit event that ends a hold. */
export function resumption({ reason }: Holding): Decision['events'][number] {
  return event('rollout.resumed', 'going on: what held the rollout is over', { reason });
}

function stride(before: Rollout, rollout: Running, view: SplitView, now: Millis): Decision {
  const { desired, applied } = rollout.traffic;
  const { position } = rollout.state;
  if (!isSameShare(desired, applied)) return shift(before, rollout, { share: desired, end: false }, now);
  const outcome = takeStep({ rollout, position, now });
  switch (outcome.kind) {
    case 'wait':
      return decided(before, rollout, { write: closingWrite(rollout, view) });
    case 'shift':
      return shift(before, rollout, { share: outcome.share, end: false }, now);
    case 'finish':
      return shift(before, rollout, { share: 100, end: true }, now);
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
): { rollout: Running; events: Decision['events'] } {
  const { step } = rollout.state.position;
  const moved: Running = {
    ...rollout,
    state: { kind: 'running', position: { step: step + 1, startedAt: now } },
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

function shift(
  before: Rollout,
  rollout: Running,
  write: { share: number; end: boolean },
  now: Millis,
): Decision {
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
