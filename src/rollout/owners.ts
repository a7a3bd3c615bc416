import type { Owner, SplitView } from './ports/mesh.ts';
import type { Rollout } from './rollout.ts';
import { partsOf } from './several.ts';

type Own = Pick<Rollout, 'id'>;

/** The newest write of a rollout that any of its VirtualServices shows; null when none shows one. */
export function newestOwn({ id }: Own, view: SplitView): Owner | null {
  return partsOf(view)
    .map(({ owner }) => owner)
    .filter((owner) => owner?.rolloutId === id)
    .reduce(
      (newest, owner) => (newest === null || (owner?.epoch ?? 0) > newest.epoch ? owner : newest),
      null,
    );
}

/** Another rollout that one of the VirtualServices names; null when there is none. */
export function otherOwner({ id }: Own, view: SplitView): Owner | null {
  return partsOf(view).find(({ owner }) => owner !== null && owner.rolloutId !== id)?.owner ?? null;
}

/** True when every VirtualService shows a write of this rollout, of this epoch or a later one. */
export function isWrittenSince({ id }: Own, view: SplitView, epoch: number): boolean {
  return partsOf(view).every(({ owner }) => owner?.rolloutId === id && owner.epoch >= epoch);
}

/** The word of a rollback that nobody could write down, left in any of the VirtualServices; null without one. */
export function ownRolledBack({ id }: Own, view: SplitView): Owner | null {
  return partsOf(view).find(({ rolledBack }) => rolledBack?.rolloutId === id)?.rolledBack ?? null;
}

/**
 * True when a look shows that the turn of this epoch must not write any more: its successor has written, or another
 * rollout has since the turn has `seen` the VirtualService.
 */
export function isOvertakenBy(
  { owner }: SplitView,
  { rollout, epoch, seen }: { rollout: Own; epoch: number; seen: SplitView },
): boolean {
  if (owner?.rolloutId === rollout.id) return owner.epoch > epoch;
  return owner?.rolloutId !== seen.owner?.rolloutId;
}
