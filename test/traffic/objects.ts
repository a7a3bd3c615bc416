import type { Arm, MovedRoute, RoutesAsked } from '../../src/rollout/target.ts';
import { applyJsonPatch } from '../../src/sandbox/json-patch.ts';
import { chooseRoutes } from '../../src/traffic/find-routes.ts';
import type { PatchOperation } from '../../src/traffic/patch-operation.ts';
import { giveRoles, type Roles } from '../../src/traffic/roles.ts';
import type { Route } from '../../src/traffic/route.ts';
import { type Moved, splitIn } from '../../src/traffic/split.ts';
import { type Misshapen, VirtualService } from '../../src/traffic/virtual-service.ts';
import { weightPatch } from '../../src/traffic/weight-patch.ts';

export const clusterDomain = 'cluster.local';
export const host = `payment.shop.svc.${clusterDomain}`;

type Json = { [name: string]: unknown };

/** A destination of the host `payment` in a route. */
export function destination(subset: string, weight?: number): Json {
  return { destination: { host: 'payment', subset }, ...(weight === undefined ? {} : { weight }) };
}

/** A destination that is the whole of a host. */
export function hostDestination(name: string, weight?: number): Json {
  return { destination: { host: name }, ...(weight === undefined ? {} : { weight }) };
}

/** A VirtualService `payment` in the namespace `shop` with these http routes. */
export function virtualServiceWith(http: unknown, metadata: Json = {}): VirtualService {
  return VirtualService.parse({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'payment', namespace: 'shop', uid: 'uid-1', resourceVersion: '41', ...metadata },
    spec: { hosts: ['payment'], ...(http === undefined ? {} : { http }) },
  });
}

/** One route named `primary` with these destinations and further fields. */
export function withRoute(destinations: unknown[], more: Json = {}): VirtualService {
  return virtualServiceWith([{ name: 'primary', route: destinations, ...more }]);
}

/** How the destinations of a route are told apart: each version is a subset of one host, or has a host of its own. */
export type Naming = {
  destination(version: string, weight?: number): Json;
  arm(version: string): Arm;
};

const podLabels = { app: 'payment' };

export const bySubset: Naming = {
  destination,
  arm: (version) => {
    const service = { name: 'payment', namespace: 'shop' };
    return { host, subset: version, service, version, podLabels };
  },
};

export const byHost: Naming = {
  destination: (version, weight) => hostDestination(`payment-${version}`, weight),
  arm: (version) => {
    const service = { name: `payment-${version}`, namespace: 'shop' };
    const full = `${service.name}.shop.svc.${clusterDomain}`;
    return { host: full, subset: null, service, version, podLabels };
  },
};

/** What was asked for; throws when it was refused. */
export function accepted<Found extends object>(found: Found | Misshapen): Found {
  if ('fault' in found) throw new Error(`${found.fault.path}: ${found.fault.message}`);
  return found;
}

/** The fault of what was refused; throws when it was not. */
export function faultIn(found: object | Misshapen): Misshapen['fault'] {
  if ('fault' in found) return found.fault;
  throw new Error('it was accepted');
}

/** The only route of an object, or the first of those that are asked for. */
export function routeOf(virtualService: VirtualService, asked: RoutesAsked = {}): Route {
  const [route] = accepted(chooseRoutes(virtualService, asked, clusterDomain));
  if (route === undefined) throw new Error('no route was chosen');
  return route;
}

/** The roles of an object at rest with the canary v2; throws when there are none. */
export function rolesOf(virtualService: VirtualService, naming = bySubset): Roles {
  const { subset, host: name } = naming.arm('v2');
  const canary = subset === null ? { host: name } : { subset };
  return accepted(giveRoles([routeOf(virtualService)], { canary }));
}

/** The patch of a write on top of what stands there; throws when it is refused. */
export function patchOf(
  virtualService: VirtualService,
  moved: Moved,
  write: Parameters<typeof weightPatch>[3],
): PatchOperation[] {
  const split = accepted(splitIn(virtualService, moved, clusterDomain));
  return accepted(weightPatch(virtualService, split, moved, write));
}

/** A target for `payment` with stable v1 and canary v2. */
export function targetWith(originalWeights: { stable: number; canary: number | null }, naming = bySubset) {
  const routes: MovedRoute[] = [
    { key: { kind: 'http', name: 'primary' }, original: { ...originalWeights, others: [] } },
  ];
  return { route: 'primary', routes, stable: naming.arm('v1'), canary: naming.arm('v2') };
}

/** Applies a JSON Patch as the API server does, and leaves the object it is given alone. */
export function applyPatch(object: VirtualService, patch: PatchOperation[]): VirtualService {
  const plain = JSON.parse(JSON.stringify(object));
  const result = applyJsonPatch(plain, JSON.stringify(patch));
  if (result.kind === 'patched') return VirtualService.parse(result.value);
  throw new Error(`the patch was not applied: ${JSON.stringify(result)}`);
}

/** Arrays too: an index is a key. */
export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}
