import type { WeightWrite } from '../rollout/ports/mesh.ts';
import { annotationOperations } from './annotations.ts';
import type { Preceded } from './managed-mirrors.ts';
import { managedOperations } from './managed-routes.ts';
import { noteOf } from './original-weights.ts';
import { operationsTo, type PatchOperation } from './patch-operation.ts';
import type { Moved, Split } from './split.ts';
import {
  type Destination,
  isMisshapen,
  type Misshapen,
  pointerTo,
  type VirtualService,
} from './virtual-service.ts';
import { type RouteSplit, type WantedWeight, wantedWeights } from './weights.ts';

type Shift = Pick<WeightWrite, 'share' | 'end'>;

/**
 * The one patch that makes a share true in one object: it changes the weights of its moved routes, managed routes and
 * canaryd's annotations, and nothing else. Its first operation writes the resourceVersion that was read, which the API
 * server answers with 409 when somebody wrote since; a `test` operation would be answered like an invalid object. A
 * route without stable's destination keeps its weights. Refuses only managed routes that cannot be put there; the end,
 * and a write that names none, is never refused.
 */
export function weightPatch(
  virtualService: VirtualService,
  split: Split,
  moved: Moved,
  write: WeightWrite,
): PatchOperation[] | Misshapen {
  const { resourceVersion } = virtualService.metadata;
  const wanted = split.routes.map((route) => movableWeights(route, write));
  const preceded = split.routes.flatMap((route, index) => precededBy(route, wanted[index] ?? []));
  const managed = managedOperations(virtualService, preceded, write.end ? [] : (write.managed ?? null));
  if (isMisshapen(managed)) return managed;
  return [
    { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
    ...wanted.flat().flatMap(operationsOn),
    // They count on the places at which routes stood when the weights were read.
    ...managed,
    ...annotationOperations(virtualService, write, noteOf(moved)),
  ];
}

/** All weights of a route would be 0 if the canary gave up its own and nobody could take it. */
function movableWeights(route: RouteSplit, write: Shift): WantedWeight[] {
  return route.stable === null ? [] : wantedWeights(route, write);
}

function weightAfter({ at, weight }: Destination, wanted: WantedWeight[]): number | null {
  const path = pointerTo(at);
  const found = wanted.find(({ destination }) => pointerTo(destination.at) === path);
  return found === undefined ? weight : found.weight;
}

/** The route that managed routes may precede, with its weights as they will be; none for one that is no http route. */
export function precededBy(
  { at, stable, canary, others }: RouteSplit,
  wanted: WantedWeight[] = [],
): Preceded[] {
  const [, protocol, index] = at;
  if (protocol !== 'http' || typeof index !== 'number') return [];
  const arms = [stable, canary].filter((arm) => arm !== null);
  const destinations = [...arms, ...others].sort((one, other) => placeOf(one) - placeOf(other));
  const weights = destinations.map((one) => weightAfter(one, wanted));
  return [{ index, canary: canary && placeOf(canary), weights }];
}

/** Its place among the destinations of its route. */
function placeOf({ at }: Destination): number {
  return Number(at.at(-1));
}

function operationsOn({ destination: { at, weight }, weight: wanted }: WantedWeight): PatchOperation[] {
  return operationsTo(pointerTo([...at, 'weight']), weight, wanted);
}
