import type { Deployment, Gateway } from '../readiness/objects.ts';
import type { Fact, GatewayCertificate } from '../readiness/snapshot.ts';
import { type Asking, listLabelled } from './list-facts.ts';
import { readFact } from './merge-facts.ts';
import { kinds } from './surroundings-kinds.ts';
import { unread } from './surroundings-words.ts';

const shownAtMost = 5;

/** They are in Secrets, which canaryd never reads; where no Gateway names one there is nothing to read. */
export function gatewayCertificates(gateways: Fact<Gateway[]>): Fact<GatewayCertificate[]> {
  if (gateways.kind === 'unread') return gateways;
  const named = gateways.value.flatMap(({ metadata, spec }) =>
    (spec.servers ?? []).flatMap(({ tls }) =>
      tls?.credentialName ? [`${tls.credentialName} of ${metadata.namespace ?? ''}/${metadata.name}`] : [],
    ),
  );
  if (named.length === 0) return readFact([], gateways.gaps);
  const rest = named.length > shownAtMost ? ` and ${named.length - shownAtMost} more` : '';
  return unread(
    `they are in Secrets, which canaryd never reads: ${named.slice(0, shownAtMost).join(', ')}${rest}`,
    "look at them by hand: kubectl -n NAMESPACE-OF-THE-GATEWAY get secret NAME -o jsonpath='{.data.tls\\.crt}' | base64 -d | openssl x509 -noout -enddate",
  );
}

/** Each costs a call. */
const mostSelectors = 10;

/**
 * Adds the Deployments behind Gateways, of whatever namespace. One that canaryd may not list is left out and is no gap:
 * it says nothing of the service's own Deployments, and the check that needs it says so itself.
 */
export async function withGatewayPods(
  asking: Asking,
  deployments: Fact<Deployment[]>,
  gateways: Fact<Gateway[]>,
): Promise<Fact<Deployment[]>> {
  if (deployments.kind === 'unread' || gateways.kind === 'unread') return deployments;
  const selectors = gateways.value.map(({ spec }) => selectorOf(spec.selector ?? {}));
  const asked = [...new Set(selectors)].filter((labels) => labels !== '').slice(0, mostSelectors);
  const found = await Promise.all(
    asked.map((labels) => listLabelled(asking, kinds.deployments, { namespace: null, labels })),
  );
  const all = [...deployments.value, ...found.flatMap((fact) => (fact.kind === 'read' ? fact.value : []))];
  const each = new Map(all.map((one) => [`${one.metadata.namespace ?? ''}/${one.metadata.name}`, one]));
  return readFact([...each.values()], deployments.gaps);
}

function selectorOf(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}=${value}`)
    .toSorted()
    .join(',');
}
