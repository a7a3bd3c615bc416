import type { MeshFailure } from '../rollout/ports/mesh.ts';
import { ServiceName } from '../rollout/units.ts';
import type { ServiceEntry } from './cluster-objects.ts';
import { qualifyHost } from './host.ts';
import type { Kube, KubeRead } from './kube.ts';

/**
 * The one ServiceEntry that lists a host. `host` is how it is written there, which is what Istio's metrics name the
 * service by; `podLabels` is null where it selects no pods. `endpoints` tells two hosts apart that have the same ones:
 * null where a host is looked up in the DNS by its own name.
 */
export type FoundEntry = {
  kind: 'entry';
  service: { name: string; namespace: string };
  podLabels: Record<string, string> | null;
  endpoints: string | null;
};

/** A qualified host, and the namespaces of the VirtualServices that send to it. */
export type SoughtHost = { host: string; from: [string, ...string[]]; clusterDomain: string };

type Refused = { kind: 'refused'; why: string };
/** `why` is the second half of a sentence, which says how it is sure. */
type NotListed = { kind: 'notListed'; why: string };

/**
 * Finds the ServiceEntry of a host among those of all namespaces or, where these may not be listed, of the first that
 * the host is sought from. A host that is listed twice, or behind which a weight would change nothing, is refused with
 * the reason.
 */
export async function findServiceEntry(
  kube: Pick<Kube, 'listServiceEntries'>,
  sought: SoughtHost,
  signal: AbortSignal,
): Promise<FoundEntry | Refused | NotListed | MeshFailure> {
  const [own] = sought.from;
  const all = await kube.listServiceEntries(null, signal);
  const read = isForbidden(all) ? await kube.listServiceEntries(own, signal) : all;
  if (isForbidden(read)) return { kind: 'notListed', why: mayNotList(own) };
  if (read.kind === 'unavailable') return read;
  const entries = read.kind === 'found' ? read.value : [];
  const listing = entries.filter((entry) => hostIn(entry, sought) !== null);
  const visible = listing.filter((entry) => hiddenFrom(entry, sought) === null);
  const [only, second] = visible;
  if (only === undefined) return notVisible(sought, { entries, listing, isComplete: all === read });
  if (second !== undefined) return refused(listedTwice(only, second));
  return entryOf(only, sought);
}

function entryOf(entry: ServiceEntry, sought: SoughtHost): FoundEntry | Refused {
  const { metadata, spec } = entry;
  const name = hostIn(entry, sought) ?? '';
  if (name.startsWith('*')) return refused(wildcard(entry, name));
  if (!ServiceName.safeParse(name).success) return refused(noHost(entry, name));
  if ((spec.resolution ?? 'NONE') === 'NONE') return refused(unresolved(entry));
  const labels = spec.workloadSelector?.labels ?? {};
  const podLabels = Object.keys(labels).length > 0 ? labels : null;
  const endpoints = podLabels !== null || (spec.endpoints ?? []).length > 0 ? called(entry) : null;
  return { kind: 'entry', service: { name, namespace: metadata.namespace }, podLabels, endpoints };
}

/**
 * How a ServiceEntry writes the host; null when it does not list it. A name without a dot is none that Istio could look
 * up: a route's own is completed to a service of the cluster.
 */
function hostIn({ metadata, spec }: ServiceEntry, { host, clusterDomain }: SoughtHost): string | null {
  const isIt = (one: string) =>
    one.includes('.') && qualifyHost(one, metadata.namespace, clusterDomain) === host;
  return spec.hosts.find(isIt) ?? null;
}

/** The first namespace to which it is not exported: https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntry-export_to */
function hiddenFrom({ metadata, spec }: ServiceEntry, { from }: SoughtHost): string | null {
  const exportTo = spec.exportTo ?? [];
  if (exportTo.length === 0 || exportTo.includes('*')) return null;
  const own = exportTo.includes('.') ? [metadata.namespace] : [];
  return from.find((namespace) => ![...own, ...exportTo].includes(namespace)) ?? null;
}

function isForbidden(read: KubeRead<unknown>): boolean {
  return read.kind === 'unavailable' && read.reason === 'forbidden';
}

function refused(why: string): Refused {
  return { kind: 'refused', why };
}

function called({ metadata }: ServiceEntry): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function mayNotList(namespace: string): string {
  return `whether a ServiceEntry lists it is not known: allow canaryd to list serviceentries (networking.istio.io) in ${namespace}, or name a service`;
}

type Read = { entries: ServiceEntry[]; listing: ServiceEntry[]; isComplete: boolean };

function notVisible(
  sought: SoughtHost,
  { entries, listing: [hidden], isComplete }: Read,
): Refused | NotListed {
  const { host, from } = sought;
  if (hidden !== undefined) return refused(notExported(hidden, hiddenFrom(hidden, sought) ?? from[0]));
  const covering = entries.find(({ spec }) => spec.hosts.some((one) => covers(one, host)));
  if (covering !== undefined) return refused(coveredOnly(covering, host));
  if (isComplete) {
    return { kind: 'notListed', why: 'no ServiceEntry lists it: add one, or correct the host' };
  }
  const why = `no ServiceEntry of the namespace ${from[0]} lists it: add one or correct the host or, where another namespace has it, allow canaryd to list serviceentries (networking.istio.io) in all namespaces`;
  return { kind: 'notListed', why };
}

function notExported(entry: ServiceEntry, namespace: string): string {
  return `the ServiceEntry ${called(entry)} lists the host and is not exported to ${namespace}: add ${namespace} to its exportTo`;
}

function coveredOnly(entry: ServiceEntry, host: string): string {
  return `the ServiceEntry ${called(entry)} lists ${host} by a wildcard only: add the host itself to its spec.hosts`;
}

function covers(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') && host.endsWith(pattern.slice(1).toLowerCase());
}

function listedTwice(one: ServiceEntry, other: ServiceEntry): string {
  return `the ServiceEntries ${called(one)} and ${called(other)} both list the host, so that it is not known whose endpoints get the requests, and whose namespace the metrics name: keep one of them, or export each to its own namespace`;
}

function wildcard(entry: ServiceEntry, name: string): string {
  return `${name} is a wildcard of the ServiceEntry ${called(entry)}, so that its metrics cannot be told from those of other hosts: list the host itself, and name it in the route`;
}

function noHost(entry: ServiceEntry, name: string): string {
  return `the ServiceEntry ${called(entry)} lists "${name.slice(0, 80)}", which is no host name of at most 253 characters, so that it is not put into a query: correct it`;
}

/** https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntry-Resolution */
function unresolved(entry: ServiceEntry): string {
  return `the ServiceEntry ${called(entry)} has the resolution NONE, with which requests go to the address that the caller looked up, whatever the weights: set it to DNS or STATIC`;
}
