import type { ShapeFault, WeightWrite } from '../rollout/ports/mesh.ts';
import type { MovedRoute } from '../rollout/target.ts';
import { isSameShare, type Share } from '../rollout/units.ts';
import { type Destination, type Misshapen, misshapen, nameOf, type Path } from './virtual-service.ts';

/** A destination that is no part of the rollout, with the weight that it had before. */
export type OtherDestination = Destination & {
  /** Null when no weight was written; `new` when the destination was not there. */
  before: number | null | 'new';
};

/** One route of a rollout as it stands now; an arm is null when it is gone from the route. */
export type RouteSplit = {
  at: Path;
  stable: Destination | null;
  canary: Destination | null;
  others: OtherDestination[];
  original: MovedRoute['original'];
  /** The canary's part of what stable and canary have together. */
  canaryShare: Share;
  /** Another destination has another share of the route than before. */
  foreign: ShapeFault | null;
};

/** A weight that a destination is to have; null where none is to be written. */
export type WantedWeight = { destination: Destination; weight: number | null };

/** Weights are int32 in Istio's API (networking.v1 `HTTPRouteDestination.weight`). */
const mostWeight = 2_147_483_647;

/** Shares are written in steps of 0.01 %. */
const hundredths = 10_000;

/**
 * The weights that make a share true. One that stands there already is left in its form. At the end the numbers of
 * before come back, and the winner inherits stable's. Without other traffic weights are parts of 100, or of 10,000 for
 * decimals; with it all numbers of before are multiplied by the smallest factor that makes the canary's a whole one, so
 * that everybody else keeps the share of the route exactly. Where somebody changed the others' part in between, stable
 * and canary divide what they have, and nobody else's number is touched unless it must be multiplied.
 */
export function wantedWeights(route: RouteSplit, write: Pick<WeightWrite, 'share' | 'end'>): WantedWeight[] {
  const { share, end } = write;
  if (!end && isSettled(route, share)) return [];
  if (route.foreign !== null) return dividedNow(route, share);
  const { stable, canary } = route.original;
  if (end && share === 0) return [...arms(route, stable, canary), ...othersTimes(route, 1)];
  if (end && share === 100) return [...arms(route, 0, stable), ...othersTimes(route, 1)];
  return hasOtherTraffic(route.original) ? dividedAsBefore(route, share) : inParts(route, share);
}

/** True when others had traffic before the rollout. */
function hasOtherTraffic({ others }: MovedRoute['original']): boolean {
  return others.some(({ weight }) => (weight ?? 0) > 0);
}

function isSettled(route: RouteSplit, share: Share): boolean {
  return sumOf(route) > 0 && isSameShare(share, route.canaryShare);
}

function sumOf({ stable, canary }: Pick<RouteSplit, 'stable' | 'canary'>): number {
  return (stable?.weight ?? 0) + (canary?.weight ?? 0);
}

function arms(
  { stable, canary }: RouteSplit,
  ofStable: number | null,
  ofCanary: number | null,
): WantedWeight[] {
  return [
    ...(stable === null ? [] : [{ destination: stable, weight: ofStable }]),
    ...(canary === null ? [] : [{ destination: canary, weight: ofCanary }]),
  ];
}

/** The numbers that others had before, so many times; those without traffic stay as they are. */
function othersTimes({ others }: RouteSplit, factor: number): WantedWeight[] {
  return others.flatMap(({ before, ...destination }) =>
    typeof before === 'number' && before > 0 ? [{ destination, weight: before * factor }] : [],
  );
}

/** Istio's weights are whole numbers, so a share with decimals is written in parts of 10,000. */
function inParts(route: RouteSplit, share: Share): WantedWeight[] {
  const total = Number.isInteger(share) ? 100 : hundredths;
  const ofCanary = Math.round((share * total) / 100);
  return arms(route, total - ofCanary, ofCanary);
}

function dividedAsBefore(route: RouteSplit, share: Share): WantedWeight[] {
  const { stable, canary, others } = route.original;
  const part = (stable ?? 0) + (canary ?? 0);
  const total = others.reduce((sum, { weight }) => sum + (weight ?? 0), part);
  const factor = factorFor(part, total, share);
  return [...divided(route, part * factor, share), ...othersTimes(route, factor)];
}

function dividedNow(route: RouteSplit, share: Share): WantedWeight[] {
  const part = sumOf(route);
  const total = route.others.reduce((sum, { weight }) => sum + (weight ?? 0), part);
  const factor = factorFor(part, total, share);
  const scaled = route.others.map(({ before: _before, ...destination }) => {
    const { weight } = destination;
    return { destination, weight: weight === null ? null : weight * factor };
  });
  // What somebody else wrote may be more than one of the two can hold.
  return [...divided(route, Math.min(part * factor, mostWeight), share), ...scaled];
}

function divided(route: RouteSplit, part: number, share: Share): WantedWeight[] {
  const ofCanary = Math.round((part * Math.round(share * 100)) / hundredths);
  return arms(route, part - ofCanary, ofCanary);
}

/** The smallest that makes a share of `part` whole, as far as the weights have room for it. */
function factorFor(part: number, total: number, share: Share): number {
  const needed = hundredths / commonDivisor(part * Math.round(share * 100), hundredths);
  const room = Math.floor(mostWeight / Math.max(total, 1));
  return Math.max(1, Math.min(needed, room));
}

function commonDivisor(one: number, other: number): number {
  return other === 0 ? one : commonDivisor(other, one % other);
}

/** Refuses numbers that could not be multiplied so that every share in steps of 0.01 % has whole weights. */
export function findOverflow({
  stable,
  others,
}: {
  stable: Destination;
  others: Destination[];
}): Misshapen | null {
  const [largest] = others
    .filter(({ share }) => share > 0)
    .sort((one, other) => weightOf(other) - weightOf(one));
  if (largest === undefined) return null;
  const total = others.reduce((sum, one) => sum + weightOf(one), weightOf(stable));
  const factor = hundredths / commonDivisor(weightOf(stable), hundredths);
  if (total * factor <= mostWeight) return null;
  const biggest = weightOf(largest) > weightOf(stable) ? largest : stable;
  const message = `${nameOf(largest, [stable, ...others])} keeps its share only if all weights of the route can be multiplied by ${factor}, and their sum of ${total} leaves no room for that: write smaller numbers in the same ratio, with a sum of at most ${Math.floor(mostWeight / hundredths)}`;
  return misshapen('unsupported-shape', [...biggest.at, 'weight'], message);
}

function weightOf({ weight }: Destination): number {
  return weight ?? 0;
}
