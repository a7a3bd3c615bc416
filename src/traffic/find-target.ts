import type { MeshFailure } from '../rollout/ports/mesh.ts';
import type { Arm, Target, TargetRequest } from '../rollout/target.ts';
import { serviceOf } from './host.ts';
import type { Kube, ObjectName } from './kube.ts';
import { giveRoles, type Roles } from './split.ts';
import { isMisshapen, type Misshapen, misshapen, readRoute } from './virtual-service.ts';
import { armOf } from './workload.ts';

export type Cluster = { kube: Kube; clusterDomain: string };

type Refusal = { kind: 'missing' } | Misshapen | MeshFailure;

export type FoundTarget = { kind: 'target'; target: Target; roles: Roles };

/** Reads all that a rollout has to know of its target: the route, the roles, and what stands behind the destinations. */
export async function findTarget(
  cluster: Cluster,
  request: TargetRequest,
  signal: AbortSignal,
): Promise<FoundTarget | Refusal> {
  const read = await cluster.kube.readVirtualService(objectNameOf(request), signal);
  if (read.kind !== 'found') return read;
  const route = readRoute(read.value, request.route ?? '', cluster.clusterDomain);
  if (route.kind === 'shape') return route;
  const roles = giveRoles(route, request);
  if (roles.kind === 'shape') return roles;
  const backing = await findBacking(cluster, roles, signal);
  if (backing.kind !== 'backing') return backing;
  const target: Target = {
    cluster: request.cluster,
    namespace: request.namespace,
    virtualService: request.virtualService,
    uid: read.value.metadata.uid,
    route: route.name,
    service: backing.service,
    stable: backing.stable,
    canary: backing.canary,
    originalWeights: { stable: roles.stable.weight ?? 100, canary: roles.canary.weight },
    stableReadyAtStart: null,
  };
  return { kind: 'target', target, roles };
}

type Backing = { kind: 'backing'; service: Target['service']; stable: Arm; canary: Arm };

/** What stands behind the two destinations: one service, and the subsets of its DestinationRules. */
async function findBacking(
  { kube, clusterDomain }: Cluster,
  roles: Roles,
  signal: AbortSignal,
): Promise<Backing | Refusal> {
  const at = [...roles.stable.at, 'destination', 'host'];
  const { host } = roles.stable;
  const service = serviceOf(host, clusterDomain);
  if (service === null) {
    const message = `${host} is no Kubernetes service, so its pods and metrics cannot be found: name a service of this cluster`;
    return misshapen('service-not-found', at, message);
  }
  const [read, rules] = await Promise.all([
    kube.readService(service, signal),
    kube.listDestinationRules(service.namespace, signal),
  ]);
  if (read.kind === 'missing') {
    const message = `there is no service ${service.name} in the namespace ${service.namespace}: create it or correct the host`;
    return misshapen('service-not-found', at, message);
  }
  if (read.kind !== 'found') return read;
  if (rules.kind !== 'found') return rules;
  const selector = read.value.spec.selector ?? {};
  if (Object.keys(selector).length === 0) {
    const message = `the service ${service.name} has no selector, so its pods cannot be found: give it one`;
    return misshapen('service-not-found', at, message);
  }
  const stable = armOf(roles.stable, rules.value, selector, clusterDomain);
  if (isMisshapen(stable)) return stable;
  const canary = armOf(roles.canary, rules.value, selector, clusterDomain);
  if (isMisshapen(canary)) return canary;
  return findOverlap(roles, stable, canary) ?? { kind: 'backing', service, stable, canary };
}

function findOverlap(roles: Roles, stable: Arm, canary: Arm): Misshapen | null {
  if (stable.version !== canary.version) return null;
  const message = `both subsets select the version ${canary.version}, so their metrics cannot be told apart: give each its own`;
  return misshapen('unsupported-shape', [...roles.canary.at, 'destination', 'subset'], message);
}

/** The VirtualService that a target or a request names. */
export function objectNameOf({
  namespace,
  virtualService,
}: Pick<TargetRequest, 'namespace' | 'virtualService'>): ObjectName {
  return { namespace, name: virtualService };
}
