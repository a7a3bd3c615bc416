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
import { isSameNames, namesOf, withManagedFound } from './managed.ts';
import { managedName } from './managed-route.ts';
import type { Hand } from './mover.ts';
import { otherOwner } from './owners.ts';
import { isKnownByPart, knownAt, partsFound } from './parts.ts';
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

/** What is odd about the managed routes, in words; null when they stand as they were left. */
function strangeRoutes(traffic: Rollout['traffic'], view: SplitView): string | null {
  const wanted = namesOf(traffic.managed.desired);
  const isHalfDone = view.objects !== undefined && traffic.intent !== null;
  const odd = partsOf(view).find(({ managedRoutes }) => !areOurRoutes(traffic, managedRoutes, isHalfDone));
  if (odd === undefined) return changedRoutes(traffic, view);
  return `there are ${listed(odd.managedRoutes)} where canaryd wants ${listed(wanted)}`;
}

/** Those that a write of ours is to change have every right to differ, and those that were told of are known. */
function changedRoutes({ managed, intent }: Rollout['traffic'], view: SplitView): string | null {
  const { changed: known = [] } = managed;
  const changed = view.changedRoutes.filter((name) => !known.includes(name));
  if (changed.length === 0 || intent?.managed === true) return null;
  const object = view.objects?.find((one) => one.changedRoutes.some((name) => changed.includes(name)));
  const where = object === undefined ? '' : ` in ${object.name}`;
  return `what ${listed(changed)}${where} matches, or where that goes, is not what canaryd wrote, or no longer fits the route that follows`;
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.map((name) => managedName({ name })).join(', ');
}

/** True for routes as they were read back, or as they are wanted; of several objects some may have either. */
function areOurRoutes({ managed }: Rollout['traffic'], names: string[], isHalfDone: boolean): boolean {
  const wanted = namesOf(managed.desired);
  if (isSameNames(names, managed.applied) || isSameNames(names, wanted)) return true;
  // What was told of once and still is as it was is no news.
  const isKnown = (name: string) => managed.changed?.includes(name) === true;
  const [left, were] = [names, managed.applied].map((all) => all.filter((name) => !isKnown(name)));
  if (managed.changed !== undefined && isSameNames(left ?? [], were ?? [])) return true;
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
    isSameShare(applied, traffic.applied) &&
    isSameShare(lowest, traffic.lowest ?? traffic.applied) &&
    isKnownByPart(traffic, view);
  if (isSame) return rollout;
  const even = { ...evened(traffic), applied, appliedAt: now };
  const found = isSameShare(lowest, applied) ? even : { ...even, lowest };
  return { ...rollout, traffic: partsFound(found, view) };
}

/** Without the lowest of different shares, and what stands where. */
export function evened({
  lowest: _lowest,
  parts: _parts,
  ...traffic
}: Rollout['traffic']): Rollout['traffic'] {
  return traffic;
}

/** With the managed routes as they stand, whoever put them there. */
export function withRoutesFound(
  rollout: Rollout,
  { managedRoutes: applied, changedRoutes: changed }: SplitView,
  now: Millis,
): Rollout {
  const { managed } = rollout.traffic;
  if (isSameNames(applied, managed.applied) && isSameNames(changed, managed.changed ?? [])) return rollout;
  const found = withManagedFound(managed, applied, changed);
  return { ...rollout, traffic: { ...rollout.traffic, appliedAt: now, managed: found } };
}

/**
 * With the managed routes that stand there as those read back, where they are ours: a write whose answer was lost, or that
 * a person's word has fenced, may have put them there, and what they bring has to be watched from then on.
 */
export function routesNoticed(
  given: Rollout,
  view: MeshView,
  now: Millis,
): { rollout: Rollout; events: AuditEvent[] } {
  if (view.kind !== 'split' || strangeRoutes(given.traffic, view) !== null)
    return { rollout: given, events: [] };
  const { intent, managed } = given.traffic;
  // The way forward writes again what did not land; whoever waits has to know.
  const isRetried =
    intent?.managed === true && (given.state.kind === 'running' || given.state.kind === 'holding');
  const changedRoutes = isRetried ? (managed.changed ?? []) : view.changedRoutes;
  const rollout = withRoutesFound(given, { ...view, changedRoutes }, now);
  // The answer of a write that is still open tells it.
  const isTold = rollout === given || intent !== null;
  return { rollout, events: isTold ? [] : [routesFound(rollout)] };
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
