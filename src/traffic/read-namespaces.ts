import { Namespace } from '../readiness/objects.ts';
import type { Fact } from '../readiness/snapshot.ts';
import type { Asking } from './list-facts.ts';
import { mergeFacts, readFact } from './merge-facts.ts';
import { single } from './surroundings-kinds.ts';
import { notRead } from './surroundings-words.ts';

/** Each by its name: that takes a Role of the namespace, where listing them takes a ClusterRole. */
export async function readNamespaces(
  { kube, signal }: Asking,
  names: readonly string[],
): Promise<Fact<Namespace[]>> {
  const facts = names.map(async (name) => {
    const asked = { ...single.namespace, namespace: null, name };
    const read = await kube.readObject(asked, Namespace, signal);
    if (read.kind === 'unavailable') return notRead(asked, read);
    return readFact(read.kind === 'missing' ? [] : [read.value]);
  });
  return mergeFacts(await Promise.all(facts));
}
