import type { ManagedRoute } from '../rollout/managed-route.ts';
import type { LookOptions, MeshView, SplitView } from '../rollout/ports/mesh.ts';
import { oneByOne, together } from '../rollout/several.ts';
import type { Target } from '../rollout/target.ts';
import { ownerOf, rolledBackIn } from './annotations.ts';
import { changedRoutesIn } from './changed-routes.ts';
import { type Cluster, objectNameOf } from './find-target.ts';
import { handsOf } from './hands.ts';
import { managedRoutesIn } from './managed-routes.ts';
import { type Behind, readPods } from './pods.ts';
import { qualifierIn } from './route.ts';
import { type Split, splitIn } from './split.ts';
import { isWorthAWrite, splitToTakeBack } from './split-to-take-back.ts';
import type { VirtualService } from './virtual-service.ts';
import type { LookReads, WatchedKube } from './watched-kube.ts';
import { precededBy } from './weight-patch.ts';

/** A cluster, and what is known of it by watching. */
export type Watching = Cluster & { watched: WatchedKube | undefined };

/** A view of what a watch has told; null where that does not tell all that a look would read. */
export async function lookAtWatched(
  cluster: Watching,
  target: Target,
  signal: AbortSignal,
  { managed = [] }: LookOptions = {},
): Promise<SplitView | null> {
  const namespacesOf = (of: { namespace: string }[]) => [...new Set(of.map(({ namespace }) => namespace))];
  const reads = cluster.watched?.recent({
    virtualServices: namespacesOf(oneByOne(target)),
    pods: namespacesOf([target.stable.service, target.canary.service]),
  });
  if (!reads) return null;
  const view = await lookAtAll(cluster, target, { reads, signal, managed });
  if (view.kind !== 'split') return null;
  const { readiness, images } = view;
  const parts = [readiness.stable, readiness.canary, images.stable, images.canary];
  return parts.every(({ kind }) => kind === 'known') ? { ...view, recent: true } : null;
}

type Looking = Pick<LookOptions, 'partial' | 'managed'> & { reads: LookReads; signal: AbortSignal };

/** Reads all VirtualServices of a target, and once what stands behind their destinations. */
export async function lookAtAll(
  cluster: Cluster,
  target: Target,
  { reads, signal, partial = false, managed = [] }: Looking,
): Promise<MeshView> {
  const targets = oneByOne(target);
  const [found, behind] = await Promise.all([
    Promise.all(targets.map((one) => reads.readVirtualService(objectNameOf(one), signal))),
    readPods(reads, target, signal),
  ]);
  const views = targets.map((one, index): MeshView => {
    const read = found[index] ?? { kind: 'missing' };
    return read.kind === 'found' ? viewOf(cluster, one, read.value, { behind, managed, partial }) : read;
  });
  return together(target, views, partial);
}

type Beside = { behind: Behind; managed: readonly ManagedRoute[]; partial: boolean };

function viewOf(
  { clusterDomain }: Cluster,
  target: Target,
  virtualService: VirtualService,
  { behind, managed, partial }: Beside,
): MeshView {
  const some = partial ? splitToTakeBack(virtualService, target, clusterDomain) : null;
  const back = some !== null && isWorthAWrite(virtualService, some) ? some : null;
  const split = back?.split ?? splitIn(virtualService, target, clusterDomain);
  const hands = handsOf(virtualService);
  if (split.kind === 'shape') return { ...split, ...hands };
  const preceded = split.routes.flatMap((route) => precededBy(route));
  const qualify = qualifierIn(target.namespace, clusterDomain);
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
    changedRoutes: changedRoutesIn({ virtualService, preceded, qualify }, back === null ? managed : []),
    owner: ownerOf(virtualService),
    rolledBack: rolledBackIn(virtualService),
    ...hands,
    ...behind,
    ...(back === null ? {} : { gaps: back.gaps }),
  };
}

function sharesOf({ canaryShare, lowestShare }: Split): Pick<SplitView, 'canaryShare' | 'lowestShare'> {
  return lowestShare === canaryShare ? { canaryShare } : { canaryShare, lowestShare };
}
