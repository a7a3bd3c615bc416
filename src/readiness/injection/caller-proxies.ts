import type { Deployment, Gateway, Namespace } from '../objects.ts';
import { hasLabels } from '../select.ts';
import type { Caller } from '../snapshot.ts';

type Known = {
  /** Those that could be read: of a caller in another one nothing is known. */
  namespaces: readonly Namespace[];
  gateways: readonly Gateway[];
  deployments: readonly Deployment[];
  /** True when namespaces are injected unless they say no. */
  byDefault: boolean;
};

/** Callers by who divides their requests, each as `namespace/workload`. */
export type CallerProxies = {
  /** Their own proxy follows the VirtualService: a sidecar, or a gateway. */
  divide: readonly string[];
  /** Nothing does: ztunnel and kube-proxy know no weights. */
  spread: readonly string[];
  unknown: readonly string[];
};

/**
 * What the labels of namespaces tell of the proxies of callers. Both labels in one namespace leave it open, and so does
 * mutual TLS from a namespace without a label: its pods may ask for a proxy themselves.
 * Source: https://istio.io/latest/docs/ambient/usage/add-workloads/
 */
export function proxiesOf(callers: readonly Caller[], known: Known): CallerProxies {
  const kinds = callers.map((caller) => ({ name: nameOf(caller), kind: kindOf(caller, known) }));
  const named = (kind: keyof CallerProxies) => [
    ...new Set(kinds.filter((one) => one.kind === kind).map(({ name }) => name)),
  ];
  return { divide: named('divide'), spread: named('spread'), unknown: named('unknown') };
}

function nameOf({ namespace, workload }: Caller): string {
  return `${namespace}/${workload}`;
}

function kindOf(caller: Caller, known: Known): keyof CallerProxies {
  if (isGateway(caller, known)) return 'divide';
  const namespace = known.namespaces.find(({ metadata }) => metadata.name === caller.namespace);
  if (namespace === undefined) return 'unknown';
  const labels = namespace.metadata.labels ?? {};
  const hasSidecars = isInjected(labels['istio-injection'], labels['istio.io/rev'], known.byDefault);
  const isAmbient = labels['istio.io/dataplane-mode'] === 'ambient';
  if (hasSidecars && isAmbient) return 'unknown';
  if (hasSidecars) return 'divide';
  return isAmbient || isPlaintext(caller) ? 'spread' : 'unknown';
}

/** The older label outweighs the other. */
function isInjected(
  injection: string | undefined,
  revision: string | undefined,
  byDefault: boolean,
): boolean {
  if (injection !== undefined) return injection === 'enabled';
  return revision !== undefined || byDefault;
}

function isPlaintext({ requestsPerSecond, plaintextPerSecond }: Caller): boolean {
  return requestsPerSecond > 0 && plaintextPerSecond >= requestsPerSecond;
}

/** A Deployment whose pods an Istio Gateway selects. */
function isGateway({ workload, namespace }: Caller, { gateways, deployments }: Known): boolean {
  const own = deployments.find(
    ({ metadata }) => metadata.name === workload && metadata.namespace === namespace,
  );
  const labels = own?.spec.template.metadata?.labels;
  return gateways.some(
    ({ spec }) => Object.keys(spec.selector ?? {}).length > 0 && hasLabels(labels, spec.selector),
  );
}
