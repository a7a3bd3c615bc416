import { type ManagedRoute, managedName, managedPrefix } from '../rollout/managed-route.ts';
import { type Edit, editsBetween, type Listed } from './list-edits.ts';
import { followingWeights, type Preceded, weightsTo } from './managed-mirrors.ts';
import type { PatchOperation } from './patch-operation.ts';
import { destinationsOf, type HttpRoute, httpOf, isManaged, managedNameOf, weighted } from './raw-routes.ts';
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
  if (wanted === null) return followingWeights(http, preceded);
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

function namesOf(wanted: readonly ManagedRoute[]): string {
  return wanted.map(({ name }) => name).join(', ');
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
