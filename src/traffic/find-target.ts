import type { MeshFailure } from '../rollout/ports/mesh.ts';
import { objectName } from '../rollout/several.ts';
import {
  type LocatedRequest,
  type RoutesAsked,
  routeLabel,
  type Target,
  type TargetRequest,
} from '../rollout/target.ts';
import { chooseObject, type FoundObject, qualified } from './choose-object.ts';
import { findArms } from './find-arms.ts';
import type { Kube, ObjectName } from './kube.ts';
import type { Roles, Selected } from './roles.ts';
import { inObject, type Misshapen } from './virtual-service.ts';

export type Cluster = { kube: Kube; clusterDomain: string };

/** `name`: which of several is missing. */
export type Refusal = { kind: 'missing'; name?: string } | Misshapen | MeshFailure;

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
    return inObject(first, objectName(request));
  }
  if (first.kind !== 'object') return first;
  const others = await findAlso(cluster, request, first.roles, signal);
  if (!Array.isArray(others)) return others;
  const from = others.map(({ object }) => object.namespace);
  const arms = await findArms(cluster, first.roles, [namespace, ...from], signal);
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
  for (const { namespace = own, ...routes } of also) {
    const asked = { namespace, ...routes };
    const other = await findObject(cluster, asked, { stable, canary }, signal);
    if (other.kind === 'shape') return inObject(other, objectName(asked));
    if (other.kind === 'missing') return { ...other, name: objectName(asked) };
    if (other.kind !== 'object') return other;
    found.push(other);
  }
  return found;
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

/** The VirtualService that a target or a request names. */
export function objectNameOf({
  namespace,
  virtualService,
}: Pick<TargetRequest, 'namespace' | 'virtualService'>): ObjectName {
  return { namespace, name: virtualService };
}
