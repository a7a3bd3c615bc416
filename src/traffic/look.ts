import type { MeshView, SplitView } from '../rollout/ports/mesh.ts';
import { oneByOne, together } from '../rollout/several.ts';
import type { Target } from '../rollout/target.ts';
import { ownerOf, rolledBackIn } from './annotations.ts';
import { type Cluster, objectNameOf } from './find-target.ts';
import { handsOf } from './hands.ts';
import { managedRoutesIn } from './managed-routes.ts';
import { type Behind, readPods } from './pods.ts';
import { type Split, splitIn } from './split.ts';
import type { VirtualService } from './virtual-service.ts';
import type { LookReads, WatchedKube } from './watched-kube.ts';

/** A cluster, and what is known of it by watching. */
export type Watching = Cluster & { watched: WatchedKube | undefined };

/** A view of what a watch has told; null where that does not tell all that a look would read. */
export async function lookAtWatched(
  cluster: Watching,
  target: Target,
  signal: AbortSignal,
): Promise<SplitView | null> {
  const namespacesOf = (of: { namespace: string }[]) => [...new Set(of.map(({ namespace }) => namespace))];
  const reads = cluster.watched?.recent({
    virtualServices: namespacesOf(oneByOne(target)),
    pods: namespacesOf([target.stable.service, target.canary.service]),
  });
  if (!reads) return null;
  const view = await lookAtAll(cluster, target, { reads, signal });
  if (view.kind !== 'split') return null;
  const { readiness, images } = view;
  const parts = [readiness.stable, readiness.canary, images.stable, images.canary];
  return parts.every(({ kind }) => kind === 'known') ? { ...view, recent: true } : null;
}

/** Reads all VirtualServices of a target, and once what stands behind their destinations. */
export async function lookAtAll(
  cluster: Cluster,
  target: Target,
  { reads, signal, partial = false }: { reads: LookReads; signal: AbortSignal; partial?: boolean },
): Promise<MeshView> {
  const targets = oneByOne(target);
  const [found, behind] = await Promise.all([
    Promise.all(targets.map((one) => reads.readVirtualService(objectNameOf(one), signal))),
    readPods(reads, target, signal),
  ]);
  const views = targets.map((one, index): MeshView => {
    const read = found[index] ?? { kind: 'missing' };
    return read.kind === 'found' ? viewOf(cluster, one, read.value, behind) : read;
  });
  return together(target, views, partial);
}

function viewOf(cluster: Cluster, target: Target, virtualService: VirtualService, behind: Behind): MeshView {
  const split = splitIn(virtualService, target, cluster.clusterDomain);
  const hands = handsOf(virtualService);
  if (split.kind === 'shape') return { ...split, ...hands };
  return {
    kind: 'split',
    uid: virtualService.metadata.uid,
    snapshot: virtualService,
    ...sharesOf(split),
    hasStable: split.hasStable,
    foreign: split.foreign,
    stableHasOtherRoutes: split.stableHasOtherRoutes,
    canaryHasOtherRoutes: split.canaryHasOtherRoutes,
    managedRoutes: managedRoutesIn(virtualService),
    owner: ownerOf(virtualService),
    rolledBack: rolledBackIn(virtualService),
    ...hands,
    ...behind,
  };
}

function sharesOf({ canaryShare, lowestShare }: Split): Pick<SplitView, 'canaryShare' | 'lowestShare'> {
  return lowestShare === canaryShare ? { canaryShare } : { canaryShare, lowestShare };
}
