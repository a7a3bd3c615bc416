import type { Arm } from '../../src/rollout/target.ts';
import { giveRoles, type Roles, readSplit, type Split } from '../../src/traffic/split.ts';
import { type Destination, readRoute, VirtualService } from '../../src/traffic/virtual-service.ts';
import type { PatchOperation } from '../../src/traffic/weight-patch.ts';

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

/** The roles of an object at rest with the canary v2; throws when there are none. */
export function rolesOf(virtualService: VirtualService, naming = bySubset): Roles {
  const route = readRoute(virtualService, '', clusterDomain);
  const { subset, host: name } = naming.arm('v2');
  const canary = subset === null ? { host: name } : { subset };
  const roles = route.kind === 'route' ? giveRoles(route, { canary }) : route;
  if (roles.kind === 'roles') return roles;
  throw new Error(roles.fault.message);
}

/** The split of v1 and v2 as it stands in the only route. */
export function standing(virtualService: VirtualService, naming = bySubset): Split & { stable: Destination } {
  const route = readRoute(virtualService, '', clusterDomain);
  if (route.kind === 'shape') throw new Error(route.fault.message);
  const split = readSplit(route, targetWith({ stable: 1, canary: 0 }, naming));
  if (split.stable === null) throw new Error('stable is gone');
  return { ...split, stable: split.stable };
}

/** A target for `payment` with stable v1 and canary v2. */
export function targetWith(originalWeights: { stable: number; canary: number | null }, naming = bySubset) {
  return { route: 'primary', stable: naming.arm('v1'), canary: naming.arm('v2'), originalWeights };
}

/** Applies a JSON Patch by the letter of RFC 6902 and leaves the object it is given alone. */
export function applyPatch(object: VirtualService, patch: PatchOperation[]): VirtualService {
  const root: Json = structuredClone(object);
  for (const operation of patch) applyOperation(root, operation);
  return VirtualService.parse(root);
}

function applyOperation(root: Json, operation: PatchOperation): void {
  const keys = operation.path.split('/').slice(1).map(unescapeKey);
  const last = keys.pop() ?? '';
  const parent = keys.reduce<unknown>((node, key) => childOf(node, key), root);
  if (!isObject(parent)) throw new Error(`${operation.path} has no parent`);
  if (operation.op !== 'add' && !(last in parent)) throw new Error(`${operation.path} is absent`);
  if (operation.op === 'remove') delete parent[last];
  else parent[last] = operation.value;
}

function unescapeKey(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~');
}

function childOf(node: unknown, key: string): unknown {
  return isObject(node) ? node[key] : undefined;
}

/** Arrays too: an index is a key. */
export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}
