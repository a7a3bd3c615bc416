import { closed } from './approval.ts';
import type { AuditEvent } from './audit.ts';
import * as because from './because.ts';
import { type Decision, decided, event, inState, type PlannedWrite, weightFound } from './decision.ts';
import { changeSince } from './identity.ts';
import type { MeshView, Owner, ShapeFault, SplitView } from './ports/mesh.ts';
import type { PauseReason } from './reasons.ts';
import type { Rollout } from './rollout.ts';
import { canTakeAll, closingWrite } from './sight.ts';
import { type Placed, resumedPosition } from './state.ts';
import { isSameShare, type Millis } from './units.ts';
import { voided } from './void-approval.ts';

/** What somebody else did to the split or to the canary that only a person can judge; null when all is as we left it. */
export function interruptionIn(rollout: Rollout, view: SplitView): PauseReason | null {
  const { target, traffic, identity } = rollout;
  // Before all else: it is the only one that has to take traffic from the canary.
  const change = changeSince(identity, view.images.canary);
  if (change.kind === 'changed') {
    const { container, from, to } = change;
    return { kind: 'canaryChanged', container, from, to, paged: false };
  }
  if (view.foreign !== null) return reshaped(view.foreign);
  if (view.uid !== target.uid) return { kind: 'recreated', uid: view.uid };
  const isOurs =
    isSameShare(view.canaryShare, traffic.applied) ||
    (traffic.intent !== null && isSameShare(view.canaryShare, traffic.intent.share));
  // What moved the weights is answered as the plan says, whoever signed it.
  if (!isOurs) return { kind: 'drift', expected: traffic.desired, found: view.canaryShare };
  const another = writerAfter(rollout, view);
  return another && { kind: 'anotherRollout', rollout: another.rolloutId, epoch: another.epoch };
}

/**
 * Another rollout that wrote since this one did, as after a restored backup or from a second installation; null when
 * there is none. What stood there before this one's first write was the last rollout's.
 */
function writerAfter({ id, writeEpoch, traffic }: Rollout, { owner }: SplitView): Owner | null {
  const isUnwritten = writeEpoch === null || traffic.intent !== null;
  return isUnwritten || owner === null || owner.rolloutId === id ? null : owner;
}

/** The object has a form that is not understood any more. */
export function reshaped({ path, message }: ShapeFault): PauseReason {
  return { kind: 'shapeChanged', why: `${path}: ${message}` };
}

/** The share as found becomes the one read back, so that people are told where traffic is. */
export function asFound(rollout: Rollout, view: MeshView, now: Millis): Rollout {
  if (view.kind !== 'split' || isSameShare(view.canaryShare, rollout.traffic.applied)) return rollout;
  return { ...rollout, traffic: { ...rollout.traffic, applied: view.canaryShare, appliedAt: now } };
}

/** With a write of what stands there still to be done, so that later ones of others are stale. */
export function rewriting(traffic: Rollout['traffic'], share: number): Rollout['traffic'] {
  return { ...traffic, intent: { share, end: false, attempts: 1 } };
}

/**
 * As found, and told. A write whose answer was lost, or that a person's word has fenced, may have landed: users were there,
 * and the audit log has to say so.
 */
export function toldAsFound(
  given: Rollout,
  view: MeshView,
  now: Millis,
): { rollout: Rollout; events: AuditEvent[] } {
  const rollout = asFound(given, view, now);
  const wasTold = isSameShare(given.traffic.applied, rollout.traffic.applied);
  return { rollout, events: wasTold ? [] : [weightFound(given.traffic.applied, rollout)] };
}

type Interruption = { state: Placed; reason: PauseReason; view: MeshView };

/** Stops for a person. A request for approval is void: what was to be approved is no longer what stands there. */
export function interrupt(rollout: Rollout, { state, reason, view }: Interruption, now: Millis): Decision {
  const position = resumedPosition(state, now);
  const found = asFound(rollout, view, now);
  const paused = inState(
    { ...found, approvals: closed(found.approvals, 'void') },
    { kind: 'paused', position, since: now, reason },
  );
  const events = [...interruptedEvents(reason), ...voided(found.approvals, because.pause(reason))];
  return decided(paused, { events, ...writeNow(writeWhile(reason, rollout, view), now) });
}

/** A write that takes traffic away is not left to the next poll when its worker stops before it. */
export function writeNow(
  write: PlannedWrite | null,
  now: Millis,
): Pick<Decision, 'write'> & { nextAt?: Millis } {
  return write === null ? { write } : { write, nextAt: now };
}

/**
 * What a pause still writes: another canary than the one that was measured gets no traffic at all, unless stable could
 * take none; and a new object is left alone until a person has looked at it.
 */
export function writeWhile(reason: PauseReason, rollout: Rollout, view: MeshView): PlannedWrite | null {
  if (view.kind !== 'split' || reason.kind === 'recreated') return null;
  const mustLose = reason.kind === 'canaryChanged' && view.canaryShare > 0;
  if (mustLose && canTakeAll(view)) return { share: 0, end: false };
  return closingWrite(rollout, view);
}

/** The audit events of a rollout that somebody else interrupted. */
export function interruptedEvents(reason: PauseReason): AuditEvent[] {
  const message = because.pause(reason);
  const facts = { ...reason };
  const drift = reason.kind === 'drift' ? [event('drift.detected', message, facts)] : [];
  const changed = reason.kind === 'canaryChanged' ? [event('canary.changed', message, facts)] : [];
  const page = reason.kind === 'anotherRollout' ? [event('page', message, { reason })] : [];
  return [...drift, ...changed, event('rollout.paused', message, { reason }), ...page];
}
