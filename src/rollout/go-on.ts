import { type Decision, decided, event, inState } from './decision.ts';
import { turnBack } from './go-back.ts';
import { watchOver } from './guard.ts';
import { paged } from './page.ts';
import type { MeshView } from './ports.ts';
import type { HoldReason, PauseReason, Rollout, State } from './rollout.ts';
import * as say from './say.ts';
import { asFound, closingWrite, factsOf, interruptionIn, pollAfter, type Sight } from './sight.ts';
import type { Millis } from './units.ts';
import { type Running, walk } from './walk.ts';

type Moving = Extract<State, { kind: 'running' | 'holding' }>;

/** A turn on the way forward: first whatever sends it back, then whatever stops it, then the plan's next step. */
export function goOn(before: Rollout, state: Moving, { view, measurements }: Sight, now: Millis): Decision {
  const { watch, finding } = watchOver(before, factsOf(before, view, measurements), now);
  const rollout = { ...before, watch, nextPollAt: pollAfter(before, now) };
  if (finding.kind === 'rollback') return turnBack(rollout, finding.cause, view, now);
  if (now >= rollout.deadlineAt) {
    return turnBack(rollout, { kind: 'deadline', seconds: rollout.plan.deadline }, view, now);
  }
  if (view.kind === 'missing') return turnBack(rollout, { kind: 'targetMissing' }, view, now);
  const interruption = interruptionIn(rollout, view);
  if (interruption !== null) return interrupt(before, rollout, { state, reason: interruption, view }, now);
  if (view.kind !== 'split') return hold(before, rollout, { state, reason: unreadable(view), view }, now);
  if (finding.kind === 'hold') return hold(before, rollout, { state, reason: finding.reason, view }, now);
  return walk(before, resumed(rollout, state, now), view, now);
}

type Stop<Reason> = { state: Moving; reason: Reason; view: MeshView };

function interrupt(
  before: Rollout,
  rollout: Rollout,
  { state, reason, view }: Stop<PauseReason>,
  now: Millis,
): Decision {
  const { position } = resumed(rollout, state, now).state;
  const paused = inState(asFound(rollout, view, now), { kind: 'paused', position, since: now, reason });
  const events = [event('rollout.paused', say.pause(reason), { reason })];
  const drift = reason.kind === 'drift' ? [event('drift.detected', say.pause(reason), { ...reason })] : [];
  const write = view.kind === 'split' && reason.kind !== 'recreated' ? closingWrite(rollout, view) : null;
  return decided(before, paused, { events: [...drift, ...events], write });
}

function hold(
  before: Rollout,
  rollout: Rollout,
  { state, reason, view }: Stop<HoldReason>,
  now: Millis,
): Decision {
  const since = state.kind === 'holding' ? state.since : now;
  const isNew = state.kind === 'running' || state.reason.kind !== reason.kind;
  const events = isNew ? [event('rollout.holding', `holding: ${say.hold(reason)}`, { reason })] : [];
  const { rollout: told, events: pages } = paged(rollout, now);
  const held = inState(told, { kind: 'holding', position: state.position, since, reason });
  const write = view.kind === 'split' ? closingWrite(rollout, view) : null;
  return decided(before, held, { events: [...events, ...pages], write });
}

function unreadable(view: Extract<MeshView, { kind: 'unavailable' | 'shape' }>): HoldReason {
  return { kind: 'meshUnavailable', why: view.kind === 'shape' ? view.fault.message : view.why };
}

/** Running again, with the step's clock moved on by the time it was held. */
function resumed(rollout: Rollout, state: Moving, now: Millis): Running {
  const heldMs = state.kind === 'holding' ? now - state.since : 0;
  const { step, startedAt } = state.position;
  return { ...rollout, state: { kind: 'running', position: { step, startedAt: startedAt + heldMs } } };
}
