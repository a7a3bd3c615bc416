import type { MeshFailure } from '../rollout/ports/mesh.ts';
import type { Arm, LocatedRequest, Selection, Target, TargetRequest } from '../rollout/target.ts';
import { qualifyHost, serviceOf } from './host.ts';
import type { Kube, KubeRead, ObjectName } from './kube.ts';
import { giveRoles, type Roles } from './split.ts';
import { type Destination, isMisshapen, type Misshapen, misshapen, readRoute } from './virtual-service.ts';
import { armOf, type Backing, distinctArms } from './workload.ts';

export type Cluster = { kube: Kube; clusterDomain: string };

type Refusal = { kind: 'missing' } | Misshapen | MeshFailure;

export type FoundTarget = { kind: 'target'; target: Target; roles: Roles };

/** Reads all that a rollout has to know of its target: the route, the roles, and what stands behind the destinations. */
export async function findTarget(
  cluster: Cluster,
  request: LocatedRequest,
  signal: AbortSignal,
): Promise<FoundTarget | Refusal> {
  const read = await cluster.kube.readVirtualService(objectNameOf(request), signal);
  if (read.kind !== 'found') return read;
  const route = readRoute(read.value, request.route ?? '', cluster.clusterDomain);
  if (route.kind === 'shape') return route;
  const roles = giveRoles(route, qualified(request, cluster.clusterDomain));
  if (roles.kind === 'shape') return roles;
  const arms = await findArms(cluster, roles, signal);
  if (arms.kind !== 'arms') return arms;
  const target: Target = {
    cluster: request.cluster,
    namespace: request.namespace,
    virtualService: request.virtualService,
    uid: read.value.metadata.uid,
    route: route.name,
    stable: arms.stable,
    canary: arms.canary,
    originalWeights: { stable: roles.stable.weight ?? 100, canary: roles.canary.weight },
    stableReadyAtStart: null,
  };
  return { kind: 'target', target, roles };
}

/** A person writes a host as the route does: short names are read in the VirtualService's namespace. */
function qualified(
  { namespace, stable, canary }: TargetRequest,
  clusterDomain: string,
): Pick<TargetRequest, 'stable' | 'canary'> {
  const complete = ({ host, subset }: Selection): Selection => ({
    subset,
    host: host === undefined ? undefined : qualifyHost(host, namespace, clusterDomain),
  });
  return { stable: stable && complete(stable), canary: canary && complete(canary) };
}

type Arms = { kind: 'arms'; stable: Arm; canary: Arm };

async function findArms(cluster: Cluster, roles: Roles, signal: AbortSignal): Promise<Arms | Refusal> {
  const ofStable = findBacking(cluster, roles.stable, signal);
  const isOneHost = roles.stable.host === roles.canary.host;
  const ofCanary = isOneHost ? ofStable : findBacking(cluster, roles.canary, signal);
  const [behindStable, behindCanary] = await Promise.all([ofStable, ofCanary]);
  if (behindStable.kind !== 'backing') return behindStable;
  if (behindCanary.kind !== 'backing') return behindCanary;
  const stable = armOf(roles.stable, behindStable, cluster.clusterDomain);
  if (isMisshapen(stable)) return stable;
  const canary = armOf(roles.canary, behindCanary, cluster.clusterDomain);
  return isMisshapen(canary) ? canary : distinctArms(roles, { stable, canary });
}

/** What stands behind a destination's host: a service, and the subsets of its DestinationRules where it names one. */
async function findBacking(
  { kube, clusterDomain }: Cluster,
  { host, subset, at }: Destination,
  signal: AbortSignal,
): Promise<({ kind: 'backing' } & Backing) | Refusal> {
  const refused = (why: string) => misshapen('service-not-found', [...at, 'destination', 'host'], why);
  const service = serviceOf(host, clusterDomain);
  if (service === null) {
    return refused(
      `${host} is no Kubernetes service, so its pods and metrics cannot be found: name a service of this cluster`,
    );
  }
  const { name, namespace } = service;
  const [read, rules] = await Promise.all([
    kube.readService(service, signal),
    subset === null ? noRules : kube.listDestinationRules(namespace, signal),
  ]);
  if (read.kind === 'missing') {
    return refused(
      `there is no service ${name} in the namespace ${namespace}: create it or correct the host`,
    );
  }
  if (read.kind !== 'found') return read;
  if (rules.kind !== 'found') return rules;
  const { selector = {} } = read.value.spec;
  if (Object.keys(selector).length > 0) return { kind: 'backing', service, selector, rules: rules.value };
  return refused(`the service ${name} has no selector, so its pods cannot be found: give it one`);
}

const noRules: KubeRead<Backing['rules']> = { kind: 'found', value: [] };

/** The VirtualService that a target or a request names. */
export function objectNameOf({
  namespace,
  virtualService,
}: Pick<TargetRequest, 'namespace' | 'virtualService'>): ObjectName {
  return { namespace, name: virtualService };
}
