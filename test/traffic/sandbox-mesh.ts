import { z } from 'zod';
import { type JsonObject, listAt, objectAt } from '../../src/sandbox/json.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import { type Sandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import {
  gatewayObject as gatewayNamed,
  virtualServiceObject as virtualServiceNamed,
} from '../contract/cluster-objects.ts';
import type { Where } from '../fakes/mesh.ts';

export const namespace = 'payment-prod';

/** A VirtualService for the sandbox's payment service with these weights by subset. */
export function virtualServiceObject(where: Where, weights: Record<string, number>): JsonObject {
  const { virtualService, namespace } = where;
  return {
    ...virtualServiceNamed(virtualService, weights),
    metadata: { name: virtualService, namespace },
  };
}

/** Another hand in the sandbox: it edits the object as `kubectl edit` would, keeping what it does not mean to change. */
export function edit(sandbox: Sandbox, where: Where, change: (object: JsonObject) => JsonObject): void {
  const object = sandbox.store.get(keyOf(where));
  if (object === null) throw new Error(`the sandbox has no ${where.virtualService}`);
  storeObject(sandbox.store, change(structuredClone(object)));
}

/** The weights as they stand, in the order of the only route; null where none is written. */
export function weightsOf(sandbox: Sandbox, where: Where): (number | null)[] {
  const [route] = Spec.parse(sandbox.store.get(keyOf(where))).spec.http;
  return route.route.map(({ weight = null }) => weight);
}

const Spec = z.object({
  spec: z.object({
    http: z.tuple([z.object({ route: z.array(z.object({ weight: z.number().optional() })) })]),
  }),
});

/** The http routes as they stand. */
export function httpOf(sandbox: Sandbox, where: Where): JsonObject[] {
  return listAt(sandbox.store.get(keyOf(where)) ?? {}, 'spec', 'http').map((route) => objectAt(route));
}

/** The spec as it stands. */
export function specOf(sandbox: Sandbox, where: Where): JsonObject {
  return objectAt(sandbox.store.get(keyOf(where)) ?? {}, 'spec');
}

export function remove(sandbox: Sandbox, where: Where): void {
  sandbox.store.remove(keyOf(where));
}

function keyOf(where: Where) {
  return { type: virtualServices, namespace: where.namespace, name: where.virtualService };
}

/** The VirtualService of a gateway in any namespace, which names the sandbox's payment service by its whole name. */
export function gatewayObject(where: Where, weights: Record<string, number>): JsonObject {
  const object = gatewayNamed(where.virtualService, weights, namespace);
  return { ...object, metadata: { name: where.virtualService, namespace: where.namespace } };
}

/** Takes from canaryd the right to patch VirtualServices anywhere else. */
export function mayWriteOnlyIn({ users }: Sandbox, namespaces: readonly string[]): void {
  const user = users.find(({ name }) => name === 'canaryd');
  if (user === undefined) throw new Error('the sandbox has no user canaryd');
  const looking = { verbs: ['get', 'list', 'watch'], groups: ['*'], resources: ['*'] };
  const routing = {
    verbs: ['patch'],
    groups: ['networking.istio.io'],
    resources: ['virtualservices'],
    namespaces,
  };
  users.splice(users.indexOf(user), 1, { ...user, rules: [looking, routing] });
}
