import type { ShapeFault } from '../rollout/ports/mesh.ts';
import type { Arm, Target, TargetRequest } from '../rollout/target.ts';
import type { Share } from '../rollout/units.ts';
import {
  type Destination,
  isMisshapen,
  isSamePlace,
  type Misshapen,
  misshapen,
  nameOf,
  type Place,
  type Route,
  shownPath,
} from './virtual-service.ts';

export type Roles = { kind: 'roles'; stable: Destination; canary: Destination };

/** The two destinations of a running rollout as they stand now; null when one is gone from the route. */
export type Split = {
  kind: 'split';
  canaryShare: Share;
  stable: Destination | null;
  canary: Destination | null;
  /** A destination with traffic that is no part of the rollout. */
  foreign: ShapeFault | null;
  /** True when another route of the object brings stable requests too. */
  stableHasOtherRoutes: boolean;
};

/**
 * Gives the roles for the life of a rollout: stable is the destination that holds the whole share, canary one that
 * holds nothing. `request.canary` selects among several of those; `request.stable` only asserts.
 */
export function giveRoles(
  route: Route,
  request: Pick<TargetRequest, 'stable' | 'canary'>,
): Roles | Misshapen {
  if (route.mirroredBy !== null) return mirrored(route, route.mirroredBy);
  const unknown = findUnknownSubset(route, request);
  if (unknown !== null) return unknown;
  const stable = findStable(route, request.stable?.subset);
  if (isMisshapen(stable)) return stable;
  const canary = chooseCanary(route, stable, request.canary?.subset);
  if (isMisshapen(canary)) return canary;
  return findUnfitArm(stable, canary) ?? { kind: 'roles', stable, canary };
}

/**
 * Reads how a running rollout's traffic is split now. A canary that is absent has the share 0; a destination that is
 * no part of the rollout and has traffic is told of. Neither that nor a mirror stands in the way of going back.
 */
export function readSplit(route: Route, target: Pick<Target, 'stable' | 'canary'>): Split {
  const stable = findArm(route, target.stable);
  const canary = findArm(route, target.canary);
  const other = route.destinations.find(
    (destination) => destination !== stable && destination !== canary && destination.share > 0,
  );
  const foreign = other === undefined ? null : foreignTraffic(other);
  const stableHasOtherRoutes = route.elsewhere.some((place) => reaches(place, target.stable));
  return { kind: 'split', canaryShare: canary?.share ?? 0, stable, canary, foreign, stableHasOtherRoutes };
}

function reaches(place: Place | 'unreadable', arm: Pick<Arm, 'host' | 'subset'>): boolean {
  if (place === 'unreadable') return true;
  return place.host === arm.host && (place.subset === null || place.subset === arm.subset);
}

function foreignTraffic(other: Destination): ShapeFault {
  const message = `${nameOf(other)} has ${other.share} % and is no part of the rollout: set its weight to 0`;
  return misshapen('unsupported-shape', [...other.at, 'weight'], message).fault;
}

function mirrored(route: Route, field: 'mirror' | 'mirrors'): Misshapen {
  const message = `mirrored requests would be counted as the canary's: remove ${field} before a rollout`;
  return misshapen('unsupported-shape', [...route.at, field], message);
}

function findUnknownSubset(
  route: Route,
  request: Pick<TargetRequest, 'stable' | 'canary'>,
): Misshapen | null {
  const asked = [request.stable, request.canary].find(
    (arm) => arm !== undefined && !route.destinations.some(({ subset }) => subset === arm.subset),
  );
  if (asked === undefined) return null;
  const message = `the route has no destination with the subset ${asked.subset}; there are: ${listOf(route.destinations)}`;
  return misshapen('destination-not-in-route', [...route.at, 'route'], message);
}

function listOf(destinations: Destination[]): string {
  return destinations.map(nameOf).join(', ');
}

function findStable(route: Route, asserted: string | undefined): Destination | Misshapen {
  const [stable, second, third] = route.destinations.filter(({ share }) => share > 0);
  if (third !== undefined) return tooManyWithTraffic(route, third);
  if (stable === undefined || second !== undefined) return notAtRest(route);
  if (asserted === undefined || asserted === stable.subset) return stable;
  return contradicted(stable, `target.stable names ${asserted}`);
}

function tooManyWithTraffic(route: Route, third: Destination): Misshapen {
  const message = `more than two destinations have traffic (${sharesIn(route)}): give one of them all of it`;
  return misshapen('unsupported-shape', [...third.at, 'weight'], message);
}

function notAtRest(route: Route): Misshapen {
  const message = `a rollout starts with one destination at 100 %, but the split is ${sharesIn(route)}`;
  return misshapen('split-not-at-rest', [...route.at, 'route'], message);
}

function sharesIn(route: Route): string {
  return route.destinations
    .map((destination) => `${nameOf(destination)} ${destination.share} % at ${shownPath(destination.at)}`)
    .join(', ');
}

function contradicted(stable: Destination, contradiction: string): Misshapen {
  const message = `${nameOf(stable)} has all traffic now; ${contradiction}`;
  return misshapen('split-not-at-rest', [...stable.at, 'weight'], message);
}

function chooseCanary(route: Route, stable: Destination, asked: string | undefined): Destination | Misshapen {
  if (asked !== undefined && asked === stable.subset) {
    return contradicted(stable, 'target.canary names it, but a canary starts with nothing');
  }
  const idle = route.destinations.filter((destination) => destination !== stable);
  const candidates = asked === undefined ? idle : idle.filter(({ subset }) => subset === asked);
  const [canary, second] = candidates;
  if (canary === undefined) {
    const message = `${nameOf(stable)} is the route's only destination: add one with weight 0 for the canary`;
    return misshapen('destination-not-in-route', [...route.at, 'route'], message);
  }
  if (second === undefined) return canary;
  const message = `several destinations have no traffic; target.canary must name one of: ${listOf(candidates)}`;
  return misshapen('canary-ambiguous', [...route.at, 'route'], message);
}

function findUnfitArm(stable: Destination, canary: Destination): Misshapen | null {
  const nameless = [stable, canary].find(({ subset }) => subset === null);
  if (nameless !== undefined) {
    const message = `the destination ${nameless.host} names no subset: add the one it stands for`;
    return misshapen('unsupported-shape', [...nameless.at, 'destination', 'subset'], message);
  }
  if (stable.host === canary.host) return null;
  const message = `stable is ${stable.host} and the canary ${canary.host}: use two subsets of one host`;
  return misshapen('unsupported-shape', [...canary.at, 'destination', 'host'], message);
}

function findArm(route: Route, arm: Pick<Arm, 'host' | 'subset'>): Destination | null {
  return route.destinations.find((destination) => isSamePlace(destination, arm)) ?? null;
}
