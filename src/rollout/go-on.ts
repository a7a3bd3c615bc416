import { type Decision, decided, event, inState } from './decision.ts';
import { turnBack } from './go-back.ts';
import { watchOver } from './guard.ts';
import { paged } from './page.ts';
import type { MeshView } from './ports.ts';
import { type HoldReason, type PauseReason, type Rollout, stepAt } from './rollout.ts';
import * as say from './say.ts';
import { asFound, closingWrite, factsOf, interruptionIn, pollAfter, type Sight } from './sight.ts';
import type { Millis } from './units.ts';
import { type Moving, runningAgain, walk } from './walk.ts';

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
  if (finding.kind === 'hold' && !isBeyondProof(rollout, state, finding.reason))
    return hold(before, rollout, { state, reason: finding.reason, view }, now);
  return walk(before, runningAgain(rollout, state, now), view, now);
}

/** A weight that is due was proven, or a person did without the proof: too little traffic stops only what watches. */
function isBeyondProof(rollout: Rollout, { position }: Moving, reason: HoldReason): boolean {
  const step = stepAt(rollout, position);
  const watches = step.type === 'bake' || step.type === 'pause' || rollout.traffic.applied === 100;
  return reason.kind === 'noTraffic' && !watches;
}

type Stop<Reason> = { state: Moving; reason: Reason; view: MeshView };

function interrupt(
  before: Rollout,
  rollout: Rollout,
  { state, reason, view }: Stop<PauseReason>,
  now: Millis,
): Decision {
  const { position } = runningAgain(rollout, state, now).state;
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
