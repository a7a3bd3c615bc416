import type { Owner } from '../rollout/ports/mesh.ts';
import { type MovedRoute, routeLabel } from '../rollout/target.ts';
import type { Share } from '../rollout/units.ts';
import { annotations, ownerOf, rolledBackIn } from './annotations.ts';
import { managedRoutesIn } from './managed-routes.ts';
import { type Found, findMovable, type LostRoute, type Movable } from './movable-routes.ts';
import { type Original, originalIn } from './original-weights.ts';
import type { PatchOperation } from './patch-operation.ts';
import { entriesOf, isManaged } from './route-entries.ts';
import { type ListedRoute, listRoutes } from './routes.ts';
import type { Arms } from './split.ts';
import {
  isMisshapen,
  nameOf,
  type Path,
  type Place,
  pointerTo,
  type VirtualService,
} from './virtual-service.ts';
import { weightPatch } from './weight-patch.ts';

/** A destination with what people call it, and its share in percent. */
export type Standing = Place & { name: string; share: Share };

/** One route of the split that canaryd's annotations name, as it stands now. */
export type TakenRoute = {
  /** Empty for an http route that has no name. */
  route: string;
  stable: Standing;
  canary: Standing;
  /** Destinations that are no part of the rollout and have traffic. */
  others: Standing[];
};

/** The split that canaryd's annotations name, as it stands now. The route in which the canary has most stands for all. */
export type Taken = TakenRoute & {
  owner: Owner;
  /** All routes that weights can take back, in the order of the rollout. */
  routes: TakenRoute[];
  lost: LostRoute[];
  /** The names of canaryd's own routes that stand there. */
  managed: string[];
  clusterDomain: string;
};

/** The raw weight of one destination before and after; null where the field is absent. */
export type Change = { route: string; name: string; from: number | null; to: number | null };

/** A route that canaryd has put there, by its name in the object. */
export type OwnRoute = { at: Path; name: string };

export type RollbackPlan =
  | { kind: 'write'; taken: Taken; changes: Change[]; patch: PatchOperation[] }
  /** The canary has nothing, and the object says that it was rolled back. */
  | { kind: 'already'; taken: Taken }
  /** Rolled back without a database, down to the last annotation. */
  | { kind: 'ended'; owner: Owner }
  | Refusal;

type Refusal =
  /** No rollout moves this object; `owner` is the last one that did, `noted` what an annotation without one tells. */
  | {
      kind: 'notMoved';
      owner: Owner | null;
      noted: Original | null;
      routes: ListedRoute[];
      /** Where canaryd's own routes stand all the same. */
      managed: OwnRoute[];
    }
  /** The annotations, or the route that they name, are not as canaryd writes them. */
  | { kind: 'unreadable'; what: string; why: string; routes: ListedRoute[] }
  /** No route sends anything to stable any more: restoring its weight cannot be expressed. */
  | { kind: 'stableGone'; stable: Place; routes: ListedRoute[] };

/**
 * What takes the canary's traffic back, from the object alone: the annotations that canaryd wrote name the rollout, the
 * two destinations and their weights before. The write is the one that ends a rollback, but it leaves the original
 * weights where they are, so that whoever looks next can tell whether the canary was raised again, and it leaves word
 * for the rollout's next turn.
 */
export function planRollback(virtualService: VirtualService): RollbackPlan {
  const owner = ownerOf(virtualService);
  const original = originalIn(virtualService);
  const routes = routesOf(virtualService, original);
  if (original.kind === 'unreadable') {
    return {
      kind: 'unreadable',
      what: `annotation ${annotations.originalWeights}`,
      why: original.why,
      routes,
    };
  }
  if (original.kind === 'none') return unmoved(virtualService, owner, routes);
  if (owner === null)
    return { kind: 'notMoved', owner, noted: original, routes, managed: managedAt(virtualService) };
  const found = findMovable(virtualService, original);
  if (found.kind !== 'found') return { ...found, routes };
  const taken = takenFrom(virtualService, owner, original, found);
  return isTakenBack(virtualService, taken)
    ? { kind: 'already', taken }
    : { kind: 'write', taken, ...writeOf(virtualService, found, owner) };
}

function routesOf(virtualService: VirtualService, original: ReturnType<typeof originalIn>): ListedRoute[] {
  const domain = original.kind === 'original' ? original.clusterDomain : 'cluster.local';
  const listed = listRoutes(virtualService, domain);
  return listed.kind === 'routes' ? listed.routes : [];
}

function unmoved(virtualService: VirtualService, owner: Owner | null, routes: ListedRoute[]): RollbackPlan {
  const isTakenBack = owner !== null && rolledBackIn(virtualService)?.rolloutId === owner.rolloutId;
  const managed = managedAt(virtualService);
  if (isTakenBack && managed.length === 0) return { kind: 'ended', owner };
  return { kind: 'notMoved', owner, noted: null, routes, managed };
}

function managedAt(virtualService: VirtualService): OwnRoute[] {
  const http = entriesOf(virtualService, 'http');
  return isMisshapen(http)
    ? []
    : http.filter(isManaged).map(({ at, key }) => ({ at, name: routeLabel(key) }));
}

/** True when nothing is left to take back, and the object says that its present rollout was rolled back at its present epoch. */
function isTakenBack(virtualService: VirtualService, { owner, canary, managed }: Taken): boolean {
  const mark = rolledBackIn(virtualService);
  const isNamed = mark?.rolloutId === owner.rolloutId && mark.epoch === owner.epoch;
  return canary.share === 0 && managed.length === 0 && isNamed;
}

function takenFrom(
  virtualService: VirtualService,
  owner: Owner,
  { clusterDomain }: Original,
  { moved, movable, lost }: Found,
): Taken {
  const routes = movable.map((split, index) => takenRoute(split, moved, moved.routes[index]));
  const [first, ...more] = routes;
  if (first === undefined) throw new Error('no route was found to be taken back');
  const most = more.reduce(
    (highest, one) => (one.canary.share > highest.canary.share ? one : highest),
    first,
  );
  return { ...most, owner, routes, lost, managed: managedRoutesIn(virtualService), clusterDomain };
}

function takenRoute(
  { stable, canary, others }: Movable,
  arms: Arms,
  route: MovedRoute | undefined,
): TakenRoute {
  const standing = ({ host, subset, share }: Place & { share: Share }): Standing => {
    const name = nameOf({ host, subset }, [stable, arms.canary, ...others]);
    return { host, subset, share, name };
  };
  return {
    route: route === undefined ? '' : routeLabel(route.key),
    stable: standing(stable),
    canary: standing({ ...arms.canary, share: canary?.share ?? 0 }),
    others: others.filter(({ share }) => share > 0).map(standing),
  };
}

function writeOf(
  virtualService: VirtualService,
  { split, movable, moved }: Found,
  { rolloutId, epoch }: Owner,
): { changes: Change[]; patch: PatchOperation[] } {
  const write = { share: 0, rolloutId, epoch, end: true, unrecorded: true };
  const kept = pointerTo(['metadata', 'annotations', annotations.originalWeights]);
  const made = weightPatch(virtualService, split, moved, write);
  if (isMisshapen(made)) throw new Error(`a write that ends is never refused: ${made.fault.message}`);
  const patch = made.filter(({ path }) => path !== kept);
  const changes = movable.flatMap((route, index) => {
    const key = moved.routes[index]?.key;
    return changesIn(route, key === undefined ? '' : routeLabel(key), patch);
  });
  return { patch, changes };
}

function changesIn({ stable, canary, others }: Movable, route: string, patch: PatchOperation[]): Change[] {
  const destinations = [stable, ...(canary === null ? [] : [canary]), ...others];
  return destinations.flatMap((one) => {
    const path = pointerTo([...one.at, 'weight']);
    const operation = patch.find((other) => other.path === path);
    if (operation === undefined) return [];
    const to = operation.op !== 'remove' && typeof operation.value === 'number' ? operation.value : null;
    return [{ route, name: nameOf(one, destinations), from: one.weight, to }];
  });
}
