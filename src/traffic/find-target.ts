import type { MeshFailure } from '../rollout/ports/mesh.ts';
import {
  type Arm,
  type LocatedRequest,
  type RoutesAsked,
  routeLabel,
  type Target,
  type TargetRequest,
} from '../rollout/target.ts';
import { chooseObject, type FoundObject, qualified } from './choose-object.ts';
import { findCommonPod } from './common-pods.ts';
import { serviceOf } from './host.ts';
import type { Kube, KubeRead, ObjectName } from './kube.ts';
import type { Roles, Selected } from './roles.ts';
import { type Destination, isMisshapen, type Misshapen, misshapen } from './virtual-service.ts';
import { armOf, type Backing, distinctArms } from './workload.ts';

export type Cluster = { kube: Kube; clusterDomain: string };

export type Refusal = { kind: 'missing' } | Misshapen | MeshFailure;

/** `objects`: all of the target, the first one first. */
export type FoundTarget = { kind: 'target'; target: Target; objects: [FoundObject, ...FoundObject[]] };

/** Reads all that a rollout has to know of its target: the routes, the roles, and what stands behind the destinations. */
export async function findTarget(
  cluster: Cluster,
  request: LocatedRequest,
  signal: AbortSignal,
): Promise<FoundTarget | Refusal> {
  const { namespace, stable, canary } = request;
  const first = await findObject(
    cluster,
    request,
    qualified({ namespace, stable, canary }, cluster.clusterDomain),
    signal,
  );
  if (first.kind === 'shape' && request.also !== undefined) {
    return inObject(first, namespace, request.virtualService);
  }
  if (first.kind !== 'object') return first;
  const others = await findAlso(cluster, request, first.roles, signal);
  if (!Array.isArray(others)) return others;
  const arms = await findArms(cluster, first.roles, signal);
  if (arms.kind !== 'arms') return arms;
  const [moved] = first.object.routes;
  const target: Target = {
    cluster: request.cluster,
    ...first.object,
    route: moved === undefined ? '' : routeLabel(moved.key),
    also: others.map(({ object }) => object),
    stable: arms.stable,
    canary: arms.canary,
    stableReadyAtStart: null,
  };
  return { kind: 'target', target, objects: [first, ...others] };
}

/** Every other VirtualService of a request, with the roles that the first one has. */
async function findAlso(
  cluster: Cluster,
  { namespace: own, also = [] }: LocatedRequest,
  { stable, canary }: Roles,
  signal: AbortSignal,
): Promise<FoundObject[] | Refusal> {
  const found: FoundObject[] = [];
  for (const { namespace = own, ...asked } of also) {
    const other = await findObject(cluster, { namespace, ...asked }, { stable, canary }, signal);
    if (other.kind === 'shape') return inObject(other, namespace, asked.virtualService);
    if (other.kind === 'missing') return missingToo(namespace, asked.virtualService);
    if (other.kind !== 'object') return other;
    found.push(other);
  }
  return found;
}

/** A path alone does not say in which of several objects it is. */
function inObject({ fault }: Misshapen, namespace: string, name: string): Misshapen {
  return {
    kind: 'shape',
    fault: { ...fault, message: `VirtualService ${namespace}/${name}: ${fault.message}` },
  };
}

function missingToo(namespace: string, name: string): Misshapen {
  const message = `there is no VirtualService ${namespace}/${name}: create it, or take it out of target.also`;
  return misshapen('route-not-found', ['metadata', 'name'], message);
}

type Asked = RoutesAsked & Pick<TargetRequest, 'namespace' | 'virtualService'>;

/** Reads one VirtualService with its routes and roles; `selected` has qualified hosts. */
async function findObject(
  { kube, clusterDomain }: Cluster,
  asked: Asked,
  selected: Selected,
  signal: AbortSignal,
): Promise<FoundObject | { kind: 'missing' } | Misshapen | MeshFailure> {
  const read = await kube.readVirtualService(objectNameOf(asked), signal);
  return read.kind === 'found' ? chooseObject(read.value, asked, selected, clusterDomain) : read;
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
  if (isMisshapen(canary)) return canary;
  const arms = distinctArms(roles, { stable, canary });
  if (isMisshapen(arms)) return arms;
  return (await findCommonPod(cluster.kube, roles, arms, signal)) ?? arms;
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
      `${host} is no Kubernetes service, so its pods and metrics cannot be found: name a service of this cluster; for pods behind a ServiceEntry add a Service that selects them, and let the route name that`,
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
