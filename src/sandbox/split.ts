import { at, isObject, type Json, type JsonObject, listAt, objectAt, textAt } from './json.ts';
import { fullHost, type ServiceSpec } from './mesh-spec.ts';
import { destinationRules, services, virtualServices } from './resources.ts';
import type { ObjectStore } from './store.ts';

/** One destination of the split as Envoy would see it. `labels` null: no such cluster (unknown host or subset). */
export type Arm = {
  name: string;
  weight: number;
  labels: JsonObject | null;
  /** The Service that its host names. */
  service: { name: string; namespace: string };
};

/**
 * The split that applies now to a plain request to a service: the weights of the first route that such a request
 * matches in the live VirtualService, with the pod labels each destination stands for. Without a VirtualService all
 * pods of the Service share the traffic. Weights are relative; a single destination takes everything.
 */
export function currentSplit(store: ObjectStore, service: ServiceSpec): Arm[] {
  const owner = store.list(virtualServices).find((object) => isFor(object, service));
  const { name, namespace: home } = service;
  const labels = serviceSelector(store, fullHost(service));
  const plain = [{ name, weight: 1, labels, service: { name, namespace: home } }];
  if (owner === undefined) return plain;
  const route = listAt(owner, 'spec', 'http').find(matchesPlainRequest);
  const routes = listAt(route, 'route');
  const namespace = textAt(owner, 'metadata', 'namespace');
  const arms = routes.map((one) => armOf(store, one, namespace));
  return arms.length === 1 ? arms.map((arm) => ({ ...arm, weight: 1 })) : arms;
}

function isFor(virtualService: JsonObject, service: ServiceSpec): boolean {
  const namespace = textAt(virtualService, 'metadata', 'namespace');
  const hosts = listAt(virtualService, 'spec', 'hosts').map((host) => qualified(String(host), namespace));
  return hosts.includes(fullHost(service));
}

/** A short name means a Service in the namespace of the object that uses it. */
function qualified(host: string, namespace: string): string {
  const [name, itsNamespace, ...rest] = host.split('.');
  if (itsNamespace === undefined) return `${name}.${namespace}.svc.cluster.local`;
  const isShort = rest.length === 0 || (rest.length === 1 && rest[0] === 'svc');
  return isShort ? `${name}.${itsNamespace}.svc.cluster.local` : host;
}

/** The simulated requests carry no special header and go to the path `/`. */
function matchesPlainRequest(route: Json): boolean {
  const matches = listAt(route, 'match');
  return matches.length === 0 || matches.some(isPlainMatch);
}

function isPlainMatch(match: Json): boolean {
  if (!isObject(match)) return false;
  const conditions = Object.keys(match).filter(
    (key) => !['name', 'port', 'gateways', 'ignoreUriCase'].includes(key),
  );
  return conditions.every((key) => key === 'uri' && textAt(match, 'uri', 'prefix') === '/');
}

function armOf(store: ObjectStore, route: Json, namespace: string): Arm {
  const weight = at(route, 'weight');
  const subset = textAt(route, 'destination', 'subset');
  const host = qualified(textAt(route, 'destination', 'host'), namespace);
  const labels = subset === '' ? serviceSelector(store, host) : subsetLabels(store, host, subset);
  const version = textAt(labels, 'version');
  const [service = host, home = namespace] = host.split('.');
  return {
    name: version || subset || service,
    weight: typeof weight === 'number' ? weight : 0,
    labels,
    service: { name: service, namespace: home },
  };
}

function serviceSelector(store: ObjectStore, host: string): JsonObject | null {
  const [name = '', namespace = ''] = host.split('.');
  const service = store.get({ type: services, namespace, name });
  return service === null ? null : objectAt(service, 'spec', 'selector');
}

function subsetLabels(store: ObjectStore, host: string, subset: string): JsonObject | null {
  const selector = serviceSelector(store, host);
  const rule = store
    .list(destinationRules)
    .find((one) => qualified(textAt(one, 'spec', 'host'), textAt(one, 'metadata', 'namespace')) === host);
  const found = listAt(rule, 'spec', 'subsets').find((one) => textAt(one, 'name') === subset);
  return selector === null || found === undefined ? null : { ...selector, ...objectAt(found, 'labels') };
}
