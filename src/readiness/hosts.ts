import type { Metadata } from './objects.ts';

/**
 * A host as Istio completes it: a name without a dot is one of the object's own namespace, and every other one stands
 * as it is written, so that `payment.shop` is no service of the namespace `shop`.
 * Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#Destination (host)
 */
export function completeHost(host: string, namespace: string, clusterDomain: string): string {
  const name = host.toLowerCase();
  return name.includes('.') || name === '*' ? name : `${name}.${namespace}.svc.${clusterDomain}`;
}

/** True for a host that a host or a wildcard such as `*.shop.example.com` stands for. Both are complete. */
export function coversHost(pattern: string, host: string): boolean {
  if (pattern === '*' || pattern === host) return true;
  return pattern.startsWith('*') && host.endsWith(pattern.slice(1)) && host.length >= pattern.length;
}

type Exported = {
  metadata: Pick<Metadata, 'namespace'>;
  spec: { exportTo?: readonly string[] | null | undefined };
};

/**
 * The namespaces that see an object, or `all`; without `exportTo` all do.
 * Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService (exportTo)
 */
export function audienceOf({ metadata, spec }: Exported): 'all' | string[] {
  const exportTo = spec.exportTo ?? [];
  if (exportTo.length === 0 || exportTo.includes('*')) return 'all';
  const own = metadata.namespace ?? '';
  return [...new Set(exportTo.map((one) => (one === '.' ? own : one)))];
}

export function isVisibleTo(object: Exported, namespace: string): boolean {
  const audience = audienceOf(object);
  return audience === 'all' || audience.includes(namespace);
}
