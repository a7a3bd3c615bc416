import { routeLabel } from '../rollout/target.ts';
import type { Route } from './route.ts';
import {
  type Destination,
  isMisshapen,
  isSamePlace,
  type Misshapen,
  mayReach,
  misshapen,
  nameOf,
  shownPath,
} from './virtual-service.ts';
import { findOverflow } from './weights.ts';

/** The two destinations of a rollout as they stand in one route. */
export type Pair = { stable: Destination; canary: Destination };

/** The two destinations of one route; `others` are no part of the rollout and keep their share. */
export type RouteArms = { route: Route; stable: Destination; canary: Destination; others: Destination[] };

/** The destinations of a route that is to be moved between these two, or why it cannot be. */
export function armsIn(route: Route, pair: Pair): RouteArms | Misshapen {
  const stable = soleArm(route, pair.stable);
  if (isMisshapen(stable)) return stable;
  const canary = soleArm(route, pair.canary);
  if (isMisshapen(canary)) return canary;
  const misplaced = findMisplaced(route, { stable, canary });
  if (misplaced !== null) return misplaced;
  const others = route.destinations.filter((one) => one !== stable && one !== canary);
  const arms = { route, stable, canary, others };
  return findMirror(route, pair) ?? findOverflow(arms) ?? arms;
}

/** The one destination of a route that stands for an arm. */
export function soleArm(route: Route, arm: Pick<Destination, 'host' | 'subset'>): Destination | Misshapen {
  const [only, second] = route.destinations.filter((one) => isSamePlace(one, arm));
  const name = nameOf(arm, [arm, ...route.destinations]);
  if (second !== undefined) {
    const message = `${name} stands twice in the route: merge the two destinations into one`;
    return misshapen('unsupported-shape', second.at, message);
  }
  if (only !== undefined) return only;
  const message = `${calledRoute(route)} has no destination ${name}: all routes that are moved have the same two, so add it with weight 0, or leave the route out of the target`;
  return misshapen('destination-not-in-route', [...route.at, 'route'], message);
}

function findMisplaced(route: Route, { stable, canary }: Pair): Misshapen | null {
  if (stable.share > 0 && canary.share === 0) return null;
  const wrong = canary.share > 0 ? canary : stable;
  const message = `${calledRoute(route)} has another split than the first (${sharesIn(route)}): ${nameOf(stable, route.destinations)} must have the whole split in all of them, and ${nameOf(canary, route.destinations)} nothing`;
  return misshapen('split-not-at-rest', [...wrong.at, 'weight'], message);
}

function calledRoute({ key, at }: Route): string {
  return `the route ${routeLabel(key) || shownPath(at)}`;
}

/** Copies that arrive at one of the two would be counted as its requests. */
function findMirror({ mirrors }: Route, { stable, canary }: Pair): Misshapen | null {
  const mirror = mirrors.find(
    ({ to }) => to === 'unreadable' || mayReach(to, stable) || mayReach(to, canary),
  );
  if (mirror === undefined) return null;
  const message =
    mirror.to === 'unreadable'
      ? 'it cannot be told where copies of the requests go: write the host of the mirror, or remove it'
      : `copies of requests would be counted as those of ${nameOf(mirror.to, [stable, canary])}: remove the mirror before a rollout, or let it go to another host`;
  return misshapen('unsupported-shape', mirror.at, message);
}

/** What each destination has, and where it stands. */
export function sharesIn({ destinations }: Route): string {
  return destinations
    .map((one) => `${nameOf(one, destinations)} ${one.share} % at ${shownPath(one.at)}`)
    .join(', ');
}
