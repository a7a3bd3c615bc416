import type { Route } from './route.ts';
import { armsIn, type Pair, type RouteArms, sharesIn } from './route-arms.ts';
import {
  type Destination,
  isMisshapen,
  isSamePlace,
  type Misshapen,
  misshapen,
  nameOf,
} from './virtual-service.ts';

/** Selects a destination; a subset of null is the one that names none. */
type Selection = { host?: string | undefined; subset?: string | null | undefined };

/** The destinations that somebody names; hosts are qualified. */
export type Selected = { stable?: Selection | undefined; canary?: Selection | undefined };

/** The two destinations as they stand in the first route, and in each route that is moved. */
export type Roles = { kind: 'roles'; stable: Destination; canary: Destination; routes: RouteArms[] };

/**
 * Gives the roles for the life of a rollout, the same in all routes: stable is the destination that holds the whole
 * share, canary one that holds nothing. `request.canary` selects among several of those. `request.stable` only asserts,
 * but where other destinations have traffic that they are to keep, both must be named. Hosts in both are qualified, as
 * those of the routes are.
 */
export function giveRoles(routes: Route[], request: Selected): Roles | Misshapen {
  const [first, ...more] = routes;
  if (first === undefined) throw new Error('roles are given to one route at least');
  const pair = findPair(first, request);
  if (isMisshapen(pair)) return pair;
  const unfit = findUnfitPair(pair);
  if (unfit !== null) return unfit;
  const moved = withoutLone(more, pair);
  if (isMisshapen(moved)) return moved;
  const arms: RouteArms[] = [];
  for (const route of [first, ...moved]) {
    const given = armsIn(route, pair);
    if (isMisshapen(given)) return given;
    arms.push(given);
  }
  return { kind: 'roles', ...pair, routes: arms };
}

function findPair(route: Route, request: Selected): Pair | Misshapen {
  const unknown = findUnknown(route, request);
  if (unknown !== null) return unknown;
  const stable = findStable(route, request);
  if (isMisshapen(stable)) return stable;
  const canary = chooseCanary(route, stable, request.canary);
  return isMisshapen(canary) ? canary : { stable, canary };
}

function findUnknown({ at, destinations }: Route, { stable, canary }: Selected): Misshapen | null {
  const asked = [stable, canary].find(
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
    subset === undefined || subset === null ? '' : `the subset ${subset}`,
    host === undefined ? '' : `the host ${host}`,
  ];
  return parts.filter((part) => part !== '').join(' and ');
}

function listOf(some: Destination[], among: Destination[]): string {
  return some.map((one) => nameOf(one, among)).join(', ');
}

function findStable(route: Route, { stable: asserted, canary }: Selected): Destination | Misshapen {
  const busy = route.destinations.filter(({ share }) => share > 0);
  const [only] = busy;
  if (only === undefined) return notAtRest(route);
  if (busy.every((one) => isSamePlace(one, only))) {
    if (asserted === undefined || isMeant(only, asserted)) return only;
    return contradicted(route, only, `target.stable names ${shown(asserted)}`);
  }
  if (asserted === undefined || canary === undefined) return notAtRest(route);
  const [stable, second] = busy.filter((one) => isMeant(one, asserted));
  if (stable !== undefined && second === undefined) return stable;
  return notAtRest(route);
}

function notAtRest(route: Route): Misshapen {
  const { at, destinations } = route;
  const message = `a rollout starts with one destination at 100 %, but the split is ${sharesIn(route)}; ${mendOf(destinations)}`;
  return misshapen('split-not-at-rest', [...at, 'route'], message);
}

function mendOf(destinations: Destination[]): string {
  if (destinations.every(({ share }) => share === 0)) return 'give one of them the weight 100';
  if (destinations.length === 2) return 'give one of them the weight 0';
  return 'give all but one the weight 0, or name target.stable and target.canary if the others are to keep their share';
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
  const idle = destinations.filter((one) => !isSamePlace(one, stable) && one.share === 0);
  const candidates = asked === undefined ? idle : idle.filter((one) => isMeant(one, asked));
  const [canary] = candidates;
  if (canary === undefined && asked !== undefined) {
    return hasTraffic(route, asked);
  }
  if (canary === undefined) {
    const message = `${nameOf(stable, destinations)} is the route's only destination: add one with weight 0 for the canary`;
    return misshapen('destination-not-in-route', [...at, 'route'], message);
  }
  if (candidates.every((one) => isSamePlace(one, canary))) return canary;
  const message = `several destinations have no traffic; target.canary must name one of: ${listOf(candidates, destinations)}`;
  return misshapen('canary-ambiguous', [...at, 'route'], message);
}

function hasTraffic({ destinations }: Route, asked: Selection): Misshapen {
  const named = destinations.find((one) => isMeant(one, asked));
  const message = `target.canary names ${shown(asked)}, but a canary starts with nothing, and it has ${named?.share ?? 0} %: name another, or set its weight to 0`;
  return misshapen('split-not-at-rest', [...(named?.at ?? []), 'weight'], message);
}

/** Two destinations on one host can only be told apart by their subsets; on two hosts the services tell them apart. */
function findUnfitPair({ stable, canary }: Pair): Misshapen | null {
  if (stable.host !== canary.host) return null;
  const nameless = [stable, canary].find(({ subset }) => subset === null);
  if (nameless === undefined) return null;
  const message = `the destination ${nameless.host} names no subset, and both destinations have this host: add the subset that it stands for`;
  return misshapen('unsupported-shape', [...nameless.at, 'destination', 'subset'], message);
}

/** Of the routes that nobody named those that carry both destinations are moved, too: one for each protocol. */
function withoutLone(routes: Route[], pair: Pair): Route[] | Misshapen {
  const moved = routes.filter(
    (route) => !route.isBeside || [pair.stable, pair.canary].every((arm) => carries(route, arm)),
  );
  const twin = moved.find(
    (route, index) =>
      route.isBeside && moved.slice(0, index).some((other) => other.key.kind === route.key.kind),
  );
  if (twin === undefined) return moved;
  const { kind } = twin.key;
  const message = `several ${kind} routes carry both destinations: name those to be moved in target.${kind}, and the http route in target.route; the http route alone if they are to stay`;
  return misshapen('route-ambiguous', twin.at, message);
}

function carries({ destinations }: Route, arm: Destination): boolean {
  return destinations.some((one) => isSamePlace(one, arm));
}
