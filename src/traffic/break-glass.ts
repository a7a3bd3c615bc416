import type { Owner } from '../rollout/ports/mesh.ts';
import type { Share } from '../rollout/units.ts';
import { type Original, originalIn } from './original-weights.ts';
import { type ListedRoute, listRoutes } from './routes.ts';
import { readSplit, type Split } from './split.ts';
import {
  type Destination,
  nameOf,
  type Place,
  pointerTo,
  readRoute,
  type VirtualService,
} from './virtual-service.ts';
import { annotations, ownerOf, type PatchOperation, rolledBackIn, weightPatch } from './weight-patch.ts';

/** A destination with what people call it, and its share in percent. */
export type Standing = Place & { name: string; share: Share };

/** The split that canaryd's annotations name, as it stands now. */
export type Taken = {
  owner: Owner;
  route: string;
  stable: Standing;
  canary: Standing;
  /** Destinations that are no part of the rollout and have traffic. */
  others: Standing[];
  clusterDomain: string;
};

/** The raw weight of one destination before and after; null where the field is absent. */
export type Change = { name: string; from: number | null; to: number | null };

export type RollbackPlan =
  | { kind: 'write'; taken: Taken; changes: Change[]; patch: PatchOperation[] }
  /** The canary has nothing, and the object says that it was rolled back. */
  | { kind: 'already'; taken: Taken }
  /** Rolled back without a database, down to the last annotation. */
  | { kind: 'ended'; owner: Owner }
  | Refusal;

type Refusal =
  /** No rollout moves this object; `owner` is the last one that did, `noted` what an annotation without one tells. */
  | { kind: 'notMoved'; owner: Owner | null; noted: Original | null; routes: ListedRoute[] }
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
  if (owner === null) return { kind: 'notMoved', owner, noted: original, routes };
  const route = readRoute(virtualService, original.target.route, original.clusterDomain);
  if (route.kind === 'shape') {
    const { path, message } = route.fault;
    return { kind: 'unreadable', what: path, why: message, routes };
  }
  const split = readSplit(route, original.target);
  const { stable } = split;
  if (stable === null) return { kind: 'stableGone', stable: original.target.stable, routes };
  const taken = takenFrom(owner, original, { ...split, stable }, route.destinations);
  return isTakenBack(virtualService, taken)
    ? { kind: 'already', taken }
    : { kind: 'write', taken, ...writeOf(virtualService, original, { ...split, stable }, owner) };
}

function routesOf(virtualService: VirtualService, original: ReturnType<typeof originalIn>): ListedRoute[] {
  const domain = original.kind === 'original' ? original.clusterDomain : 'cluster.local';
  const listed = listRoutes(virtualService, domain);
  return listed.kind === 'routes' ? listed.routes : [];
}

function unmoved(virtualService: VirtualService, owner: Owner | null, routes: ListedRoute[]): RollbackPlan {
  const isTakenBack = owner !== null && rolledBackIn(virtualService)?.rolloutId === owner.rolloutId;
  return isTakenBack ? { kind: 'ended', owner } : { kind: 'notMoved', owner, noted: null, routes };
}

/** True when the canary has nothing and the object says that its present rollout was rolled back at its present epoch. */
function isTakenBack(virtualService: VirtualService, { owner, canary }: Taken): boolean {
  const mark = rolledBackIn(virtualService);
  return canary.share === 0 && mark?.rolloutId === owner.rolloutId && mark.epoch === owner.epoch;
}

type Present = Split & { stable: Destination };

function takenFrom(
  owner: Owner,
  { target, clusterDomain }: Original,
  { stable, canary, canaryShare }: Present,
  destinations: Destination[],
): Taken {
  const standing = ({ host, subset, share }: Place & { share: Share }): Standing => {
    const name = nameOf({ host, subset }, [...destinations, target.canary]);
    return { host, subset, share, name };
  };
  const others = destinations.filter((one) => one !== stable && one !== canary && one.share > 0);
  return {
    owner,
    route: target.route,
    stable: standing(stable),
    canary: standing({ ...target.canary, share: canaryShare }),
    others: others.map(standing),
    clusterDomain,
  };
}

function writeOf(
  virtualService: VirtualService,
  { target }: Original,
  split: Present,
  { rolloutId, epoch }: Owner,
): { changes: Change[]; patch: PatchOperation[] } {
  const write = { share: 0, rolloutId, epoch, end: true, unrecorded: true };
  const kept = pointerTo(['metadata', 'annotations', annotations.originalWeights]);
  const patch = weightPatch(virtualService, split, target, write).filter(({ path }) => path !== kept);
  const arms = [split.stable, ...(split.canary === null ? [] : [split.canary])];
  return { patch, changes: arms.flatMap((arm) => changeOf(arm, arms, patch)) };
}

function changeOf(arm: Destination, among: Destination[], patch: PatchOperation[]): Change[] {
  const path = pointerTo([...arm.at, 'weight']);
  const operation = patch.find((one) => one.path === path);
  if (operation === undefined) return [];
  const to = operation.op !== 'remove' && typeof operation.value === 'number' ? operation.value : null;
  return [{ name: nameOf(arm, among), from: arm.weight, to }];
}
