import { type ManagedRoute, managedName, managedPrefix } from '../rollout/managed-route.ts';
import type { PatchOperation } from './annotations.ts';
import { type Edit, editsBetween, type Listed } from './list-edits.ts';
import { narrowedMatch } from './request-match.ts';
import { isRecord, isSameJson, without } from './same-json.ts';
import {
  isMisshapen,
  type Misshapen,
  misshapen,
  type Path,
  pointerTo,
  type VirtualService,
} from './virtual-service.ts';

/** An http route that managed routes precede, as a write will leave it. */
export type Preceded = {
  /** Its place in `spec.http` as the object stands now, managed routes counted. */
  index: number;
  /** The place of the canary in its destinations; null when it is gone from there. */
  canary: number | null;
  /** The raw weight of each of its destinations after the write; null where none will be written. */
  weights: readonly (number | null)[];
};

type HttpRoute = Record<string, unknown>;

/**
 * The names of the managed routes that stand in an object, as plans write them (without `canaryd-`): in their order,
 * each one once.
 */
export function managedRoutesIn(virtualService: VirtualService): string[] {
  const names = httpOf(virtualService).flatMap((route) => managedNameOf(route) ?? []);
  return [...new Set(names.map((name) => name.slice(managedPrefix.length)))];
}

/**
 * The operations that make exactly the wanted managed routes stand directly before each of the preceded routes, in the
 * order of the plan, and nowhere else; none where they stand already. `null` leaves those that stand there, and lets
 * the weights of mirror routes follow; it never refuses, and neither does the empty list. They count on a list of
 * routes whose weights alone have changed, so in a patch they come behind the weights.
 */
export function managedOperations(
  virtualService: VirtualService,
  preceded: readonly Preceded[],
  wanted: readonly ManagedRoute[] | null,
): PatchOperation[] | Misshapen {
  const http = httpOf(virtualService);
  if (wanted === null) {
    return mirrorsIn(http).flatMap((index) =>
      followingOperations(http, index, followedBy(http, index, preceded)),
    );
  }
  const desired = desiredRoutes(virtualService, preceded, wanted);
  if (isMisshapen(desired)) return desired;
  const edits = editsBetween(http.map(listed), desired);
  return edits.flatMap((edit) => operationsOf(http, edit));
}

/**
 * Why these managed routes cannot be put before a route as it stands; null when they can. `routes` are the http routes
 * of the object that would be moved; `others` says that tls or tcp routes would be moved, too.
 */
export function managedFault(
  virtualService: VirtualService,
  routes: readonly Pick<Preceded, 'index' | 'canary'>[],
  wanted: readonly ManagedRoute[],
): Misshapen | null {
  if (wanted.length === 0) return null;
  if (routes.length === 0) {
    const why = `the target has no http route here, and only requests of HTTP can be matched or mirrored: leave ${namesOf(wanted)} out of the plan`;
    return misshapen('unsupported-shape', ['spec'], why);
  }
  const made = desiredRoutes(
    virtualService,
    routes.map((route) => ({ ...route, weights: [] })),
    wanted,
  );
  return isMisshapen(made) ? made : null;
}

/** Where routes of this name, written with `canaryd-`, stand in `spec.http`, and what they are. */
export function standingCopies(
  virtualService: VirtualService,
  name: string,
): { index: number; value: unknown }[] {
  return httpOf(virtualService).flatMap((value, index) =>
    managedNameOf(value) === name ? [{ index, value }] : [],
  );
}

/** What a write would put before each of the preceded routes for one managed route, in their order. */
export function wantedCopies(
  virtualService: VirtualService,
  preceded: readonly Preceded[],
  managed: ManagedRoute,
): unknown[] | Misshapen {
  const desired = desiredRoutes(virtualService, preceded, [managed]);
  if (isMisshapen(desired)) return desired;
  return desired.flatMap(({ key, value }) => (key === null ? [] : [value]));
}

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

function namesOf(wanted: readonly ManagedRoute[]): string {
  return wanted.map(({ name }) => name).join(', ');
}

function httpOf({ spec }: VirtualService): unknown[] {
  return Array.isArray(spec.http) ? spec.http : [];
}

/** True for a route that canaryd has put there. */
function isManaged(route: unknown): boolean {
  return managedNameOf(route) !== null;
}

function managedNameOf(route: unknown): string | null {
  const name = isRecord(route) ? route['name'] : undefined;
  return typeof name === 'string' && name.startsWith(managedPrefix) ? name : null;
}

function listed(value: unknown): Listed {
  return { key: managedNameOf(value), value };
}

/** All routes as they are to stand: those of others as they do, and the managed ones before those that they precede. */
function desiredRoutes(
  virtualService: VirtualService,
  preceded: readonly Preceded[],
  wanted: readonly ManagedRoute[],
): Listed[] | Misshapen {
  const desired: Listed[] = [];
  for (const [index, value] of httpOf(virtualService).entries()) {
    if (isManaged(value)) continue;
    const moved = preceded.find((one) => one.index === index);
    const before = moved === undefined ? [] : routesBefore(value, moved, wanted);
    if (isMisshapen(before)) return before;
    desired.push(...before, listed(value));
  }
  return desired;
}

function routesBefore(
  value: unknown,
  moved: Preceded,
  wanted: readonly ManagedRoute[],
): Listed[] | Misshapen {
  const routes = wanted.map((managed) => ({
    key: managedName(managed),
    value: routeBefore(isRecord(value) ? value : {}, moved, managed),
  }));
  return routes.map((one) => one.value).find(isMisshapen) ?? routes;
}

function routeBefore(route: HttpRoute, moved: Preceded, managed: ManagedRoute): HttpRoute | Misshapen {
  const at: Path = ['spec', 'http', moved.index];
  const canary = moved.canary === null ? undefined : destinationsOf(route)[moved.canary];
  if (canary === undefined) {
    const why = `the route has no destination of the canary, to which ${managedName(managed)} would send requests: add it`;
    return misshapen('destination-not-in-route', [...at, 'route'], why);
  }
  const match = matchOf(route, at, managed);
  if (isMisshapen(match)) return match;
  return managed.kind === 'header'
    ? {
        name: managedName(managed),
        match: match.blocks,
        ...without(route, ['name', 'match', 'route']),
        route: [without(canary, ['weight'])],
      }
    : mirrorRoute({ route, at, moved, managed, match: match.blocks }, canary['destination']);
}

/** The match of a mirror route of everything is that of the route, which may have none. */
function matchOf(route: HttpRoute, at: Path, managed: ManagedRoute): { blocks: unknown } | Misshapen {
  if (managed.match === null) return { blocks: route['match'] };
  const blocks = narrowedMatch({ route, at, by: managedName(managed) }, managed.match);
  return isMisshapen(blocks) ? blocks : { blocks };
}

type Mirroring = {
  route: HttpRoute;
  at: Path;
  moved: Preceded;
  managed: Extract<ManagedRoute, { kind: 'mirror' }>;
  match: unknown;
};

const mirrorFields = ['mirror', 'mirrors', 'mirrorPercentage', 'mirrorPercent', 'mirror_percent'];

function mirrorRoute(
  { route, at, moved, managed, match }: Mirroring,
  canary: unknown,
): HttpRoute | Misshapen {
  const field = ['mirror', 'mirrors'].find((name) => isMirroring(route[name]));
  if (field !== undefined) {
    const why = `the route is mirrored already, and ${managedName(managed)} would end that while it stands: take ${field} out, or leave the step out of the plan`;
    return misshapen('unsupported-shape', [...at, field], why);
  }
  return {
    name: managedName(managed),
    ...(match === undefined ? {} : { match }),
    ...without(route, ['name', 'match', 'route', ...mirrorFields]),
    route: destinationsOf(route).map((one, index) => weighted(one, moved.weights[index] ?? null)),
    mirror: canary,
    mirrorPercentage: { value: managed.percentage },
  };
}

function isMirroring(field: unknown): boolean {
  return Array.isArray(field) ? field.length > 0 : field !== undefined && field !== null;
}

function weighted(destination: HttpRoute, weight: number | null): HttpRoute {
  return { ...without(destination, ['weight']), ...(weight === null ? {} : { weight }) };
}

function destinationsOf(route: unknown): HttpRoute[] {
  const destinations = isRecord(route) ? route['route'] : undefined;
  return Array.isArray(destinations) ? destinations.map((one) => (isRecord(one) ? one : {})) : [];
}

function operationsOf(http: readonly unknown[], edit: Edit): PatchOperation[] {
  const path = pointerTo(['spec', 'http', edit.index]);
  if (edit.op === 'remove') return [{ op: 'remove', path }];
  if (edit.op === 'add') return [{ op: 'add', path, value: edit.value }];
  return weightOperations(http, edit) ?? [{ op: 'replace', path, value: edit.value }];
}

/** Single operations where nothing but weights is another; null otherwise. */
function weightOperations(
  http: readonly unknown[],
  { index, value }: Pick<Edit, 'index' | 'value'>,
): PatchOperation[] | null {
  const weights = destinationsOf(value).map(({ weight }) => (typeof weight === 'number' ? weight : null));
  const standing = http[index];
  const followed = isRecord(standing)
    ? {
        ...standing,
        route: destinationsOf(standing).map((one, place) => weighted(one, weights[place] ?? null)),
      }
    : standing;
  return isSameJson(followed, value) ? weightsTo(standing, index, weights) : null;
}

function weightsTo(standing: unknown, index: number, weights: readonly (number | null)[]): PatchOperation[] {
  return destinationsOf(standing).flatMap(({ weight: from = null }, place): PatchOperation[] => {
    const path = pointerTo(['spec', 'http', index, 'route', place, 'weight']);
    const value = weights[place] ?? null;
    if (from === value) return [];
    if (value === null) return [{ op: 'remove', path }];
    return [{ op: from === null ? 'add' : 'replace', path, value }];
  });
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
