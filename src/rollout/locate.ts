import type { LocatedRequest, TargetRequest } from './target.ts';

/** A target that names no cluster that canaryd knows; `asked` is null when it names none and there are several. */
export type ClusterUnknown = { kind: 'clusterUnknown'; asked: string | null; clusters: readonly string[] };

/**
 * Settles the cluster of a requested target. One that is left out means the only cluster there is: with several,
 * guessing would move the traffic of another one.
 * @param clusters the names of all clusters in the configuration
 */
export function locate(
  request: TargetRequest,
  clusters: readonly string[],
): { kind: 'located'; request: LocatedRequest } | ClusterUnknown {
  const asked = request.cluster ?? null;
  const cluster = asked ?? (clusters.length === 1 ? clusters[0] : undefined);
  if (cluster === undefined || !clusters.includes(cluster))
    return { kind: 'clusterUnknown', asked, clusters };
  return { kind: 'located', request: { ...request, cluster } };
}
