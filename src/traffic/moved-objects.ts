import type { VirtualService } from '../readiness/objects.ts';
import type { Fact } from '../readiness/snapshot.ts';
import { objectsOf, type Target } from '../rollout/target.ts';
import type { Asking } from './list-facts.ts';
import { mergeFacts, readFact } from './merge-facts.ts';
import { kinds } from './surroundings-kinds.ts';
import { notRead } from './surroundings-words.ts';

/**
 * The VirtualServices of a target, each by its name, which takes no more than the right to move them, and each with who
 * wrote what; one that is not there is left out.
 */
export async function readMoved({ kube, signal }: Asking, target: Target): Promise<Fact<VirtualService[]>> {
  const { item, words: _words, ...api } = kinds.virtualServices;
  const facts = objectsOf(target).map(
    async ({ namespace, virtualService }): Promise<Fact<VirtualService[]>> => {
      const asked = { ...api, namespace, name: virtualService };
      const read = await kube.readObject(asked, item, signal);
      if (read.kind === 'unavailable') return notRead(asked, read);
      return readFact(read.kind === 'missing' ? [] : [read.value]);
    },
  );
  return mergeFacts(await Promise.all(facts));
}
