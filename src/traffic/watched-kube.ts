import type { z } from 'zod';
import { unavailable } from './api-answer.ts';
import { type Pod, type ReplicaSet, WatchedPod, WatchedReplicaSet } from './cluster-objects.ts';
import type { Kube, KubeRead } from './kube.ts';
import type { WatchedResource } from './open-list.ts';
import { VirtualService } from './virtual-service.ts';
import { type WatchedList, watchList } from './watched-list.ts';
import type { WatchClock } from './watched-view.ts';
import { hasLabels } from './workload.ts';

/** The reads of a look. */
export type LookReads = Pick<Kube, 'readVirtualService' | 'listPods' | 'listReplicaSets'>;

/** The namespaces that a look reads: those of the VirtualServices, and those of the pods. */
type LookPlaces = { virtualServices: readonly string[]; pods: readonly string[] };

/** What is known of a cluster by watching the namespaces that somebody looks at. */
export type WatchedKube = {
  /** Reads that ask nobody, or null when not all of these namespaces are known well enough; then they soon will be. */
  recent(places: LookPlaces): LookReads | null;
  /** Takes in what the server answered to a write. */
  wrote(virtualService: VirtualService): void;
  /** How many lists are watched, and how many of them cannot be trusted now. */
  counts(): { watched: number; cold: number };
  close(): void;
};

export type WatchedKubeOptions = {
  clock: WatchClock;
  /** Called once for each resource that may not be listed or watched. */
  denied(resource: WatchedResource, namespace: string, why: string): void;
};

/** Streams are connections: what is beyond this is read object by object. */
const mostLists = 900;

/** Nothing is asked before the first `recent`. */
export function watchKube(kube: Pick<Kube, 'openList'>, options: WatchedKubeOptions): WatchedKube {
  const once = { ...options, kube, denied: onceEach(options.denied) };
  const virtualServices = shelf('virtualservices', VirtualService, once);
  const pods = shelf('pods', WatchedPod, once);
  const replicaSets = shelf('replicasets', WatchedReplicaSet, once);
  const lists = () => [virtualServices, pods, replicaSets].flatMap((one) => one.lists());
  let isClosed = false;
  const mayStart = () => !isClosed && lists().length < mostLists;
  return {
    recent: (places) => {
      const routes = new Map(
        places.virtualServices.map((namespace) => [namespace, virtualServices.of(namespace, mayStart)]),
      );
      const behind = new Map(
        places.pods.map((namespace) => [
          namespace,
          { pods: pods.of(namespace, mayStart), replicaSets: replicaSets.of(namespace, mayStart) },
        ]),
      );
      const all = [
        ...routes.values(),
        ...[...behind.values()].flatMap((both) => [both.pods, both.replicaSets]),
      ];
      return all.every((list) => list?.isWarm()) ? readsOf(routes, behind) : null;
    },
    wrote: (object) => virtualServices.find(object.metadata.namespace)?.wrote(object),
    counts: () => ({
      watched: lists().length,
      cold: lists().filter((list) => !list.isWarm()).length,
    }),
    close: () => {
      isClosed = true;
      for (const list of lists()) list.stop();
    },
  };
}

type Listed<Item> = WatchedList<Item> | null;
type ListsByNamespace = ReadonlyMap<string, { pods: Listed<Pod>; replicaSets: Listed<ReplicaSet> }>;

function readsOf(routes: ReadonlyMap<string, Listed<VirtualService>>, behind: ListsByNamespace): LookReads {
  return {
    readVirtualService: async ({ namespace, name }) => {
      const kept = routes.get(namespace)?.find(name);
      if (kept === undefined || typeof kept === 'string') return { kind: 'missing' };
      return kept.item === null ? unknownShape : { kind: 'found', value: kept.item };
    },
    listPods: async (namespace, labels) => selected(behind.get(namespace)?.pods ?? null, labels),
    listReplicaSets: async (namespace, labels) =>
      selected(behind.get(namespace)?.replicaSets ?? null, labels),
  };
}

type Labelled = { metadata: { labels?: Record<string, string> | undefined } };

/** Everything that has all these labels, as a label selector of the API finds it. */
function selected<Item extends Labelled>(
  list: Listed<Item>,
  labels: Record<string, string>,
): KubeRead<Item[]> {
  const value: Item[] = [];
  for (const { item } of list?.all() ?? []) {
    // What it is labelled with is not known either.
    if (item === null) return unknownShape;
    if (hasLabels(item, labels)) value.push(item);
  }
  return { kind: 'found', value };
}

const unknownShape = unavailable('unreadable', 'what a watch told cannot be read');

type Shelf<Item> = {
  /** The list of a namespace, which is started when it `mayStart`. */
  of(namespace: string, mayStart: () => boolean): Listed<Item>;
  find(namespace: string): WatchedList<Item> | undefined;
  lists(): Pick<WatchedList<Item>, 'isWarm' | 'stop'>[];
};

/** One resource, by namespace. */
function shelf<Item>(
  resource: WatchedResource,
  schema: z.ZodType<Item>,
  { kube, clock, denied }: WatchedKubeOptions & { kube: Pick<Kube, 'openList'> },
): Shelf<Item> {
  const start = (namespace: string) => {
    const source = {
      open: (query: URLSearchParams, signal: AbortSignal) =>
        kube.openList({ resource, namespace, query }, signal),
      read: (object: unknown) => schema.safeParse(object).data ?? null,
      denied: (why: string) => denied(resource, namespace, why),
    };
    return watchList(source, clock);
  };
  const lists = new Map<string, WatchedList<Item>>();
  const live = () => {
    for (const [namespace, list] of lists) if (list.hasEnded()) lists.delete(namespace);
    return [...lists.values()];
  };
  return {
    of: (namespace, mayStart) => {
      const known = lists.get(namespace);
      known?.touch();
      if (known !== undefined && !known.hasEnded()) return known;
      if (!mayStart()) return null;
      const list = start(namespace);
      lists.set(namespace, list);
      return list;
    },
    find: (namespace) => lists.get(namespace),
    lists: live,
  };
}

/** Hundreds of namespaces are denied for one reason. */
function onceEach(denied: WatchedKubeOptions['denied']): WatchedKubeOptions['denied'] {
  const reported = new Set<WatchedResource>();
  return (resource, namespace, why) => {
    if (!reported.has(resource)) denied(resource, namespace, why);
    reported.add(resource);
  };
}
