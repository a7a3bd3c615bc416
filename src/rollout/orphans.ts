import type {
  KnownRollout,
  MarkedArm,
  MarkedSplit,
  MovedObject,
  MovedRoute,
  SplitPlace,
} from './ports/orphans.ts';
import { isSameShare, type Share } from './units.ts';

/** Why nobody watches a split. */
type OrphanReason =
  /** No database row has the rollout that the object names: as after a restored backup. */
  | 'unknown'
  /** The rollout has ended, and the canary has traffic that it should not have. */
  | 'ended'
  /** The rollout moves another object: as where somebody has copied one. */
  | 'elsewhere'
  /** Nothing but managed routes tells that canaryd was there: as where somebody took the annotations away. */
  | 'unmarked';

/** A split that no rollout watches; `known` is the rollout that the object names, where there is one. */
export type Orphan = {
  split: MarkedSplit;
  reason: OrphanReason;
  known: KnownRollout | null;
  /** What was moved; null when neither the object nor the database tells. */
  moved: MovedRoute | null;
};

/**
 * Whether a marked split is nobody's. A live rollout watches its own object. An object whose rollout is over, or not
 * known, is left in peace once its canary has nothing, or once `break-glass` left word that it was taken back; but a
 * managed route never stands there without a rollout. `isHeld`: a live rollout moves the object, whatever it bears.
 */
export function judgeMark(split: MarkedSplit, known: KnownRollout | null, isHeld = false): Orphan | null {
  if (split.owner === null)
    return isHeld ? null : { split, reason: 'unmarked', known: null, moved: movedAt(split, known) };
  const noted = split.noted === 'unreadable' ? null : split.noted;
  const moved = noted ?? movedAt(split, known);
  const reason = reasonFor(split, known);
  if (reason === null) return null;
  const hasTraffic = reason === 'ended' ? hasUnearned(split, known, moved) : isOpen(split, moved);
  return hasTraffic || split.managed.length > 0 ? { split, reason, known, moved } : null;
}

/** What one orphan is told apart by: another rollout on the same object is another orphan. */
export function orphanKey({ split, reason }: Orphan): string {
  return JSON.stringify([
    split.cluster,
    split.namespace,
    split.virtualService,
    split.owner?.rolloutId ?? null,
    reason,
  ]);
}

/** The raw shares of the two destinations of a route; a destination that is not there has none. */
export function sharesOf(
  { routes }: Pick<MarkedSplit, 'routes'>,
  moved: MovedRoute,
): { stable: Share; canary: Share } {
  const named = routes.find(({ name }) => name === moved.route);
  const route = named ?? (moved.route === '' ? routes[0] : undefined);
  const shareOf = (arm: MarkedArm) =>
    route?.destinations.find(({ host, subset }) => host === arm.host && subset === arm.subset)?.share ?? 0;
  return { stable: shareOf(moved.stable), canary: shareOf(moved.canary) };
}

/** The routes whose traffic goes to more than one destination. */
export function splitRoutes({ routes }: Pick<MarkedSplit, 'routes'>): MarkedSplit['routes'] {
  return routes.filter(({ destinations }) => destinations.filter(({ share }) => share > 0).length > 1);
}

function reasonFor(split: MarkedSplit, known: KnownRollout | null): OrphanReason | null {
  if (known === null) return 'unknown';
  if (known.hasEnded) return 'ended';
  return isOn(split, known) ? null : 'elsewhere';
}

/** The same object under another name of its cluster is still the same object. */
function isOn(split: MarkedSplit, known: KnownRollout): boolean {
  return known.moves?.uid === split.uid || isSamePlace(split, known) || alsoAt(split, known) !== undefined;
}

/** What a rollout moves in this object, as far as the database tells. */
function movedAt(split: MarkedSplit, known: KnownRollout | null): MovedRoute | null {
  if (known === null || known.moves === null) return null;
  const { moves } = known;
  const { routes = [moves.route] } = alsoAt(split, known) ?? moves;
  const [first = { ...moves }, ...others] = routes.map((route): MovedRoute => ({ ...moves, route }));
  return others.reduce((worst, one) => (isWorse(split, known, { one, than: worst }) ? one : worst), first);
}

/** One route stands for all: one whose canary has what it should not have, and else the one in which it has most. */
function isWorse(
  split: MarkedSplit,
  known: KnownRollout,
  { one, than }: { one: MovedRoute; than: MovedRoute },
): boolean {
  const [isUnearned, wasUnearned] = [hasUnearned(split, known, one), hasUnearned(split, known, than)];
  if (isUnearned !== wasUnearned) return isUnearned;
  return sharesOf(split, one).canary > sharesOf(split, than).canary;
}

function alsoAt(split: MarkedSplit, { cluster, moves }: KnownRollout): MovedObject | undefined {
  return moves?.also?.find((one) => one.uid === split.uid || isSamePlace(split, { cluster, ...one }));
}

function isSamePlace(one: SplitPlace, other: SplitPlace): boolean {
  return (
    one.cluster === other.cluster &&
    one.namespace === other.namespace &&
    one.virtualService === other.virtualService
  );
}

/** A rollout was under way when this was written, and nobody took it back since. */
function isOpen(split: MarkedSplit, moved: MovedRoute | null): boolean {
  const hasTraffic = moved === null ? splitRoutes(split).length > 0 : sharesOf(split, moved).canary > 0;
  return hasTraffic || (split.noted !== null && !isTakenBack(split));
}

function isTakenBack({ owner, rolledBack }: MarkedSplit): boolean {
  return rolledBack !== null && rolledBack.rolloutId === owner?.rolloutId;
}

/** A winner may keep all traffic; anything else than nothing is more than a rollout that ended leaves a canary. */
function hasUnearned(split: MarkedSplit, known: KnownRollout | null, moved: MovedRoute | null): boolean {
  if (moved === null) return splitRoutes(split).length > 0;
  const { stable, canary } = sharesOf(split, moved);
  const hasWon = known?.status === 'succeeded' && isSameShare(stable, 0);
  return !isSameShare(canary, 0) && !hasWon;
}
