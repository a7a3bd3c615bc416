import { type Decision, decided } from './decision.ts';
import { turnBack } from './go-back.ts';
import { interrupt } from './interruption.ts';
import type { Owner, SplitView } from './ports/mesh.ts';
import { hasEnded, type Rollout } from './rollout.ts';
import type { Sight } from './sight.ts';
import type { Placed } from './state.ts';
import { isSameShare, type Millis } from './units.ts';

/** The turn's own epoch, or the one above what stands in the mesh when that is newer than the database. */
export function epochAbove({ id }: Rollout, { view, epoch }: Sight): number {
  const owner = view.kind === 'split' ? view.owner : null;
  return owner !== null && owner.rolloutId === id && owner.epoch >= epoch ? owner.epoch + 1 : epoch;
}

/**
 * What a turn does that finds in the mesh what its database does not know: a rollback that nobody could write down, or
 * writes that a restored backup has forgotten. The first outranks the second. Null when it knows all, or when its state
 * finds out by itself.
 */
export function catchUp(rollout: Rollout, sight: Sight, now: Millis): Decision | null {
  const { view } = sight;
  if (view.kind !== 'split' || hasEnded(rollout) || rollout.state.kind === 'rollingBack') return null;
  if (view.rolledBack?.rolloutId === rollout.id) {
    const cause = { kind: 'outOfBand' as const, epoch: view.rolledBack.epoch };
    return turnBack(rollout, cause, { ...sight, epoch: epochAbove(rollout, sight) }, now);
  }
  const { owner } = view;
  return owner !== null && epochAbove(rollout, sight) > sight.epoch
    ? afterRestore(rollout, { sight, view, owner }, now)
    : null;
}

type Found = { sight: Sight; view: SplitView; owner: Owner };

/** Less traffic than the database knows of may have been a rollback; anything else is for a person to judge. */
function afterRestore(rollout: Rollout, { sight, view, owner }: Found, now: Millis): Decision | null {
  const { desired } = rollout.traffic;
  const found = view.canaryShare;
  const facts = { desired, found, recordedEpoch: sight.epoch, foundEpoch: owner.epoch };
  if (found < desired && !isSameShare(found, desired)) {
    const above = { ...sight, epoch: owner.epoch + 1 };
    return turnBack(rollout, { kind: 'stateRestored', ...facts }, above, now);
  }
  // What a handover waits for is read from the pods at each turn.
  if (rollout.state.kind === 'handingOver') return null;
  const reason = { kind: 'stateRestored' as const, ...facts };
  const paused = interrupt(rollout, { state: placedIn(rollout, now), reason, view }, now);
  // A write of the time that was forgotten may still be on its way: this one makes it stale.
  const write = { share: found, end: false };
  return decided(paused.rollout, { events: paused.events, write, nextAt: now });
}

function placedIn({ state }: Rollout, now: Millis): Placed {
  if ('position' in state) return state;
  return { kind: 'running', position: { step: 0, startedAt: now, overridden: false, bakeEnded: false } };
}
