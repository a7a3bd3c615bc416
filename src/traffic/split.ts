import type { ShapeFault } from '../rollout/ports/mesh.ts';
import type { MovedRoute } from '../rollout/target.ts';
import type { Share } from '../rollout/units.ts';
import { findRoutes } from './find-routes.ts';
import { managedMirrorsOf } from './managed-mirrors.ts';
import { qualifierIn, type Route, readEntry, shareOf } from './route.ts';
import { soleArm } from './route-arms.ts';
import {
  type Destination,
  isMisshapen,
  isSamePlace,
  type Misshapen,
  mayReach,
  misshapen,
  nameOf,
  type Place,
  type VirtualService,
} from './virtual-service.ts';
import type { OtherDestination, RouteSplit } from './weights.ts';

/** The two destinations between which a rollout moves traffic. */
export type Arms = { stable: Place; canary: Place };

/** What is moved in one object, as `TargetObject` and both arms of a target say it. */
export type Moved = Arms & { routes: MovedRoute[] };

/** The routes of one object in a running rollout as they stand now. */
export type Split = {
  kind: 'split';
  /** The highest of all routes; 0 where the canary is absent. */
  canaryShare: Share;
  lowestShare: Share;
  /** True when every route has the destination. */
  hasStable: boolean;
  hasCanary: boolean;
  /** The first destination, other than the two, whose share of its route is another than before. */
  foreign: ShapeFault | null;
  /** True when another route of the object brings stable requests too. */
  stableHasOtherRoutes: boolean;
  /** True when another route of the object brings the canary requests, too. */
  canaryHasOtherRoutes: boolean;
  /** In the order of the rollout's routes. */
  routes: RouteSplit[];
};

/** Finds the routes of a running rollout in an object and reads how their traffic is split now. */
export function splitIn(
  virtualService: VirtualService,
  moved: Moved,
  clusterDomain: string,
): Split | Misshapen {
  const routes = findRoutes(virtualService, moved.routes, clusterDomain);
  if (isMisshapen(routes)) return routes;
  const split = readSplit(routes, moved, moved.routes);
  return isMisshapen(split) ? split : withMirrors(split, virtualService, { moved, clusterDomain });
}

/** Managed mirror routes divide requests, too. What cannot be read there is replaced by the next write. */
function withMirrors(
  split: Split,
  virtualService: VirtualService,
  { moved, clusterDomain }: { moved: Moved; clusterDomain: string },
): Split {
  const qualify = qualifierIn(virtualService.metadata.namespace, clusterDomain);
  const shares = split.routes.flatMap(({ at, original }) =>
    managedMirrorsOf(virtualService, at).flatMap((entry) => {
      const read = readEntry({ ...entry, ports: [] }, qualify);
      if (isMisshapen(read)) return [];
      const mirror = readRouteSplit({ ...read, elsewhere: [], isBeside: false }, moved, original);
      return isMisshapen(mirror) ? [] : [mirror.canaryShare];
    }),
  );
  return {
    ...split,
    canaryShare: Math.max(split.canaryShare, ...shares),
    lowestShare: Math.min(split.lowestShare, ...shares),
  };
}

/**
 * Reads how a running rollout's traffic is split now, in the routes that `findRoutes` found for `moved`. A canary that
 * is absent has the share 0. Neither other traffic nor a mirror stands in the way of going back; an arm that stands
 * twice does.
 */
export function readSplit(routes: Route[], arms: Arms, moved: MovedRoute[]): Split | Misshapen {
  const read: RouteSplit[] = [];
  for (const [index, route] of routes.entries()) {
    const original = moved[index]?.original;
    if (original === undefined) throw new Error('a route was found that the rollout does not move');
    const split = readRouteSplit(route, arms, original);
    if (isMisshapen(split)) return split;
    read.push(split);
  }
  const shares = read.map(({ canaryShare }) => canaryShare);
  return {
    kind: 'split',
    canaryShare: Math.max(0, ...shares),
    lowestShare: Math.min(100, ...shares),
    hasStable: read.every(({ stable }) => stable !== null),
    hasCanary: read.every(({ canary }) => canary !== null),
    foreign: read.find(({ foreign }) => foreign !== null)?.foreign ?? null,
    stableHasOtherRoutes: routes.some(({ elsewhere }) => elsewhere.some((to) => reaches(to, arms.stable))),
    canaryHasOtherRoutes: routes.some(({ elsewhere }) => elsewhere.some((to) => reaches(to, arms.canary))),
    routes: read,
  };
}

function reaches(place: Place | 'unreadable', arm: Place): boolean {
  return place === 'unreadable' || mayReach(place, arm);
}

function readRouteSplit(route: Route, arms: Arms, original: MovedRoute['original']): RouteSplit | Misshapen {
  const stable = armIn(route, arms.stable);
  if (stable !== null && isMisshapen(stable)) return stable;
  const canary = armIn(route, arms.canary);
  if (canary !== null && isMisshapen(canary)) return canary;
  const others = othersIn(route, { stable, canary }, original);
  return {
    at: route.at,
    stable,
    canary,
    others,
    original,
    canaryShare: canaryShareOf(route, stable, canary),
    foreign: findForeign(route, others, original),
  };
}

function armIn(route: Route, arm: Place): Destination | Misshapen | null {
  return route.destinations.some((one) => isSamePlace(one, arm)) ? soleArm(route, arm) : null;
}

/** A sole destination has everything, whatever its weight. */
function canaryShareOf(
  { destinations }: Route,
  stable: Destination | null,
  canary: Destination | null,
): Share {
  if (canary === null) return 0;
  if (destinations.length === 1) return 100;
  const weight = canary.weight ?? 0;
  return shareOf(weight, weight + (stable?.weight ?? 0));
}

/** Of destinations that stand several times each meets its own number of before, by its place among them. */
function othersIn(
  { destinations }: Route,
  { stable, canary }: { stable: Destination | null; canary: Destination | null },
  original: MovedRoute['original'],
): OtherDestination[] {
  const others = destinations.filter((one) => one !== stable && one !== canary);
  return others.map((other, index) => {
    const earlier = others.slice(0, index).filter((one) => isSamePlace(one, other)).length;
    const noted = original.others.filter((one) => isSamePlace(one, other))[earlier];
    return { ...other, before: noted === undefined ? 'new' : noted.weight };
  });
}

/** Parts of a route that differ by less are the same: 0.005 %, half of the smallest share that is written. */
const rounding = 0.000_05;

function findForeign(
  route: Route,
  others: OtherDestination[],
  original: MovedRoute['original'],
): ShapeFault | null {
  const noted = [original.stable, original.canary, ...original.others.map(({ weight }) => weight)];
  const totalBefore = noted.reduce<number>((sum, weight) => sum + (weight ?? 0), 0);
  const total = route.destinations.reduce((sum, { weight }) => sum + (weight ?? 0), 0);
  const partBefore = ({ before }: OtherDestination) =>
    typeof before === 'number' && totalBefore > 0 ? before / totalBefore : 0;
  const changed = others.find((other) => {
    const part = route.destinations.length === 1 ? 1 : (other.weight ?? 0) / Math.max(total, 1);
    const before = partBefore(other);
    return before === 0 ? part > 0 : Math.abs(part - before) > rounding;
  });
  if (changed !== undefined) return foreignTraffic(route, changed, partBefore(changed));
  return findGone(route, others, original);
}

function foreignTraffic({ destinations }: Route, other: OtherDestination, before: number): ShapeFault {
  const name = nameOf(other, destinations);
  const message =
    before === 0
      ? `${name} has ${other.share} % and is no part of the rollout: set its weight to 0`
      : `${name} has ${other.share} % of the route, which was ${shareOf(before, 1)} % when the rollout began: give it that share again`;
  return misshapen('unsupported-shape', [...other.at, 'weight'], message).fault;
}

function findGone(
  route: Route,
  others: OtherDestination[],
  original: MovedRoute['original'],
): ShapeFault | null {
  const gone = original.others.find(({ weight, ...place }, index) => {
    const earlier = original.others.slice(0, index).filter((one) => isSamePlace(one, place)).length;
    return (weight ?? 0) > 0 && others.filter((one) => isSamePlace(one, place)).length <= earlier;
  });
  if (gone === undefined) return null;
  const message = `${nameOf(gone, route.destinations)} had traffic when the rollout began and is gone from the route: put it back with the weight ${gone.weight}`;
  return misshapen('unsupported-shape', [...route.at, 'route'], message).fault;
}
