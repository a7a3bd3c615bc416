import type {
  Mesh,
  MeshFailure,
  MeshView,
  Readiness,
  Resolution,
  SplitView,
  WeightWrite,
  WriteOutcome,
} from '../rollout/ports/mesh.ts';
import type { Target, TargetRequest } from '../rollout/target.ts';
import { isSameShare } from '../rollout/units.ts';
import { type Cluster, findTarget, objectNameOf } from './find-target.ts';
import type { Kube, KubeRead } from './kube.ts';
import { readSplit, type Split } from './split.ts';
import { type Misshapen, readRoute, VirtualService } from './virtual-service.ts';
import { ownerOf, weightChanges, weightPatch } from './weight-patch.ts';
import { countReady, sharedLabels } from './workload.ts';

export type IstioOptions = {
  /** The cluster's DNS domain, in which short host names are completed. */
  clusterDomain: string;
};

type Ready = SplitView['readiness'];

/** The `Mesh` of one cluster with Istio. */
export function istioMesh(kube: Kube, { clusterDomain }: IstioOptions): Mesh {
  const cluster = { kube, clusterDomain };
  return {
    resolve: (request, signal) => resolve(cluster, request, signal),
    look: (target, signal) => look(cluster, target, signal),
    write: (target, view, write, signal) => writeShare(cluster, target, view, { write, signal }),
    preview: async (request, writes, signal) => {
      const found = await findTarget(cluster, request, signal);
      if (found.kind !== 'target') return found;
      const changes = weightChanges(found.roles, found.target.originalWeights, writes);
      return { kind: 'preview', changes };
    },
  };
}

async function resolve(cluster: Cluster, request: TargetRequest, signal: AbortSignal): Promise<Resolution> {
  const found = await findTarget(cluster, request, signal);
  if (found.kind !== 'target') return found;
  const readiness = await readReadiness(cluster.kube, found.target, signal);
  const stableReadyAtStart = readiness.stable.kind === 'known' ? readiness.stable.ready : null;
  return { kind: 'resolved', target: { ...found.target, stableReadyAtStart }, readiness };
}

async function look(cluster: Cluster, target: Target, signal: AbortSignal): Promise<MeshView> {
  const [read, readiness] = await Promise.all([
    cluster.kube.readVirtualService(objectNameOf(target), signal),
    readReadiness(cluster.kube, target, signal),
  ]);
  if (read.kind !== 'found') return read;
  const split = splitOf(cluster, read.value, target);
  return split.kind === 'shape' ? split : viewOf(read.value, split, readiness);
}

async function writeShare(
  cluster: Cluster,
  target: Target,
  view: SplitView,
  { write, signal }: { write: WeightWrite; signal: AbortSignal },
): Promise<WriteOutcome> {
  const seen = VirtualService.parse(view.snapshot);
  const split = splitOf(cluster, seen, target);
  if (split.kind === 'shape') return invalid(`${split.fault.path}: ${split.fault.message}`);
  const { stable, canary, canaryShare, foreign } = split;
  if (stable === null) return invalid(`the route has no destination with the subset ${target.stable.subset}`);
  if (canary === null && write.share > 0) {
    return invalid(`the route has no destination with the subset ${target.canary.subset}`);
  }
  const patch = weightPatch(seen, { stable, canary, canaryShare, foreign }, target, write);
  const written = await cluster.kube.patchVirtualService(objectNameOf(target), patch, signal);
  return written.kind === 'written' ? readBack(cluster, written.value, target, write) : written;
}

/** An answer of 200 counts only when its body shows the share and our epoch. */
function readBack(
  cluster: Cluster,
  written: VirtualService,
  target: Target,
  { share, rolloutId, epoch }: WeightWrite,
): WriteOutcome {
  const split = splitOf(cluster, written, target);
  const owner = ownerOf(written);
  const isOurs = owner?.rolloutId === rolloutId && owner.epoch === epoch;
  if (split.kind === 'split' && isSameShare(split.canaryShare, share) && isOurs) {
    return { kind: 'applied', canaryShare: split.canaryShare };
  }
  return { kind: 'ambiguous', why: 'the API server accepted the patch but answered with another state' };
}

async function readReadiness(
  kube: Kube,
  { service, stable, canary }: Target,
  signal: AbortSignal,
): Promise<Ready> {
  const shared = sharedLabels(stable.podLabels, canary.podLabels);
  const pods = await kube.listPods(service.namespace, shared, signal);
  if (pods.kind === 'found') {
    return {
      stable: countReady(pods.value, stable.podLabels),
      canary: countReady(pods.value, canary.podLabels),
    };
  }
  const unknown: Readiness = { kind: 'unknown', why: whyNot(pods) };
  return { stable: unknown, canary: unknown };
}

function whyNot(read: Exclude<KubeRead<never>, { kind: 'found' }>): string {
  return read.kind === 'missing' ? 'the cluster has no such list of pods' : read.why;
}

function splitOf(
  { clusterDomain }: Cluster,
  virtualService: VirtualService,
  target: Target,
): Split | Misshapen {
  const route = readRoute(virtualService, target.route, clusterDomain);
  return route.kind === 'shape' ? route : readSplit(route, target);
}

function viewOf(virtualService: VirtualService, split: Split, readiness: Ready): SplitView {
  return {
    kind: 'split',
    uid: virtualService.metadata.uid,
    snapshot: virtualService,
    canaryShare: split.canaryShare,
    hasStable: split.stable !== null,
    foreign: split.foreign,
    stableHasOtherRoutes: split.stableHasOtherRoutes,
    owner: ownerOf(virtualService),
    readiness,
    images: { stable: unreadImages, canary: unreadImages },
  };
}

const unreadImages = { kind: 'unknown', why: 'not read' } as const;

function invalid(why: string): MeshFailure {
  return { kind: 'unavailable', reason: 'invalid', why };
}
