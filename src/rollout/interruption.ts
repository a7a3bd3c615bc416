import { closed } from './approval.ts';
import type { AuditEvent } from './audit.ts';
import * as because from './because.ts';
import {
  type Decision,
  decided,
  event,
  inState,
  type PlannedWrite,
  routesFound,
  weightFound,
} from './decision.ts';
import { changeSince } from './identity.ts';
import { isSameNames, namesOf } from './managed.ts';
import { managedName } from './managed-route.ts';
import type { Hand } from './mover.ts';
import { otherOwner } from './owners.ts';
import type { MeshView, Owner, ShapeFault, SplitView } from './ports/mesh.ts';
import type { PauseReason } from './reasons.ts';
import type { Rollout } from './rollout.ts';
import { lowestIn, oneByOne, partsOf } from './several.ts';
import { canTakeAll, closingWrite } from './sight.ts';
import { type Placed, resumedPosition } from './state.ts';
import { type Target, uidOf } from './target.ts';
import { isSameShare, type Millis, type Share } from './units.ts';
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
  if (view.foreign !== null) return reshaped(view.foreign, view);
  if (view.uid !== uidOf(target)) return recreated(target, view);
  const odd = oddIn(traffic, view);
  const strange = strangeRoutes(traffic, view);
  // What moved the weights is answered as the plan says, whoever signed it.
  if (odd !== null) {
    const { movedBy, gitOps } = odd.view;
    return { kind: 'drift', expected: traffic.desired, found: odd.share, movedBy, gitOps };
  }
  if (strange !== null) return reshaped(strange, view);
  const another = writerAfter(rollout, view);
  if (another === null) return null;
  const { rolloutId, epoch } = another;
  return { kind: 'anotherRollout', rollout: rolloutId, epoch, signedBy: view.signedBy };
}

/** Another object than the one at the start; where there are several it is named. */
function recreated(target: Target, { uid, objects = [] }: SplitView): PauseReason {
  const known = oneByOne(target).map((one) => one.uid);
  const another = objects.find((object) => !known.includes(object.uid));
  return { kind: 'recreated', uid, ...(another === undefined ? {} : { object: another.name }) };
}

/** A share that is neither the one read back nor the one being written; null when all are ours. */
function oddIn(
  { applied, lowest, intent }: Rollout['traffic'],
  view: SplitView,
): { share: Share; view: SplitView } | null {
  const ours = [applied, lowest ?? applied, intent?.share ?? applied];
  const shares = partsOf(view).flatMap((part) =>
    [part.canaryShare, lowestIn(part)].map((share) => ({ share, view: part })),
  );
  return shares.find(({ share }) => !ours.some((known) => isSameShare(share, known))) ?? null;
}

/** Managed routes that somebody else put there or took away; null when they stand as they were left. */
function strangeRoutes(traffic: Rollout['traffic'], view: SplitView): ShapeFault | null {
  const wanted = namesOf(traffic.managed.desired);
  const isHalfDone = view.objects !== undefined && traffic.intent !== null;
  const odd = partsOf(view).find(({ managedRoutes }) => !areOurRoutes(traffic, managedRoutes, isHalfDone));
  if (odd === undefined) return null;
  const { managedRoutes } = odd;
  const listed = (names: string[]) =>
    names.length === 0 ? 'none' : names.map((name) => managedName({ name })).join(', ');
  const message = `somebody else changed the managed routes: there are ${listed(managedRoutes)} where canaryd wants ${listed(wanted)}; resume writes them anew`;
  return { code: 'unsupported-shape', path: 'spec.http', message };
}

/** True for routes as they were read back, or as they are wanted; of several objects some may have either. */
function areOurRoutes({ managed }: Rollout['traffic'], names: string[], isHalfDone: boolean): boolean {
  const wanted = namesOf(managed.desired);
  if (isSameNames(names, managed.applied) || isSameNames(names, wanted)) return true;
  return isHalfDone && names.every((name) => managed.applied.includes(name) || wanted.includes(name));
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

/** The share and the managed routes as found become those read back, so that people are told where traffic is. */
export function asFound(given: Rollout, view: MeshView, now: Millis): Rollout {
  if (view.kind !== 'split') return given;
  const rollout = withRoutesFound(given, view, now);
  const { traffic } = rollout;
  // What cannot be read may still have what it had.
  const applied = view.gaps === undefined ? view.canaryShare : Math.max(view.canaryShare, traffic.applied);
  const lowest = lowestIn(view);
  const isSame =
    isSameShare(applied, traffic.applied) && isSameShare(lowest, traffic.lowest ?? traffic.applied);
  if (isSame) return rollout;
  const found = { ...evened(traffic), applied, appliedAt: now };
  return { ...rollout, traffic: isSameShare(lowest, applied) ? found : { ...found, lowest } };
}

/** Without the lowest of different shares. */
export function evened({ lowest: _lowest, ...traffic }: Rollout['traffic']): Rollout['traffic'] {
  return traffic;
}

function withRoutesFound(rollout: Rollout, { managedRoutes: applied }: SplitView, now: Millis): Rollout {
  const { managed } = rollout.traffic;
  if (isSameNames(applied, managed.applied)) return rollout;
  return { ...rollout, traffic: { ...rollout.traffic, appliedAt: now, managed: { ...managed, applied } } };
}

/** With a write of what stands there still to be done, so that later ones of others are stale. */
export function rewriting(traffic: Rollout['traffic'], share: number): Rollout['traffic'] {
  return { ...traffic, intent: { share, end: false, attempts: 1, managed: false } };
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
  const routes = given.traffic.managed === rollout.traffic.managed ? [] : [routesFound(rollout)];
  const weights = wasTold ? [] : [weightFound(given.traffic.applied, rollout)];
  return { rollout, events: [...routes, ...weights] };
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
