import type { Deployment, Gateway } from '../readiness/objects.ts';
import type { Fact } from '../readiness/snapshot.ts';
import { type Asking, listLabelled } from './list-facts.ts';
import { readFact } from './merge-facts.ts';
import { kinds } from './surroundings-kinds.ts';

/** Each costs a call. */
const mostSelectors = 10;

/**
 * The Deployments behind Gateways, of whatever namespace. One that canaryd may not list is left out and is no gap: it
 * says nothing of the services' own Deployments, and the check that needs it says so itself.
 */
export async function deploymentsBehind(asking: Asking, gateways: Fact<Gateway[]>): Promise<Deployment[]> {
  if (gateways.kind === 'unread') return [];
  const selectors = gateways.value.map(({ spec }) => selectorOf(spec.selector ?? {}));
  const asked = [...new Set(selectors)].filter((labels) => labels !== '').slice(0, mostSelectors);
  const found = await Promise.all(
    asked.map((labels) => listLabelled(asking, kinds.deployments, { namespace: null, labels })),
  );
  return found.flatMap((fact) => (fact.kind === 'read' ? fact.value : []));
}

function selectorOf(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}=${value}`)
    .toSorted()
    .join(',');
}

/** These and the others, each once. */
export function withDeployments(own: Fact<Deployment[]>, others: readonly Deployment[]): Fact<Deployment[]> {
  if (own.kind === 'unread') return own;
  const all = [...own.value, ...others];
  const each = new Map(all.map((one) => [`${one.metadata.namespace ?? ''}/${one.metadata.name}`, one]));
  return readFact([...each.values()], own.gaps);
}
