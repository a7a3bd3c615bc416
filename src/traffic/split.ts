import type { ShapeFault } from '../rollout/ports/mesh.ts';
import type { Arm, Selection, Target, TargetRequest } from '../rollout/target.ts';
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
 * holds nothing. `request.canary` selects among several of those; `request.stable` only asserts. Hosts in both are
 * qualified, as those of the route are.
 */
export function giveRoles(
  route: Route,
  request: Pick<TargetRequest, 'stable' | 'canary'>,
): Roles | Misshapen {
  if (route.mirroredBy !== null) return mirrored(route, route.mirroredBy);
  const unknown = findUnknown(route, request);
  if (unknown !== null) return unknown;
  const stable = findStable(route, request.stable);
  if (isMisshapen(stable)) return stable;
  const canary = chooseCanary(route, stable, request.canary);
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
  const foreign = other === undefined ? null : foreignTraffic(route, other);
  const stableHasOtherRoutes = route.elsewhere.some((place) => reaches(place, target.stable));
  return { kind: 'split', canaryShare: canary?.share ?? 0, stable, canary, foreign, stableHasOtherRoutes };
}

function reaches(place: Place | 'unreadable', arm: Pick<Arm, 'host' | 'subset'>): boolean {
  if (place === 'unreadable') return true;
  const isWhole = place.subset === null || arm.subset === null;
  return place.host === arm.host && (isWhole || place.subset === arm.subset);
}

function foreignTraffic({ destinations }: Route, other: Destination): ShapeFault {
  const message = `${nameOf(other, destinations)} has ${other.share} % and is no part of the rollout: set its weight to 0`;
  return misshapen('unsupported-shape', [...other.at, 'weight'], message).fault;
}

function mirrored(route: Route, field: 'mirror' | 'mirrors'): Misshapen {
  const message = `mirrored requests would be counted as the canary's: remove ${field} before a rollout`;
  return misshapen('unsupported-shape', [...route.at, field], message);
}

function findUnknown(
  { at, destinations }: Route,
  request: Pick<TargetRequest, 'stable' | 'canary'>,
): Misshapen | null {
  const asked = [request.stable, request.canary].find(
    (selection) => selection !== undefined && !destinations.some((one) => isMeant(one, selection)),
  );
  if (asked === undefined) return null;
  const message = `the route has no destination with ${shown(asked)}; there are: ${listOf(destinations, destinations)}`;
  return misshapen('destination-not-in-route', [...at, 'route'], message);
}

function isMeant(destination: Destination, { host, subset }: Selection): boolean {
  if (host !== undefined && host !== destination.host) return false;
  return subset === undefined || subset === destination.subset;
}

function shown({ host, subset }: Selection): string {
  const parts = [
    subset === undefined ? '' : `the subset ${subset}`,
    host === undefined ? '' : `the host ${host}`,
  ];
  return parts.filter((part) => part !== '').join(' and ');
}

function listOf(some: Destination[], among: Destination[]): string {
  return some.map((one) => nameOf(one, among)).join(', ');
}

function findStable(route: Route, asserted: Selection | undefined): Destination | Misshapen {
  const [stable, second, third] = route.destinations.filter(({ share }) => share > 0);
  if (third !== undefined) return tooManyWithTraffic(route, third);
  if (stable === undefined || second !== undefined) return notAtRest(route);
  if (asserted === undefined || isMeant(stable, asserted)) return stable;
  return contradicted(route, stable, `target.stable names ${shown(asserted)}`);
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
  const { destinations } = route;
  return destinations
    .map((one) => `${nameOf(one, destinations)} ${one.share} % at ${shownPath(one.at)}`)
    .join(', ');
}

function contradicted(route: Route, stable: Destination, contradiction: string): Misshapen {
  const message = `${nameOf(stable, route.destinations)} has all traffic now; ${contradiction}`;
  return misshapen('split-not-at-rest', [...stable.at, 'weight'], message);
}

function chooseCanary(
  route: Route,
  stable: Destination,
  asked: Selection | undefined,
): Destination | Misshapen {
  const { at, destinations } = route;
  const idle = destinations.filter((destination) => destination !== stable);
  const candidates = asked === undefined ? idle : idle.filter((one) => isMeant(one, asked));
  const [canary, second] = candidates;
  if (canary === undefined && asked !== undefined) {
    return contradicted(route, stable, 'target.canary names it, but a canary starts with nothing');
  }
  if (canary === undefined) {
    const message = `${nameOf(stable, destinations)} is the route's only destination: add one with weight 0 for the canary`;
    return misshapen('destination-not-in-route', [...at, 'route'], message);
  }
  if (second === undefined) return canary;
  const message = `several destinations have no traffic; target.canary must name one of: ${listOf(candidates, destinations)}`;
  return misshapen('canary-ambiguous', [...at, 'route'], message);
}

/** Two destinations on one host can only be told apart by their subsets; on two hosts the services tell them apart. */
function findUnfitArm(stable: Destination, canary: Destination): Misshapen | null {
  if (stable.host !== canary.host) return null;
  const nameless = [stable, canary].find(({ subset }) => subset === null);
  if (nameless === undefined) return null;
  const message = `the destination ${nameless.host} names no subset, and both destinations have this host: add the subset that it stands for`;
  return misshapen('unsupported-shape', [...nameless.at, 'destination', 'subset'], message);
}

function findArm(route: Route, arm: Pick<Arm, 'host' | 'subset'>): Destination | null {
  return route.destinations.find((destination) => isSamePlace(destination, arm)) ?? null;
}
