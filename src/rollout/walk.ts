import { type Decision, decided, event } from './decision.ts';
import type { SplitView } from './ports.ts';
import { type Rollout, type State, stepAt } from './rollout.ts';
import * as say from './say.ts';
import { closingWrite } from './sight.ts';
import { takeStep } from './steps/step.ts';
import { isSameShare, type Millis } from './units.ts';

export type Running = Rollout & { state: Extract<State, { kind: 'running' }> };

/** Takes steps until one needs time, a weight or a person. Called only when nothing speaks against going on. */
export function walk(before: Rollout, rollout: Running, view: SplitView, now: Millis): Decision {
  const { desired, applied } = rollout.traffic;
  const { position } = rollout.state;
  if (!isSameShare(desired, applied)) return shift(before, rollout, { share: desired, end: false }, now);
  const outcome = takeStep({ rollout, position, now });
  switch (outcome.kind) {
    case 'wait':
      return decided(before, rollout, { events: resumption(before), write: closingWrite(rollout, view) });
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
      const decision = walk(before, next.rollout, view, now);
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
  const started = event('step.started', `step ${step + 2} of ${total} started: ${say.step(next)}`, {
    step: step + 1,
    type: next.type,
  });
  const promoting = next.type === 'promote' ? [event('rollout.promoting', 'promoting to 100 %')] : [];
  return { rollout: moved, events: [completed, started, ...promoting] };
}

function shift(
  before: Rollout,
  rollout: Running,
  write: { share: number; end: boolean },
  now: Millis,
): Decision {
  const { applied } = rollout.traffic;
  const moves = !isSameShare(write.share, applied);
  const message = `weight of ${rollout.target.canary.version} to go from ${say.share(applied)} to ${say.share(write.share)}`;
  const intended = moves ? [event('weight.intended', message, { from: applied, to: write.share })] : [];
  return decided(before, rollout, { events: [...resumption(before), ...intended], write, nextAt: now });
}

function resumption({ state }: Rollout): Decision['events'] {
  if (state.kind !== 'holding') return [];
  return [event('rollout.resumed', 'going on: what held the rollout is over', { reason: state.reason })];
}
