import { operationsTo, type PatchOperation } from './patch-operation.ts';
import { destinationsOf, httpOf, isManaged, managedNameOf } from './raw-routes.ts';
import { isRecord, isSameJson } from './same-json.ts';
import { type Path, pointerTo, type VirtualService } from './virtual-service.ts';

/** An http route that managed routes precede, as a write will leave it. */
export type Preceded = {
  /** Its place in `spec.http` as the object stands now, managed routes counted. */
  index: number;
  /** The place of the canary in its destinations; null when it is gone from there. */
  canary: number | null;
  /** The raw weight of each of its destinations after the write; null where none will be written. */
  weights: readonly (number | null)[];
};

/** A managed route that mirrors requests, and divides them by the weights of the route that it precedes. */
export type ManagedMirror = { key: { kind: 'http'; name: string }; at: Path; value: unknown };

/** The managed routes that mirror the requests of the http route that stands at a path; none where it is no http route. */
export function managedMirrorsOf(virtualService: VirtualService, [, protocol, index]: Path): ManagedMirror[] {
  if (protocol !== 'http' || typeof index !== 'number') return [];
  const http = httpOf(virtualService);
  const isBefore = (mirror: number) => mirror < index && http.slice(mirror + 1, index).every(isManaged);
  return mirrorsIn(http)
    .filter(isBefore)
    .map((mirror) => ({
      key: { kind: 'http', name: managedNameOf(http[mirror]) ?? '' },
      at: ['spec', 'http', mirror],
      value: http[mirror],
    }));
}

/**
 * The operations that let the weights of all managed mirrors follow those of the routes that they precede, and change
 * nothing else.
 */
export function followingWeights(http: readonly unknown[], preceded: readonly Preceded[]): PatchOperation[] {
  return mirrorsIn(http).flatMap((index) =>
    followingOperations(http, index, followedBy(http, index, preceded)),
  );
}

/** A header route may have a mirror, too: that of the route that it copies. But it sends everything to one destination. */
function mirrorsIn(http: readonly unknown[]): number[] {
  return http.flatMap((route, index) =>
    isManaged(route) && isRecord(route) && 'mirror' in route && destinationsOf(route).length > 1
      ? [index]
      : [],
  );
}

/** The route whose weights a managed mirror has: the next one below it that is preceded, or the last one. */
function followedBy(
  http: readonly unknown[],
  mirror: number,
  preceded: readonly Preceded[],
): { route: unknown; weights: Preceded['weights'] } {
  const below = preceded.filter(({ index }) => index > mirror).toSorted((a, b) => a.index - b.index);
  const followed = below[0] ?? preceded.at(-1);
  return { route: followed && http[followed.index], weights: followed?.weights ?? [] };
}

/** A destination is found by what it is, because another hand may have reordered the list. */
function followingOperations(
  http: readonly unknown[],
  index: number,
  { route, weights }: { route: unknown; weights: Preceded['weights'] },
): PatchOperation[] {
  const destinations = destinationsOf(route).map(({ destination }) => destination);
  const following = destinationsOf(http[index]).map(({ destination, weight }) => {
    const place = destinations.findIndex((one) => isSameJson(one, destination));
    if (place < 0) return typeof weight === 'number' ? weight : null;
    return weights[place] ?? null;
  });
  return weightsTo(http[index], index, following);
}

/** The operations that give the destinations of one http route these weights. */
export function weightsTo(
  standing: unknown,
  index: number,
  weights: readonly (number | null)[],
): PatchOperation[] {
  return destinationsOf(standing).flatMap(({ weight: from = null }, place) => {
    const path = pointerTo(['spec', 'http', index, 'route', place, 'weight']);
    return operationsTo(path, from, weights[place] ?? null);
  });
}
