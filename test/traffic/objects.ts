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

/** The roles of an object at rest; throws when there are none. */
export function rolesOf(virtualService: VirtualService): Roles {
  const route = readRoute(virtualService, '', clusterDomain);
  const roles = route.kind === 'route' ? giveRoles(route, { canary: { subset: 'v2' } }) : route;
  if (roles.kind === 'roles') return roles;
  throw new Error(roles.fault.message);
}

/** The split of v1 and v2 as it stands in the only route. */
export function standing(virtualService: VirtualService): Split & { stable: Destination } {
  const route = readRoute(virtualService, '', clusterDomain);
  if (route.kind === 'shape') throw new Error(route.fault.message);
  const split = readSplit(route, targetWith({ stable: 1, canary: 0 }));
  if (split.stable === null) throw new Error('stable is gone');
  return { ...split, stable: split.stable };
}

/** A target for `payment` with stable v1 and canary v2. */
export function targetWith(originalWeights: { stable: number; canary: number | null }) {
  const arm = (subset: string) => ({ host, subset, version: subset, podLabels: { app: 'payment' } });
  return { route: 'primary', stable: arm('v1'), canary: arm('v2'), originalWeights };
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
