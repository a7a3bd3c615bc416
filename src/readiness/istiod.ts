import type { Check } from './check.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * A check whose words name the namespace of istiod. It judges the same where that is not known, and then names the usual
 * one.
 */
export function namingIstiod(define: (istiodNamespace: string) => Check): Check {
  const { needs, ...usual } = define('istio-system');
  const run = (snapshot: Snapshot) => define(namespaceIn(snapshot)).run(snapshot);
  return { ...usual, needs: [...new Set([...needs, 'meshConfig' as const])], run };
}

function namespaceIn({ meshConfig }: Snapshot): string {
  return meshConfig.kind === 'read' ? meshConfig.value.istiodNamespace : 'istio-system';
}

/**
 * What istiod said in a time such as `1h`, of all its pods: a revision has a Deployment of its own name, and by a label
 * kubectl shows ten lines unless it is told otherwise.
 */
export function istiodLogs(namespace: string, since: string): string {
  return `kubectl -n ${namespace} logs -l app=istiod --tail=-1 --since=${since}`;
}
