import type { Labels, Sidecar } from '../objects.ts';
import { hasLabels } from '../select.ts';

/** Which Sidecar holds for a workload; `unsure` where it depends on labels that are not known. */
export type Scope =
  | { kind: 'sidecar'; sidecar: Sidecar }
  | { kind: 'none' }
  | { kind: 'unsure'; candidates: readonly Sidecar[] };

/**
 * A Sidecar that selects the workload, then the one of its namespace that selects nobody, then that of the root
 * namespace; the oldest of several.
 * Source: https://istio.io/latest/docs/reference/config/networking/sidecar/
 *
 * @param labels null where nobody knows them
 */
export function scopeOf(
  { namespace, labels }: { namespace: string; labels: Readonly<Labels> | null },
  sidecars: readonly Sidecar[],
  rootNamespace: string,
): Scope {
  const own = sidecars.filter(({ metadata }) => metadata.namespace === namespace).toSorted(byAge);
  const selecting = namespace === rootNamespace ? [] : own.filter((one) => selectorOf(one) !== null);
  const general =
    own.find((one) => selectorOf(one) === null) ??
    sidecars
      .toSorted(byAge)
      .find((one) => one.metadata.namespace === rootNamespace && selectorOf(one) === null);
  if (labels === null && selecting.length > 0) {
    return { kind: 'unsure', candidates: general === undefined ? selecting : [...selecting, general] };
  }
  const sidecar = selecting.find((one) => hasLabels(labels, selectorOf(one))) ?? general;
  return sidecar === undefined ? { kind: 'none' } : { kind: 'sidecar', sidecar };
}

function selectorOf({ spec }: Sidecar): Labels | null {
  const labels = spec.workloadSelector?.labels ?? {};
  return Object.keys(labels).length === 0 ? null : labels;
}

function byAge(one: Sidecar, other: Sidecar): number {
  const [a, b] = [one, other].map(({ metadata }) => `${metadata.creationTimestamp ?? '~'} ${metadata.name}`);
  return (a ?? '') < (b ?? '') ? -1 : 1;
}

/**
 * Whether a Sidecar shows its workloads what is defined in a namespace for a host. One without `egress` shows all.
 * Source: https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioEgressListener-hosts
 *
 * @param defined the namespace of the Service, VirtualService or ServiceEntry, and the full host
 */
export function shows({ metadata, spec }: Sidecar, defined: { namespace: string; host: string }): boolean {
  const listeners = spec.egress ?? [];
  if (listeners.length === 0) return true;
  return listeners
    .flatMap(({ hosts }) => hosts ?? [])
    .some((entry) => {
      const [from = '', name = ''] = entry.split('/');
      const isFrom =
        from === '*' ||
        from === defined.namespace ||
        (from === '.' && defined.namespace === metadata.namespace);
      return isFrom && matches(defined.host, name);
    });
}

/** A wildcard stands for the whole first part, and both sides may have one. */
function matches(host: string, pattern: string): boolean {
  if (pattern === '*' || pattern === host) return true;
  if (host.startsWith('*')) return pattern.endsWith(host.slice(1)) || wild(pattern, host);
  return wild(pattern, host);
}

function wild(pattern: string, host: string): boolean {
  return pattern.startsWith('*') && host.endsWith(pattern.slice(1));
}
