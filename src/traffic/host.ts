export type ServiceName = { name: string; namespace: string };

/**
 * The full name of a destination's host as Kubernetes DNS would complete it: `payment` and `payment.shop` become
 * `payment.shop.svc.cluster.local` when read in the namespace `shop`. Names that are complete, or are none of
 * Kubernetes' short forms, stay as they are.
 */
export function qualifyHost(host: string, namespace: string, clusterDomain: string): string {
  const name = host.toLowerCase().replace(/\.$/, '');
  const labels = name.split('.');
  if (labels.length === 1 && name !== '*') return `${name}.${namespace}.svc.${clusterDomain}`;
  if (labels.length === 2 && labels[0] !== '*') return `${name}.svc.${clusterDomain}`;
  if (labels.length === 3 && labels[2] === 'svc') return `${name}.${clusterDomain}`;
  return name;
}

/** The Kubernetes service that a qualified host names, or null when it names something outside of the cluster. */
export function serviceOf(qualifiedHost: string, clusterDomain: string): ServiceName | null {
  const suffix = `.svc.${clusterDomain}`;
  if (!qualifiedHost.endsWith(suffix)) return null;
  const [name, namespace, ...more] = qualifiedHost.slice(0, -suffix.length).split('.');
  if (!name || !namespace || more.length > 0) return null;
  return { name, namespace };
}
