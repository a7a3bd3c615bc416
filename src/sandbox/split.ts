import { at, type Json, type JsonObject, listAt, objectAt, textAt } from './json.ts';
import { fullHost, type ServiceSpec } from './mesh-spec.ts';
import { destinationRules, services, virtualServices } from './resources.ts';
import { isTaken, plainRequest, type Sent } from './route-match.ts';
import type { ObjectStore } from './store.ts';

/** One destination of the split as Envoy would see it. `labels` null: no such cluster (unknown host or subset). */
export type Arm = {
  name: string;
  weight: number;
  labels: JsonObject | null;
  /** The Service that its host names. */
  service: { name: string; namespace: string };
};

/** A destination that gets copies of so many percent of the requests. */
type Mirror = { arm: Arm; percent: number };

/** Where a request goes: to one of the arms by their weights, and copies of it to the mirrors. */
export type Way = { arms: Arm[]; mirrors: Mirror[] };

/** The split that applies now to a plain request to a service. */
export function currentSplit(store: ObjectStore, service: ServiceSpec): Arm[] {
  return wayOf(store, { service, request: plainRequest }).arms;
}

/**
 * Where a request to a service goes now: by the first route that takes it in the live VirtualService (or in the one to
 * which that route delegates), with the pod labels each destination stands for. Without a VirtualService all pods of
 * the Service share the traffic. Weights are relative; a single destination takes everything.
 */
export function wayOf(store: ObjectStore, sent: Sent): Way {
  const { service } = sent;
  const owner = store.list(virtualServices).find((object) => isFor(object, service));
  const { name, namespace: home } = service;
  const labels = serviceSelector(store, fullHost(service));
  const plain = { name, weight: 1, labels, service: { name, namespace: home } };
  if (owner === undefined) return { arms: [plain], mirrors: [] };
  const { route, namespace } = findRoute(store, owner, sent);
  const arms = listAt(route, 'route').map((one) => armOf(store, one, namespace));
  const mirrors = mirrorsIn(route).map(({ destination, percent }) => ({
    arm: armOf(store, { destination }, namespace),
    percent,
  }));
  return { arms: arms.length === 1 ? arms.map((arm) => ({ ...arm, weight: 1 })) : arms, mirrors };
}

/** Short names in a route are read in the namespace of the object that has it. A delegate has no delegate. */
function findRoute(
  store: ObjectStore,
  owner: JsonObject,
  sent: Sent,
  mayDelegate = true,
): { route: Json | undefined; namespace: string } {
  const namespace = textAt(owner, 'metadata', 'namespace');
  for (const route of listAt(owner, 'spec', 'http')) {
    if (!isTaken(route, sent)) continue;
    if (at(route, 'delegate') === undefined) return { route, namespace };
    const found = mayDelegate ? findInDelegate(store, objectAt(route, 'delegate'), namespace, sent) : null;
    if (found !== null) return found;
  }
  return { route: undefined, namespace };
}

/** Istio leaves out a route whose delegate it does not find. */
function findInDelegate(
  store: ObjectStore,
  delegate: JsonObject,
  home: string,
  sent: Sent,
): ReturnType<typeof findRoute> | null {
  const namespace = textAt(delegate, 'namespace') || home;
  const object = store.get({ type: virtualServices, namespace, name: textAt(delegate, 'name') });
  const found = object === null ? null : findRoute(store, object, sent, false);
  return found === null || found.route === undefined ? null : found;
}

/** Without a percentage everything is mirrored. */
function mirrorsIn(route: Json | undefined): { destination: Json; percent: number }[] {
  const mirror = at(route, 'mirror');
  const percent = at(route, 'mirrorPercentage', 'value') ?? at(route, 'mirrorPercent') ?? 100;
  const several = listAt(route, 'mirrors').map((one) => ({
    destination: at(one, 'destination') ?? null,
    percent: Number(at(one, 'percentage', 'value') ?? 100),
  }));
  return mirror === undefined ? several : [{ destination: mirror, percent: Number(percent) }, ...several];
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
