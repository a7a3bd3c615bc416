import type { Arm, Caller } from '../snapshot.ts';

/**
 * The namespaces of callers that have a proxy to obey a rule, and the Service's own; sorted. Who comes by plaintext
 * only has none, and a caller that the mesh does not know has no namespace.
 */
export function clientNamespaces(callers: readonly Caller[], { service }: Arm): string[] {
  const proxied = callers.filter(
    ({ plaintextPerSecond, requestsPerSecond }) => plaintextPerSecond < requestsPerSecond,
  );
  const known = proxied.map(({ namespace }) => namespace).filter((name) => name !== '' && name !== 'unknown');
  return [service.namespace, ...[...new Set(known)].filter((name) => name !== service.namespace).toSorted()];
}
