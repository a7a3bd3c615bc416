import type { MeshFailure } from '../rollout/ports/mesh.ts';
import type { MarkedSplit, MarkedSplits, MovedRoute } from '../rollout/ports/orphans.ts';
import { routeLabel } from '../rollout/target.ts';
import { ownerOf, rolledBackIn } from './annotations.ts';
import type { Kube, KubeRead } from './kube.ts';
import { originalIn } from './original-weights.ts';
import { takePages } from './pages.ts';
import { entriesOf, isManaged } from './route-entries.ts';
import { listRoutes } from './routes.ts';
import { splitIn } from './split.ts';
import { isMisshapen, shownPath, type VirtualService } from './virtual-service.ts';

export type Marking = {
  cluster: string;
  kube: Pick<Kube, 'listVirtualServices'>;
  /** The cluster's DNS domain, in which short host names are completed. */
  clusterDomain: string;
};

/**
 * Every VirtualService of a cluster that bears canaryd's annotation or one of its routes, read page by page. Where the list of all
 * namespaces is forbidden, those that `namespaces` answers are read one by one.
 */
export async function markedIn(
  marking: Marking,
  namespaces: () => Promise<string[]>,
  signal: AbortSignal,
): Promise<MarkedSplits | MeshFailure> {
  const all = await listIn(marking, null, signal);
  if (all.kind === 'found') return { kind: 'splits', splits: all.value, unread: {}, narrowed: null };
  if (all.kind === 'missing') return { kind: 'splits', splits: [], unread: {}, narrowed: null };
  if (all.reason !== 'forbidden') return all;
  const splits: MarkedSplit[] = [];
  const unread: Record<string, MeshFailure> = {};
  for (const namespace of await namespaces()) {
    const read = await listIn(marking, namespace, signal);
    if (read.kind === 'found') splits.push(...read.value);
    if (read.kind === 'unavailable') unread[namespace] = read;
  }
  return { kind: 'splits', splits, unread, narrowed: all };
}

async function listIn(
  { cluster, kube, clusterDomain }: Marking,
  namespace: string | null,
  signal: AbortSignal,
): Promise<KubeRead<MarkedSplit[]>> {
  const splits: MarkedSplit[] = [];
  const stop = await takePages(
    (after) => kube.listVirtualServices({ namespace, after }, signal),
    (items) => splits.push(...items.flatMap((one) => markedSplit(one, cluster, clusterDomain))),
  );
  return stop ?? { kind: 'found', value: splits };
}

/** Empty for an object with neither canaryd's annotation nor a route of its own. */
function markedSplit(virtualService: VirtualService, cluster: string, clusterDomain: string): MarkedSplit[] {
  const owner = ownerOf(virtualService);
  const managed = managedIn(virtualService);
  if (owner === null && managed.length === 0) return [];
  const { namespace, name, uid } = virtualService.metadata;
  const listed = listRoutes(virtualService, clusterDomain);
  const routes = listed.kind === 'routes' ? listed.routes : [];
  return [
    {
      cluster,
      namespace,
      virtualService: name,
      uid,
      owner,
      rolledBack: rolledBackIn(virtualService),
      noted: notedIn(virtualService),
      routes: routes.map(({ name: route, path, destinations }) => ({ name: route, path, destinations })),
      managed,
    },
  ];
}

function managedIn(virtualService: VirtualService): MarkedSplit['managed'] {
  const entries = entriesOf(virtualService, 'http');
  if (isMisshapen(entries)) return [];
  return entries.filter(isManaged).map(({ key, at }) => ({ name: routeLabel(key), path: shownPath(at) }));
}

/** Of several routes the one in which the canary has most. */
function notedIn(virtualService: VirtualService): MovedRoute | 'unreadable' | null {
  const original = originalIn(virtualService);
  if (original.kind !== 'original') return original.kind === 'none' ? null : 'unreadable';
  const { moved, clusterDomain } = original;
  // One that is lost hides none of the others.
  const shares = moved.routes.map((one) => {
    const split = splitIn(virtualService, { ...moved, routes: [one] }, clusterDomain);
    return split.kind === 'split' ? split.canaryShare : 0;
  });
  const route = moved.routes[shares.indexOf(Math.max(...shares))] ?? moved.routes[0];
  const placeOf = ({ host, subset }: typeof moved.stable) => ({ host, subset });
  return {
    route: route === undefined ? '' : routeLabel(route.key),
    stable: placeOf(moved.stable),
    canary: placeOf(moved.canary),
  };
}
