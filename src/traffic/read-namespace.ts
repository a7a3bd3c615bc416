import { Namespace } from '../readiness/objects.ts';
import type { Fact } from '../readiness/snapshot.ts';
import type { Asking } from './list-facts.ts';
import { readFact } from './merge-facts.ts';
import { single } from './surroundings-kinds.ts';
import { notRead } from './surroundings-words.ts';

/** One by its name: that takes a Role of the namespace, where listing them takes a ClusterRole. None where there is none. */
export async function readNamespace({ kube, signal }: Asking, name: string): Promise<Fact<Namespace[]>> {
  const asked = { ...single.namespace, namespace: null, name };
  const read = await kube.readObject(asked, Namespace, signal);
  if (read.kind === 'unavailable') return notRead(asked, read);
  return readFact(read.kind === 'missing' ? [] : [read.value]);
}
