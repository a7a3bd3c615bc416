import type { Judgement, ObjectRef } from '../finding.ts';
import { completeHost } from '../hosts.ts';
import { refTo, unknown } from '../judgement.ts';
import type { VirtualService } from '../objects.ts';
import type { Arm, RouteKey, Subject } from '../snapshot.ts';

export type Entry = NonNullable<VirtualService['spec']['http']>[number];
export type Destination = NonNullable<Entry['route']>[number];
type Protocol = RouteKey['kind'];

/** A route that a rollout moves, in the object where it stands. */
export type Moved = {
  object: VirtualService;
  key: RouteKey;
  index: number;
  entry: Entry;
  /** Such as `spec.http[0]`. */
  path: string;
  /** For sentences: `the route "primary" of payment-prod/payment-service`. */
  called: string;
};

/** Judges the routes that are moved, or says which of them is not there. */
export function judgeMoved(
  objects: readonly VirtualService[],
  { virtualServices }: Pick<Subject, 'virtualServices'>,
  judge: (moved: Moved[]) => Judgement[],
): Judgement[] {
  const found = virtualServices.flatMap(({ namespace, name, routes }) => {
    const object = objects.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
    return routes.map((key) => findMoved(object, key) ?? calledRoute(key, `${namespace}/${name}`));
  });
  const moved = found.flatMap((one) => (typeof one === 'string' ? [] : [one]));
  const lost = found.filter((one) => typeof one === 'string');
  const mend = 'mend PF-VS-01 first: the route has to stand where the target names it';
  return lost.length > 0 ? lost.map((one) => unknown(`${one} was not found`, mend)) : judge(moved);
}

/** The routes of an object that are moved, as far as they stand in it. */
export function movedIn(
  object: VirtualService,
  { virtualServices }: Pick<Subject, 'virtualServices'>,
): Moved[] {
  const { namespace, name } = object.metadata;
  const own = virtualServices.filter((one) => one.namespace === namespace && one.name === name);
  return own.flatMap(({ routes }) => routes.flatMap((key) => findMoved(object, key) ?? []));
}

function findMoved(object: VirtualService | undefined, key: RouteKey): Moved | null {
  if (object === undefined) return null;
  const entries = object.spec[key.kind] ?? [];
  const index = entries.indexOf(entryOf(entries, key) ?? {});
  const entry = entries[index];
  if (entry === undefined) return null;
  const { namespace, name } = object.metadata;
  const path = `spec.${key.kind}[${index}]`;
  return { object, key, index, entry, path, called: calledRoute(key, `${namespace}/${name}`) };
}

function entryOf(entries: readonly Entry[], key: RouteKey): Entry | undefined {
  if (key.kind !== 'http') return entries.find((entry) => isStream(entry, key));
  if (key.name !== '') return entries.find(({ name }) => name === key.name);
  const theirs = entries.filter(({ name, route }) => !isManaged(name) && (route ?? []).length > 0);
  return theirs.length === 1 ? theirs[0] : theirs.find(({ name }) => !name);
}

/** Routes that canaryd puts there itself while a plan says so. */
export function isManaged(name: string | null | undefined): boolean {
  return name?.startsWith('canaryd-') === true;
}

function isStream(entry: Entry, key: Exclude<RouteKey, { kind: 'http' }>): boolean {
  const match = entry.match ?? [];
  const ports = match.flatMap(({ port }) => port ?? []);
  const hasPort = key.port === null ? ports.length === 0 : ports.includes(key.port);
  if (key.kind === 'tcp') return hasPort;
  const hosts = new Set(match.flatMap(({ sniHosts }) => sniHosts ?? []).map((one) => one.toLowerCase()));
  return hasPort && hosts.size === key.sniHosts.length && key.sniHosts.every((one) => hosts.has(one));
}

function calledRoute(key: RouteKey, object: string): string {
  const names: Record<Protocol, string> = {
    http:
      key.kind === 'http' && key.name !== '' ? `the route "${key.name}"` : 'the http route without a name',
    tls: `the tls route${key.kind === 'tls' ? ` of ${key.sniHosts.join(', ') || 'all names'}` : ''}`,
    tcp: `the tcp route${key.kind === 'tcp' && key.port !== null ? ` of port ${key.port}` : ''}`,
  };
  return `${names[key.kind]} of ${object}`;
}

/** Where a destination of an object's route goes, completed as Istio does. */
export function hostOf({ destination }: Destination, object: VirtualService, clusterDomain: string): string {
  return completeHost(destination?.host ?? '', object.metadata.namespace ?? '', clusterDomain);
}

/**
 * The destination of an arm in a route, with its index. Its host may be written in a form that Kubernetes' DNS completes
 * and Istio does not: which one is meant is clear all the same.
 */
export function destinationOf(
  { entry, object }: Pick<Moved, 'entry' | 'object'>,
  arm: Pick<Arm, 'host' | 'subset'>,
): { destination: Destination; index: number } | null {
  const names = namesOfHost(arm.host, object.metadata.namespace ?? '');
  const all = entry.route ?? [];
  const index = all.findIndex(
    ({ destination }) =>
      destination != null &&
      names.has(destination.host.toLowerCase().replace(/\.$/, '')) &&
      (destination.subset || null) === arm.subset,
  );
  const destination = all[index];
  return destination === undefined ? null : { destination, index };
}

function namesOfHost(host: string, from: string): Set<string> {
  const [name = '', namespace = '', svc] = host.split('.');
  if (svc !== 'svc') return new Set([host]);
  const short = namespace === from ? [name] : [];
  return new Set([host, `${name}.${namespace}`, `${name}.${namespace}.svc`, ...short]);
}

/** The canary's share of what both arms get, in percent to 0.01. A sole destination gets everything, whatever its weight. */
export function canaryShareOf(moved: Moved, { stable, canary }: Pick<Subject, 'stable' | 'canary'>): number {
  const found = destinationOf(moved, canary);
  if (found === null) return 0;
  if (moved.entry.route?.length === 1) return 100;
  const weight = found.destination.weight ?? 0;
  const total = weight + (destinationOf(moved, stable)?.destination.weight ?? 0);
  if (weight === 0 || weight === total) return weight === 0 ? 0 : 100;
  return Math.min(Math.max(Math.round((weight / total) * 10_000) / 100, 0.01), 99.99);
}

/** For sentences: the subset of an arm or, where it has none, its host. */
export function armName({ host, subset }: Pick<Arm, 'host' | 'subset'>): string {
  return subset ?? host;
}

export function refToMoved({ object }: Pick<Moved, 'object'>): ObjectRef {
  return refTo('VirtualService', object.metadata);
}

/** `kubectl -n payment-prod edit virtualservice payment-service`. */
export function editing({ object }: Pick<Moved, 'object'>, verb = 'edit'): string {
  const { namespace, name } = object.metadata;
  return `kubectl -n ${namespace} ${verb} virtualservice ${name}`;
}
