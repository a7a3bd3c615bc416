import type { Metadata } from '../readiness/objects.ts';
import type { Fact } from '../readiness/snapshot.ts';
import type { Kube, KubeRead } from './kube.ts';
import { mergeFacts, readFact } from './merge-facts.ts';
import type { Listed } from './read-objects.ts';
import type { Wanted } from './surroundings-kinds.ts';
import { notListed } from './surroundings-words.ts';

/** What reads a cluster's surroundings asks of it. */
export type SurroundingsKube = Pick<Kube, 'listObjects' | 'readObject' | 'listVersions' | 'mayDo'>;
export type Asking = { kube: SurroundingsKube; signal: AbortSignal };

type InCluster = { metadata: Metadata };

/** The objects of all namespaces or, where these may not be listed, those of the namespaces that are `known`, asked then. */
export async function listEverywhere<Item extends InCluster>(
  asking: Asking,
  wanted: Wanted<Item>,
  known: () => Promise<readonly string[]>,
): Promise<Fact<Item[]>> {
  const all = await list(asking, wanted, null);
  const fact = factOf(wanted, null, all);
  if (all.kind !== 'unavailable' || all.reason !== 'forbidden' || fact.kind === 'read') return fact;
  const namespaces = await known();
  const some = await listAmong(asking, wanted, namespaces);
  if (some.kind === 'unread') return { ...fact, why: `${fact.why}; ${some.why}` };
  return readFact(some.value, [
    `${fact.why}: only those of ${namespaces.join(', ')} were`,
    ...(some.gaps ?? []),
  ]);
}

/** The objects of these namespaces; one of which they could not be read is a gap. */
export async function listAmong<Item extends InCluster>(
  asking: Asking,
  wanted: Wanted<Item>,
  namespaces: readonly string[],
): Promise<Fact<Item[]>> {
  const lists = namespaces.map(async (one) => factOf(wanted, one, await list(asking, wanted, one)));
  return mergeFacts(await Promise.all(lists));
}

/** Those of one namespace that have the labels of a selector. */
export async function listLabelled<Item extends InCluster>(
  asking: Asking,
  wanted: Wanted<Item>,
  { namespace, labels }: { namespace: string | null; labels: string },
): Promise<Fact<Item[]>> {
  return factOf(wanted, namespace, await list(asking, wanted, namespace, labels));
}

function list<Item extends InCluster>(
  { kube, signal }: Asking,
  { item, words: _words, ...api }: Wanted<Item>,
  namespace: string | null,
  labels?: string,
): Promise<KubeRead<Listed<Item>>> {
  const asked = { ...api, namespace, ...(labels === undefined ? {} : { labels }) };
  return kube.listObjects(asked, item.transform(withoutHistory), signal);
}

/** Of objects that are not moved it does not matter who wrote what, and a last applied copy is as large as its object. */
function withoutHistory<Item extends InCluster>(one: Item): Item {
  const { managedFields: _fields, annotations, ...metadata } = one.metadata;
  const { 'kubectl.kubernetes.io/last-applied-configuration': _applied, ...others } = annotations ?? {};
  return { ...one, metadata: annotations ? { ...metadata, annotations: others } : metadata };
}

/** A kind that is not served has no objects. */
function factOf<Item extends InCluster>(
  wanted: Wanted<Item>,
  namespace: string | null,
  read: KubeRead<Listed<Item>>,
): Fact<Item[]> {
  if (read.kind === 'unavailable') return notListed(wanted, namespace, read);
  return read.kind === 'missing' ? readFact([]) : readFact(read.value.items, read.value.broken);
}
