import { type MovedRoute, routeLabel } from '../rollout/target.ts';
import type { Original } from './original-weights.ts';
import { type Split, splitIn } from './split.ts';
import { type Destination, isMisshapen, nameOf, type Place, type VirtualService } from './virtual-service.ts';
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
  const lost: LostRoute[] = [];
  const routes: MovedRoute[] = [];
  let first: NotFound | null = null;
  for (const one of moved.routes) {
    const reason = lossOf(virtualService, { ...moved, routes: [one] }, clusterDomain);
    if (reason === null) routes.push(one);
    else {
      first ??= reason;
      lost.push({ route: routeLabel(one.key), why: whyOf(reason) });
    }
  }
  const split = splitIn(virtualService, { ...moved, routes }, clusterDomain);
  if (first !== null && routes.length === 0) return first;
  if (isMisshapen(split)) return { kind: 'unreadable', what: split.fault.path, why: split.fault.message };
  const movable = split.routes.flatMap(({ stable, ...route }) =>
    stable === null ? [] : [{ ...route, stable }],
  );
  return { kind: 'found', moved: { ...moved, routes }, split, movable, lost };
}

function lossOf(virtualService: VirtualService, moved: Original['moved'], domain: string): NotFound | null {
  const split = splitIn(virtualService, moved, domain);
  if (isMisshapen(split)) return { kind: 'unreadable', what: split.fault.path, why: split.fault.message };
  return split.hasStable ? null : { kind: 'stableGone', stable: moved.stable };
}

function whyOf(reason: NotFound): string {
  if (reason.kind === 'unreadable') return `${reason.what}: ${reason.why}`;
  return `stable (${nameOf(reason.stable, [])}) is not in the route any more`;
}
