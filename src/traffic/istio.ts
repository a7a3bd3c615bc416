import type {
  Mesh,
  MeshFailure,
  MeshView,
  Resolution,
  SplitView,
  WeightWrite,
  WriteOutcome,
} from '../rollout/ports/mesh.ts';
import type { Arm, LocatedRequest, Target } from '../rollout/target.ts';
import { isSameShare } from '../rollout/units.ts';
import { type Cluster, findTarget, objectNameOf } from './find-target.ts';
import type { Kube } from './kube.ts';
import { type Behind, readPods } from './pods.ts';
import { readSplit, type Split } from './split.ts';
import { survey } from './survey.ts';
import { type Misshapen, nameOf, readRoute, VirtualService } from './virtual-service.ts';
import type { LookReads, WatchedKube } from './watched-kube.ts';
import { ownerOf, rolledBackIn, weightChanges, weightPatch } from './weight-patch.ts';

export type IstioOptions = {
  /** The cluster's DNS domain, in which short host names are completed. */
  clusterDomain: string;
  /** What is known of the cluster by watching; without it every look reads. */
  watched?: WatchedKube;
};

/** The `Mesh` of one cluster with Istio. */
export function istioMesh(kube: Kube, { clusterDomain, watched }: IstioOptions): Mesh {
  const cluster: Watching = { kube, clusterDomain, watched };
  return {
    resolve: (request, signal) => resolve(cluster, request, signal),
    look: async (target, signal, options) => {
      const recent = options?.recent === true ? await lookAtWatched(cluster, target, signal) : null;
      return recent ?? look(cluster, target, { reads: options?.urgent ? kube.urgent : kube, signal });
    },
    survey: (name, signal) => survey(cluster, name, signal),
    write: (target, view, write, signal) => writeShare(cluster, target, view, { write, signal }),
    preview: async (request, writes, signal) => {
      const found = await findTarget(cluster, request, signal);
      if (found.kind !== 'target') return found;
      const changes = weightChanges(found.roles, found.target.originalWeights, writes);
      return { kind: 'preview', changes };
    },
  };
}

async function resolve(cluster: Cluster, request: LocatedRequest, signal: AbortSignal): Promise<Resolution> {
  const found = await findTarget(cluster, request, signal);
  if (found.kind !== 'target') return found;
  const { readiness } = await readPods(cluster.kube, found.target, signal);
  const stableReadyAtStart = readiness.stable.kind === 'known' ? readiness.stable.ready : null;
  return { kind: 'resolved', target: { ...found.target, stableReadyAtStart }, readiness };
}

type Watching = Cluster & { watched: WatchedKube | undefined };

/** A view of what a watch has told; null where that does not tell all that a look would read. */
async function lookAtWatched(
  cluster: Watching,
  target: Target,
  signal: AbortSignal,
): Promise<SplitView | null> {
  const pods = new Set([target.stable, target.canary].map(({ service }) => service.namespace));
  const reads = cluster.watched?.recent({ virtualService: target.namespace, pods: [...pods] });
  if (!reads) return null;
  const view = await look(cluster, target, { reads, signal });
  if (view.kind !== 'split') return null;
  const { readiness, images } = view;
  const parts = [readiness.stable, readiness.canary, images.stable, images.canary];
  return parts.every(({ kind }) => kind === 'known') ? { ...view, recent: true } : null;
}

async function look(
  cluster: Cluster,
  target: Target,
  { reads, signal }: { reads: LookReads; signal: AbortSignal },
): Promise<MeshView> {
  const [read, behind] = await Promise.all([
    reads.readVirtualService(objectNameOf(target), signal),
    readPods(reads, target, signal),
  ]);
  if (read.kind !== 'found') return read;
  const split = splitOf(cluster, read.value, target);
  return split.kind === 'shape' ? split : viewOf(read.value, split, behind);
}

async function writeShare(
  cluster: Watching,
  target: Target,
  view: SplitView,
  { write, signal }: { write: WeightWrite; signal: AbortSignal },
): Promise<WriteOutcome> {
  const seen = VirtualService.parse(view.snapshot);
  const split = splitOf(cluster, seen, target);
  if (split.kind === 'shape') return invalid(`${split.fault.path}: ${split.fault.message}`);
  const { stable, canary, canaryShare, foreign } = split;
  const gone = (arm: Arm) =>
    invalid(`the route has no destination ${nameOf(arm, [target.stable, target.canary])}`);
  if (stable === null) return gone(target.stable);
  if (canary === null && write.share > 0) return gone(target.canary);
  const patch = weightPatch(seen, { stable, canary, canaryShare, foreign }, target, write);
  const { patchVirtualService } = write.share === 0 ? cluster.kube.urgent : cluster.kube;
  const written = await patchVirtualService(objectNameOf(target), patch, signal);
  if (written.kind !== 'written') return written;
  cluster.watched?.wrote(written.value);
  return readBack(cluster, written.value, target, write);
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

function splitOf(
  { clusterDomain }: Cluster,
  virtualService: VirtualService,
  target: Target,
): Split | Misshapen {
  const route = readRoute(virtualService, target.route, clusterDomain);
  return route.kind === 'shape' ? route : readSplit(route, target);
}

function viewOf(virtualService: VirtualService, split: Split, behind: Behind): SplitView {
  return {
    kind: 'split',
    uid: virtualService.metadata.uid,
    snapshot: virtualService,
    canaryShare: split.canaryShare,
    hasStable: split.stable !== null,
    foreign: split.foreign,
    stableHasOtherRoutes: split.stableHasOtherRoutes,
    owner: ownerOf(virtualService),
    rolledBack: rolledBackIn(virtualService),
    ...behind,
  };
}

function invalid(why: string): MeshFailure {
  return { kind: 'unavailable', reason: 'invalid', why };
}
