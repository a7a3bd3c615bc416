import type { AuditEvent } from './audit.ts';
import * as because from './because.ts';
import {
  type Decision,
  decided,
  event,
  inState,
  type PlannedWrite,
  preceded,
  revised,
  weightApplied,
} from './decision.ts';
import { keepTrying, returned } from './go-back.ts';
import { handedOver } from './hand-over.ts';
import type { WriteOutcome } from './ports/mesh.ts';
import type { Rollout } from './rollout.ts';
import * as say from './say.ts';
import { type In, resumedPosition } from './state.ts';
import { toldInFull } from './tell.ts';
import { isSameShare, type Millis } from './units.ts';
import { isHeldByWrites, ontoNextStep, type Running, resumption } from './walk.ts';

const retryMs = 250;
/** Conflicts in a row after which somebody else's writing is worth telling. */
const patientAttempts = 5;

/**
 * What becomes of a rollout after its write: only a weight that was read back moves it on, and only then may it
 * end. Takes the rollout as `decide` left it, the write that it asked for, and the mesh's answer.
 */
export function settle(rollout: Rollout, write: PlannedWrite, outcome: WriteOutcome, now: Millis): Decision {
  return toldInFull(revised(rollout, afterWrite(rollout, write, outcome, now)), now);
}

function afterWrite(rollout: Rollout, write: PlannedWrite, outcome: WriteOutcome, now: Millis): Decision {
  if (outcome.kind === 'applied') return arrived(rollout, write, outcome.canaryShare, now);
  const { state } = rollout;
  if (state.kind === 'rollingBack') {
    return keepTrying(rollout, state, { kind: 'meshWriteFailed', why: whyNot(outcome) }, now);
  }
  const attempts = rollout.traffic.intent?.attempts ?? 1;
  const mayPass = outcome.kind === 'missing' || (outcome.kind === 'conflict' && attempts < patientAttempts);
  if (mayPass) return decided(rollout, { nextAt: now + retryMs * attempts });
  // No answer may mean that it was applied: look again soon. A refusal will not change as fast.
  const nextAt = outcome.kind === 'ambiguous' ? now + 4 * retryMs : rollout.nextPollAt;
  return notWritten(rollout, whyNot(outcome), nextAt, now);
}

/** Says that the weight could not be written, where somebody waits for it; the next turn tries again. */
function notWritten(rollout: Rollout, why: string, nextAt: Millis, now: Millis): Decision {
  const { state } = rollout;
  const reason = { kind: 'meshWriteFailed' as const, why };
  if (isHeldByWrites(state)) return decided(inState(rollout, { ...state, reason }), { nextAt });
  if (state.kind === 'handingOver') {
    return decided(inState(rollout, { ...state, waitingFor: because.hold(reason) }), { nextAt });
  }
  // A changed canary may still have traffic.
  if (state.kind === 'paused') return decided(rollout, { nextAt: Math.min(nextAt, now + 4 * retryMs) });
  if (state.kind !== 'running') return decided(rollout, { nextAt });
  const held = inState(rollout, { kind: 'holding', position: state.position, since: now, reason });
  const events = [event('rollout.holding', `holding: ${because.hold(reason)}`, { reason })];
  return decided(held, { events, nextAt });
}

function arrived(before: Rollout, write: PlannedWrite, share: number, now: Millis): Decision {
  const rollout = withApplied(before, share, now);
  const hasMoved = !isSameShare(before.traffic.applied, share);
  const moved = hasMoved ? [weightApplied(before.traffic.applied, rollout)] : [];
  const { state } = rollout;
  if (state.kind === 'rollingBack') return wayBack(rollout, state, moved, now);
  if (state.kind === 'handingOver' && write.end)
    return decided(handedOver(rollout, state, now), { events: moved });
  const isHeld = isHeldByWrites(state);
  if (!isHeld && state.kind !== 'running') return decided(rollout, { events: moved });
  const running: Running = { ...rollout, state: { kind: 'running', position: resumedPosition(state, now) } };
  const events = isHeld ? [resumption(state), ...moved] : moved;
  if (write.end && isSameShare(share, 100)) {
    const ended = inState(rollout, { kind: 'succeeded', at: now });
    return decided(ended, {
      events: [...events, event('rollout.succeeded', `succeeded: ${say.traffic(ended)}`)],
    });
  }
  const stepped = afterWeight(running, hasMoved, now);
  return decided(stepped.rollout, { ...stepped, events: [...events, ...stepped.events] });
}

function wayBack(rollout: Rollout, state: In<'rollingBack'>, moved: AuditEvent[], now: Millis): Decision {
  const { applied: left } = rollout.traffic;
  const why = `the canary still has ${say.share(left)} after the write`;
  const decision = isSameShare(left, 0)
    ? returned(rollout, state, now)
    : keepTrying(rollout, state, { kind: 'meshWriteFailed', why }, now);
  return preceded(moved, decision);
}

/** A step that only asked for this weight is over; any other one begins its watch at the new weight. */
function afterWeight(
  rollout: Running,
  hasMoved: boolean,
  now: Millis,
): { rollout: Running; events: AuditEvent[]; nextAt: Millis } {
  const { position } = rollout.state;
  const step = rollout.plan.steps[position.step];
  if (step?.type === 'setWeight' && isSameShare(step.weight, rollout.traffic.applied)) {
    const next = ontoNextStep(rollout, now);
    const needsTime = rollout.plan.steps[position.step + 1]?.type === 'bake';
    return { ...next, nextAt: needsTime ? rollout.nextPollAt : now };
  }
  if (!hasMoved) return { rollout, events: [], nextAt: rollout.nextPollAt };
  const restarted: Running = {
    ...rollout,
    state: { kind: 'running', position: { ...position, startedAt: now } },
  };
  return { rollout: restarted, events: [], nextAt: rollout.nextPollAt };
}

function withApplied(rollout: Rollout, share: number, now: Millis): Rollout {
  const { traffic, plan } = rollout;
  if (isSameShare(traffic.applied, share)) return { ...rollout, traffic: { ...traffic, intent: null } };
  const isFirst = traffic.applied === 0;
  const nextPollAt = isFirst ? now + plan.interval * 1000 : rollout.nextPollAt;
  return { ...rollout, nextPollAt, traffic: { ...traffic, applied: share, appliedAt: now, intent: null } };
}

function whyNot(outcome: Exclude<WriteOutcome, { kind: 'applied' }>): string {
  switch (outcome.kind) {
    case 'conflict':
      return 'somebody else keeps writing the VirtualService';
    case 'missing':
      return 'the VirtualService is gone';
    case 'ambiguous':
    case 'unavailable':
      return outcome.why;
  }
}
