import { closed } from './approval.ts';
import { asFound } from './as-found.ts';
import type { AuditEvent } from './audit.ts';
import * as because from './because.ts';
import { type Decision, decided, event, inState, type PlannedWrite } from './decision.ts';
import { changeSince } from './identity.ts';
import type { Hand } from './mover.ts';
import { otherOwner } from './owners.ts';
import { knownAt } from './parts.ts';
import type { MeshView, Owner, ShapeFault, SplitView } from './ports/mesh.ts';
import type { PauseReason } from './reasons.ts';
import type { Rollout } from './rollout.ts';
import { lowestIn, oneByOne, partsOf } from './several.ts';
import { canTakeAll, closingWrite } from './sight.ts';
import { type Placed, resumedPosition } from './state.ts';
import { strangeRoutes } from './strange-routes.ts';
import { type Target, uidOf } from './target.ts';
import { isSameShare, type Millis, type Share } from './units.ts';
import { voided } from './void-approval.ts';

/** What somebody else did to the split or to the canary that only a person can judge; null when all is as we left it. */
export function interruptionIn(rollout: Rollout, view: SplitView): PauseReason | null {
  const { target, traffic, identity } = rollout;
  // Before all else: it is the only one that has to take traffic from the canary.
  const change = canaryChange(identity, view);
  if (change !== null) return change;
  if (view.foreign !== null) return reshaped(view.foreign, view);
  if (view.uid !== uidOf(target)) return recreated(target, view);
  const odd = oddIn(traffic, view);
  const strange = strangeRoutes(traffic, view);
  // What moved the weights is answered as the plan says, whoever signed it.
  if (odd !== null) {
    const { movedBy, gitOps } = odd.view;
    return { kind: 'drift', expected: traffic.desired, found: odd.share, movedBy, gitOps };
  }
  if (strange !== null) {
    const { movedBy, gitOps } = view;
    return { kind: 'routesChanged', why: strange, movedBy, gitOps };
  }
  const another = writerAfter(rollout, view);
  if (another === null) return null;
  const { rolloutId, epoch } = another;
  return { kind: 'anotherRollout', rollout: rolloutId, epoch, signedBy: view.signedBy };
}

/** That the canary is another one; what else was read of it may be a part only. */
function canaryChange(identity: Rollout['identity'], { images }: SplitView): CanaryChanged | null {
  const change = changeSince(identity, images.canary);
  if (change.kind !== 'changed') return null;
  const { container, from, to } = change;
  return { kind: 'canaryChanged', container, from, to, paged: false };
}

type CanaryChanged = Extract<PauseReason, { kind: 'canaryChanged' }>;

/** Another object than the one at the start; where there are several it is named. */
function recreated(target: Target, { uid, objects = [] }: SplitView): PauseReason {
  const known = oneByOne(target).map((one) => one.uid);
  const another = objects.find((object) => !known.includes(object.uid));
  return { kind: 'recreated', uid, ...(another === undefined ? {} : { object: another.name }) };
}

/**
 * The lowest share that is neither the one read back there nor the one being written: what somebody lowered counts before
 * what somebody raised. Null when all are ours.
 */
function oddIn(traffic: Rollout['traffic'], view: SplitView): { share: Share; view: SplitView } | null {
  const parts: (SplitView & { name?: string })[] = partsOf(view);
  const odd = parts.flatMap((part) => {
    const written = traffic.intent === null ? [] : [traffic.intent.share];
    const ours = [...knownAt(traffic, part.name), ...written];
    return [part.canaryShare, lowestIn(part)]
      .filter((share) => !ours.some((known) => isSameShare(share, known)))
      .map((share) => ({ share, view: part }));
  });
  return odd.toSorted((one, other) => one.share - other.share)[0] ?? null;
}

/**
 * Another rollout that wrote since this one did, as after a restored backup or from a second installation; null when
 * there is none. What stood there before this one's first write was the last rollout's.
 */
function writerAfter(rollout: Rollout, view: SplitView): Owner | null {
  const isUnwritten = rollout.writeEpoch === null || rollout.traffic.intent !== null;
  return isUnwritten ? null : otherOwner(rollout, view);
}

/** The object has a form that is not understood any more. */
export function reshaped({ path, message }: ShapeFault, hand: Partial<Hand>): PauseReason {
  const { movedBy = null, gitOps = null } = hand;
  return { kind: 'shapeChanged', why: `${path}: ${message}`, movedBy, gitOps };
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

/** Stops for a changed canary where not all VirtualServices could be read: those that could lose its traffic. */
export function interruptedUnseen(
  rollout: Rollout,
  state: Placed,
  { readable }: Exclude<MeshView, SplitView>,
  now: Millis,
): Decision | null {
  if (readable === undefined) return null;
  const reason = canaryChange(rollout.identity, readable);
  return reason === null ? null : interrupt(rollout, { state, reason, view: readable }, now);
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
  const isServing = view.canaryShare > 0 || view.managedRoutes.length > 0;
  const mustLose = reason.kind === 'canaryChanged' && isServing;
  if (mustLose && canTakeAll(view)) return { share: 0, end: false, managed: [] };
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
