import type { ManagedRoute } from '../rollout/managed-route.ts';
import type { Mesh, Resolution, SpecChange, WeightWrite } from '../rollout/ports/mesh.ts';
import { objectName, oneByOne } from '../rollout/several.ts';
import type { LocatedRequest } from '../rollout/target.ts';
import { allWays } from './all-ways.ts';
import { findOtherRoutes } from './find-other-routes.ts';
import { type Cluster, type FoundTarget, findTarget } from './find-target.ts';
import type { Kube } from './kube.ts';
import { lookAtAll, lookAtWatched, type Watching } from './look.ts';
import { managedStartFault } from './managed-start.ts';
import { readPods } from './pods.ts';
import { previewChanges } from './preview-changes.ts';
import { rehearse } from './rehearse.ts';
import { survey } from './survey.ts';
import { isMisshapen } from './virtual-service.ts';
import type { WatchedKube } from './watched-kube.ts';
import { writeShare } from './write.ts';

export type IstioOptions = {
  /** The cluster's DNS domain, in which short host names are completed. */
  clusterDomain: string;
  /** What is known of the cluster by watching; without it every look reads. */
  watched?: WatchedKube;
};

/** The `Mesh` of one cluster with Istio. */
export function istioMesh(kube: Kube, { clusterDomain, watched }: IstioOptions): Mesh {
  const cluster: Watching = { kube, clusterDomain, watched };
  const ways = allWays({ kube, clusterDomain });
  return {
    resolve: (request, signal, managed = []) => resolve(cluster, request, managed, signal),
    look: async (target, signal, options) => {
      const recent = options?.recent === true ? await lookAtWatched(cluster, target, signal, options) : null;
      const { urgent, partial = false, managed = [] } = options ?? {};
      const reads = urgent ? kube.urgent : kube;
      return recent ?? lookAtAll(cluster, target, { reads, signal, partial, managed });
    },
    survey: (name, signal) => survey(cluster, name, signal),
    write: (target, view, write, signal) => writeShare(cluster, target, view, { write, signal }),
    rehearse: (target, view, write, signal) => rehearse(cluster, target, view, { write, signal }),
    otherRoutes: (target, signal) => findOtherRoutes({ ...cluster, allWays: ways }, target, signal),
    preview: async (request, writes, signal) => {
      const found = await findTarget(cluster, request, signal);
      if (found.kind !== 'target') return found;
      const fault = managedStartFault(
        found.objects,
        writes.flatMap(({ managed = [] }) => managed),
      );
      if (fault !== null) return fault;
      return changesIn(found, writes, clusterDomain);
    },
  };
}

async function resolve(
  cluster: Cluster,
  request: LocatedRequest,
  managed: readonly ManagedRoute[],
  signal: AbortSignal,
): Promise<Resolution> {
  const found = await findTarget(cluster, request, signal);
  if (found.kind !== 'target') return found;
  const fault = managedStartFault(found.objects, managed);
  if (fault !== null) return fault;
  const { readiness } = await readPods(cluster.kube, found.target, signal);
  const stableReadyAtStart = readiness.stable.kind === 'known' ? readiness.stable.ready : null;
  return { kind: 'resolved', target: { ...found.target, stableReadyAtStart }, readiness };
}

/** The changes of each write in all VirtualServices, the first one first; where there are several each is named. */
function changesIn(
  { target, objects }: FoundTarget,
  writes: Pick<WeightWrite, 'share' | 'end' | 'managed'>[],
  clusterDomain: string,
): Awaited<ReturnType<Mesh['preview']>> {
  const all: SpecChange[][][] = [];
  for (const [index, one] of oneByOne(target).entries()) {
    const { virtualService } = objects[index] ?? objects[0];
    const changes = previewChanges(virtualService, one, writes, clusterDomain);
    if (isMisshapen(changes)) return changes;
    const object = objects.length === 1 ? {} : { object: objectName(one) };
    all.push(changes.map((ofWrite) => ofWrite.map((change) => ({ ...object, ...change }))));
  }
  return {
    kind: 'preview',
    changes: writes.map((_, index) => all.flatMap((changes) => changes[index] ?? [])),
  };
}
