import type { MeshFailure } from '../rollout/ports/mesh.ts';
import type { Arm } from '../rollout/target.ts';
import { findCommonPod } from './common-pods.ts';
import { type ServiceName, serviceOf } from './host.ts';
import type { Kube, KubeRead } from './kube.ts';
import type { Roles } from './roles.ts';
import { findServiceEntry, type SoughtHost } from './service-entry.ts';
import { type Destination, isMisshapen, type Misshapen, misshapen } from './virtual-service.ts';
import { armOf, type Backing, distinctArms } from './workload.ts';

type Cluster = { kube: Kube; clusterDomain: string };
type Refusal = { kind: 'missing' } | Misshapen | MeshFailure;
type Arms = { kind: 'arms'; stable: Arm; canary: Arm };

/**
 * Finds the pods and the metrics behind the two destinations, each a service or a host of a ServiceEntry. `from`: the
 * namespaces of the VirtualServices.
 */
export async function findArms(
  cluster: Cluster,
  roles: Roles,
  from: SoughtHost['from'],
  signal: AbortSignal,
): Promise<Arms | Refusal> {
  const find = (destination: Destination) => findBacking(cluster, destination, from, signal);
  const ofStable = find(roles.stable);
  const isOneHost = roles.stable.host === roles.canary.host;
  const ofCanary = isOneHost ? ofStable : find(roles.canary);
  const [behindStable, behindCanary] = await Promise.all([ofStable, ofCanary]);
  if (behindStable.kind !== 'backing') return behindStable;
  if (behindCanary.kind !== 'backing') return behindCanary;
  if (!isOneHost && isOneList(behindStable, behindCanary)) return sameEndpoints(roles, behindCanary);
  const stable = armOf(roles.stable, behindStable, cluster.clusterDomain);
  if (isMisshapen(stable)) return stable;
  const canary = armOf(roles.canary, behindCanary, cluster.clusterDomain);
  if (isMisshapen(canary)) return canary;
  const arms = distinctArms(roles, { stable, canary });
  if (isMisshapen(arms)) return arms;
  return (await findCommonPod(cluster.kube, roles, arms, signal)) ?? arms;
}

/** `endpoints`: whose list of endpoints it is, where a ServiceEntry has one. */
type Behind = { kind: 'backing'; endpoints: string | null } & Backing;

function isOneList({ endpoints }: Behind, other: Behind): boolean {
  return endpoints !== null && endpoints === other.endpoints;
}

function sameEndpoints({ canary }: Roles, { endpoints }: Behind): Misshapen {
  const message = `the ServiceEntry ${endpoints} has one list of endpoints for both hosts, so that a weight would move nothing: give each host a ServiceEntry of its own`;
  return misshapen('unsupported-shape', [...canary.at, 'destination', 'host'], message);
}

/** What stands behind a destination's host, a service or a host of a ServiceEntry, and the subsets where it names one. */
async function findBacking(
  cluster: Cluster,
  destination: Destination,
  from: SoughtHost['from'],
  signal: AbortSignal,
): Promise<Behind | Refusal> {
  const { host, at } = destination;
  const { kube, clusterDomain } = cluster;
  const service = serviceOf(host, clusterDomain);
  const found = service === null ? null : await findService(kube, destination, service, signal);
  if (found !== null) return found;
  const none =
    service === null
      ? `${host} is no Kubernetes service of this cluster`
      : `there is no service ${service.name} in the namespace ${service.namespace}`;
  const entry = await findServiceEntry(kube, { host, from, clusterDomain }, signal);
  if (entry.kind === 'unavailable') return entry;
  const path = [...at, 'destination', 'host'];
  if (entry.kind === 'notListed') return misshapen('service-not-found', path, `${none}, and ${entry.why}`);
  if (entry.kind === 'refused') return misshapen('service-not-found', path, entry.why);
  const rules = await rulesOf(kube, destination, [entry.service.namespace, ...from], signal);
  if (rules.kind !== 'found') return rules;
  const { service: named, podLabels: selector, endpoints } = entry;
  return { kind: 'backing', service: named, selector, rules: rules.value, endpoints };
}

/** Null when there is no such service. */
async function findService(
  kube: Kube,
  destination: Destination,
  service: ServiceName,
  signal: AbortSignal,
): Promise<Behind | Refusal | null> {
  const [read, rules] = await Promise.all([
    kube.readService(service, signal),
    rulesOf(kube, destination, [service.namespace], signal),
  ]);
  if (read.kind === 'missing') return null;
  if (read.kind !== 'found') return read;
  if (rules.kind !== 'found') return rules;
  const { selector = {} } = read.value.spec;
  if (Object.keys(selector).length > 0) {
    return { kind: 'backing', service, selector, rules: rules.value, endpoints: null };
  }
  const why = `the service ${service.name} has no selector, so its pods cannot be found: give it one`;
  return misshapen('service-not-found', [...destination.at, 'destination', 'host'], why);
}

/** The DestinationRules of these namespaces, where a destination names a subset. */
async function rulesOf(
  kube: Kube,
  { subset }: Destination,
  namespaces: string[],
  signal: AbortSignal,
): Promise<KubeRead<Backing['rules']>> {
  if (subset === null) return { kind: 'found', value: [] };
  const asked = [...new Set(namespaces)].map((one) => kube.listDestinationRules(one, signal));
  const reads = await Promise.all(asked);
  const failed = reads.find(({ kind }) => kind !== 'found');
  const value = reads.flatMap((read) => (read.kind === 'found' ? read.value : []));
  return failed ?? { kind: 'found', value };
}
