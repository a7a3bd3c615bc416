import { type MovedRoute, type RouteKey, routeLabel } from '../rollout/target.ts';
import type { Original } from './original-weights.ts';
import { type Moved, type Split, splitIn } from './split.ts';
import {
  type Destination,
  isMisshapen,
  type Misshapen,
  nameOf,
  type Place,
  type VirtualService,
} from './virtual-service.ts';
import type { RouteSplit } from './weights.ts';

/** A route that the annotations name and that no weight can take back. */
export type LostRoute = { route: string; why: string };

/** A route that still has stable's destination. */
export type Movable = RouteSplit & { stable: Destination };

/** What of a rollout's routes weights can take back, and what they cannot. */
export type Found = {
  kind: 'found';
  moved: Original['moved'];
  split: Split;
  movable: Movable[];
  lost: LostRoute[];
};

/** None of them. */
export type NotFound =
  | { kind: 'unreadable'; what: string; why: string }
  | { kind: 'stableGone'; stable: Place };

/** What of the rollout's routes can be taken back: one that is gone must not keep the others from it. */
export function findMovable(
  virtualService: VirtualService,
  { moved, clusterDomain }: Original,
): Found | NotFound {
  const { routes, lost } = divide(virtualService, moved, clusterDomain);
  const [first] = lost;
  const split = splitIn(virtualService, { ...moved, routes }, clusterDomain);
  if (first !== undefined && routes.length === 0) return notFound(first.loss);
  if (isMisshapen(split)) return notFound(split);
  const movable = split.routes.flatMap(({ stable, ...route }) =>
    stable === null ? [] : [{ ...route, stable }],
  );
  const lostRoutes = lost.map(({ key, loss }) => ({ route: routeLabel(key), why: whyOf(notFound(loss)) }));
  return { kind: 'found', moved: { ...moved, routes }, split, movable, lost: lostRoutes };
}

/** Which of a rollout's routes weights can take back, and what keeps them from the others. */
export function divide(virtualService: VirtualService, moved: Moved, clusterDomain: string): Divided {
  const divided: Divided = { routes: [], lost: [] };
  for (const one of moved.routes) {
    const loss = lossOf(virtualService, { ...moved, routes: [one] }, clusterDomain);
    if (loss === null) divided.routes.push(one);
    else divided.lost.push({ key: one.key, loss });
  }
  return divided;
}

type Loss = Misshapen | { kind: 'stableGone'; stable: Place };
export type Divided = { routes: MovedRoute[]; lost: { key: RouteKey; loss: Loss }[] };

function lossOf(virtualService: VirtualService, moved: Moved, clusterDomain: string): Loss | null {
  const split = splitIn(virtualService, moved, clusterDomain);
  if (isMisshapen(split)) return split;
  return split.hasStable ? null : { kind: 'stableGone', stable: moved.stable };
}

function notFound(loss: Loss): NotFound {
  if (!isMisshapen(loss)) return loss;
  return { kind: 'unreadable', what: loss.fault.path, why: loss.fault.message };
}

function whyOf(reason: NotFound): string {
  if (reason.kind === 'unreadable') return `${reason.what}: ${reason.why}`;
  return `stable (${nameOf(reason.stable, [])}) is not in the route any more`;
}
