import { evened } from './as-found.ts';
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
  routesApplied,
  weightApplied,
} from './decision.ts';
import { keepTrying, returned } from './go-back.ts';
import { handedOver } from './hand-over.ts';
import { isPreviewed, isSameNames, namesOf, withManagedFound } from './managed.ts';
import { overdue } from './page.ts';
import { partsDone } from './parts.ts';
import type { StepType } from './plan-parts.ts';
import type { WriteOutcome } from './ports/mesh.ts';
import type { Rollout } from './rollout.ts';
import * as say from './say.ts';
import { whyNot } from './several.ts';
import { type In, resumedPosition } from './state.ts';
import { takeStep } from './steps/step.ts';
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
  return failed(withDone(rollout, write, outcome), outcome, now);
}

/** What came about at some of several is known there from then on: who lowers it again is not raised by a retry. */
function withDone(rollout: Rollout, { share }: PlannedWrite, { done = [] }: Failed): Rollout {
  return { ...rollout, traffic: partsDone(rollout.traffic, rollout.target, done, share) };
}

type Failed = Exclude<WriteOutcome, { kind: 'applied' }>;

function failed(rollout: Rollout, outcome: Failed, now: Millis): Decision {
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
  const failed = { kind: 'meshWriteFailed' as const, why };
  const { reason, pages } = overdue(rollout, failed, now);
  if (isHeldByWrites(state))
    return decided(inState(rollout, { ...state, reason }), { events: pages, nextAt });
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
  const rollout = withApplied(before, write, share, now);
  const hasMoved = !isSameShare(before.traffic.applied, share) || bringsMore(before, rollout);
  const moved = movesIn(before, rollout);
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
  if (step !== undefined && isOnlyWrite[step.type] && takeStep({ rollout, position, now }).kind === 'done') {
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

/** Steps that are over as soon as what they ask for was read back. */
const isOnlyWrite: Record<StepType, boolean> = {
  setWeight: true,
  setHeaderRoute: true,
  setMirrorRoute: true,
  bake: false,
  pause: false,
  approval: false,
  promote: false,
};

/** What a write has changed, told once it was read back. */
function movesIn(before: Rollout, after: Rollout): AuditEvent[] {
  const routes = hasNewRoutes(before, after) ? [routesApplied(after)] : [];
  const { applied, lowest = applied } = before.traffic;
  const from = isSameShare(applied, after.traffic.applied) ? lowest : applied;
  return isSameShare(from, after.traffic.applied) ? routes : [...routes, weightApplied(from, after)];
}

function hasNewRoutes({ traffic: before }: Rollout, { traffic: after }: Rollout): boolean {
  const isMended = before.managed.changed !== undefined && after.managed.changed === undefined;
  const isAsked = before.intent?.managed ?? false;
  return isAsked || isMended || !isSameNames(before.managed.applied, after.managed.applied);
}

/** What was proven stays proven when a route is taken away: fewer requests reach the canary, and none that are new. */
function bringsMore(before: Rollout, after: Rollout): boolean {
  const [had, has] = [before.traffic.managed.applied, after.traffic.managed.applied];
  const isLess = has.length < had.length && has.every((name) => had.includes(name));
  return hasNewRoutes(before, after) && !isLess;
}

function withApplied(before: Rollout, write: PlannedWrite, share: number, now: Millis): Rollout {
  const { plan } = before;
  const traffic = evened(before.traffic);
  const { managed } = traffic;
  const applied = { ...traffic, applied: share, intent: null, managed: managedAfter(managed, write) };
  const rollout: Rollout = { ...before, traffic: applied };
  const isSame = isSameShare(traffic.applied, share) && before.traffic.lowest === undefined;
  if (isSame && !bringsMore(before, rollout)) return rollout;
  const isFirst = traffic.applied === 0 && !isPreviewed(before);
  const nextPollAt = isFirst ? now + plan.interval * 1000 : before.nextPollAt;
  return { ...rollout, nextPollAt, traffic: { ...applied, appliedAt: now } };
}

/** A write that names no managed routes leaves those that stand there as they are. */
function managedAfter(managed: Rollout['traffic']['managed'], { end, managed: written }: PlannedWrite) {
  if (end) return withManagedFound(managed, []);
  return written === undefined ? managed : withManagedFound(managed, namesOf(written));
}
