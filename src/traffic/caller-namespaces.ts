import type { Namespace } from '../readiness/objects.ts';
import type { Fact } from '../readiness/snapshot.ts';
import { mergeFacts } from './merge-facts.ts';

/** Each costs a call; a service that everybody calls has callers in hundreds. */
const mostCallers = 20;

/**
 * The namespaces that canaryd knows of, and of those of callers what may be read. One of the latter that may not is left
 * out and is no gap: the check that needs it says so itself, and no other does.
 */
export async function withCallers(
  known: readonly string[],
  callers: readonly string[],
  read: (name: string) => Promise<Fact<Namespace[]>>,
): Promise<Fact<Namespace[]>> {
  const others = callers.filter((name) => !known.includes(name)).slice(0, mostCallers);
  const [own, more] = await Promise.all([known, others].map((names) => Promise.all(names.map(read))));
  return mergeFacts([...(own ?? []), ...(more ?? []).filter(({ kind }) => kind === 'read')]);
}
