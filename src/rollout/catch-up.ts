import { rewriting, toldAsFound } from './as-found.ts';
import { type Decision, decided, preceded } from './decision.ts';
import { turnBack } from './go-back.ts';
import { handOver } from './hand-over.ts';
import { carriersIn } from './identity.ts';
import { interrupt } from './interruption.ts';
import { namesOf } from './managed.ts';
import { newestOwn, ownRolledBack } from './owners.ts';
import type { Owner, SplitView } from './ports/mesh.ts';
import { emptyWatch, hasEnded, type Rollout } from './rollout.ts';
import { lowestIn, readIn } from './several.ts';
import type { Sight } from './sight.ts';
import type { In, Placed } from './state.ts';
import { isSameShare, type Millis } from './units.ts';

/** The turn's own epoch, or the one above what stands in the mesh when that is newer than the database. */
export function epochAbove({ id }: Rollout, { view, epoch }: Sight): number {
  const owner = view.kind === 'split' ? newestOwn({ id }, view) : null;
  return owner !== null && owner.epoch >= epoch ? owner.epoch + 1 : epoch;
}

/**
 * What a turn does that finds in the mesh what its database does not know: a rollback that nobody could write down, or
 * writes that a restored backup has forgotten. The first outranks the second. Null when it knows all, or when its state
 * finds out by itself.
 */
export function catchUp(rollout: Rollout, given: Sight, now: Millis): Decision | null {
  const { view } = given;
  const read = readIn(view);
  if (read === null || hasEnded(rollout) || rollout.state.kind === 'rollingBack') return null;
  const sight = { ...given, epoch: epochAbove(rollout, given) };
  const rolledBack = ownRolledBack(rollout, read);
  if (rolledBack !== null) {
    const cause = { kind: 'outOfBand' as const, epoch: rolledBack.epoch };
    const told = toldAsFound(rollout, read, now);
    return preceded(told.events, turnBack(told.rollout, cause, sight, now));
  }
  // What cannot be read may be newer still.
  if (view.kind !== 'split') return null;
  const owner = newestOwn(rollout, view);
  const known = knownEpoch(rollout, given);
  if (owner === null || owner.epoch <= known) return null;
  return afterRestore(rollout, { sight, view, owner, known }, now);
}

/**
 * The epoch of the newest write that the database knows of. Not that of the newest turn: turns that write nothing and
 * people's words raise it, so that it soon passes what a restored backup has forgotten.
 */
function knownEpoch({ writeEpoch, state }: Rollout, { epoch }: Sight): number {
  if (writeEpoch !== null) return writeEpoch;
  return state.kind === 'preflight' ? -1 : epoch - 1;
}

/** `known`: the epoch of the newest write that the database knows of. */
type Found = { sight: Sight; view: SplitView; owner: Owner; known: number };

/** Less traffic than the database knows of may have been a rollback; anything else is for a person to judge. */
function afterRestore(rollout: Rollout, found: Found, now: Millis): Decision {
  const { state } = rollout;
  if (state.kind === 'handingOver') return handoverAfterRestore({ ...rollout, state }, found, now);
  return hasLess(rollout, found) ? backAfterRestore(rollout, found, now) : askPeople(rollout, found, now);
}

function hasLess({ traffic: { desired, managed } }: Rollout, { view }: Found): boolean {
  const lowest = lowestIn(view);
  const isRouteGone = namesOf(managed.desired).some((name) => !view.managedRoutes.includes(name));
  return isRouteGone || (lowest < desired && !isSameShare(lowest, desired));
}

/**
 * Who has less at a handover has lost it by a rollback, or by the handover itself: the images of stable's pods tell
 * which. Otherwise all that it waits for is read from the pods at each turn.
 */
function handoverAfterRestore(
  rollout: Rollout & { state: In<'handingOver'> },
  found: Found,
  now: Millis,
): Decision {
  const { sight, view } = found;
  const carriers = carriersIn(view.images.stable, rollout.identity);
  const isHandedOver = carriers !== null && carriers.ready > 0 && carriers.carrying === carriers.ready;
  if (hasLess(rollout, found) && !isHandedOver) {
    const isOld = carriers !== null && carriers.present === 0;
    return isOld ? backAfterRestore(rollout, found, now) : askPeople(rollout, found, now);
  }
  // A write of the time that was forgotten may still be on its way: as one that was begun it is made stale.
  const known = { ...rollout, traffic: rewriting(rollout.traffic, lowestIn(view)) };
  return handOver(known, rollout.state, sight, now);
}

function backAfterRestore(rollout: Rollout, found: Found, now: Millis): Decision {
  const cause = { kind: 'stateRestored' as const, ...factsOf(rollout, found) };
  const told = toldAsFound(rollout, found.view, now);
  return preceded(told.events, turnBack(told.rollout, cause, found.sight, now));
}

/** Nobody knows how much of its time a rollout has had, nor what was measured meanwhile: both begin anew. */
function askPeople(rollout: Rollout, found: Found, now: Millis): Decision {
  const { view } = found;
  const reason = { kind: 'stateRestored' as const, ...factsOf(rollout, found) };
  const deadlineAt = Math.max(rollout.deadlineAt, now + rollout.plan.deadline * 1000);
  const fresh = { ...rollout, deadlineAt, watch: emptyWatch };
  const paused = interrupt(fresh, { state: placedIn(rollout, now), reason, view }, now);
  // A write of the time that was forgotten may still be on its way: this one makes it stale.
  const write = { share: lowestIn(view), end: false };
  return decided(paused.rollout, { events: paused.events, write, nextAt: now });
}

function factsOf({ traffic: { desired } }: Rollout, { view, owner, known }: Found) {
  return { desired, found: lowestIn(view), recordedEpoch: known, foundEpoch: owner.epoch };
}

function placedIn({ state }: Rollout, now: Millis): Placed {
  if ('position' in state) return state;
  return { kind: 'running', position: { step: 0, startedAt: now, overridden: false, bakeEnded: false } };
}
