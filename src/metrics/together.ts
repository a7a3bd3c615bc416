import type { Row } from './answer.ts';
import type { ServiceSelector, Services } from './promql.ts';

/**
 * What targets have in common that one query can ask for: who reports, what tells their arms apart, the namespaces and,
 * where destinations of a host each name subsets too, the version. Null for a target that is asked for by itself, because its two arms are
 * narrowed to different versions, and one service may be an arm of two targets.
 */
export function kinOf({ reporter, split, arms }: ServiceSelector): string | null {
  const versions = new Set(arms.map(({ version }) => version));
  if (versions.size !== 1) return null;
  const namespaces = [...new Set(arms.map(({ namespace }) => namespace))].sort();
  return [reporter, split, ...versions, ...namespaces].join(' ');
}

/** Tells a target from all others of its kin. */
export function nameOf(selector: ServiceSelector): string {
  return keysOf(selector).join(' ');
}

/** How many services are asked for. */
export function servicesIn({ arms }: ServiceSelector): number {
  return arms.reduce((sum, { names }) => sum + names.length, 0);
}

/** One selector for several of a kin; the rows that it finds name their service. A single one stays as it is. */
export function together([first, ...others]: [ServiceSelector, ...ServiceSelector[]]): ServiceSelector {
  if (others.length === 0) return first;
  const all = [first, ...others];
  const arms = byNamespace(all.flatMap((selector) => selector.arms));
  const callers = byNamespace(all.flatMap((selector) => selector.callers));
  if (first.split === 'services') return { ...first, arms, callers };
  const callerLabels = 'destination_service_name';
  return { ...first, armLabels: `${callerLabels}, ${first.armLabels}`, callerLabels, arms, callers };
}

function byNamespace(services: Services[]): Services[] {
  const merged = new Map<string, Services>();
  for (const { namespace, names, version } of services) {
    const known = merged.get(namespace)?.names ?? [];
    merged.set(namespace, { namespace, names: [...new Set([...known, ...names])], version });
  }
  return [...merged.values()];
}

/** Rows of several services, by what tells these apart. */
export type RowsByService = Map<string, Row[]>;

/** Sorts the rows that `together` found; those that name no service are nobody's. */
export function rowsByService(rows: Row[]): RowsByService {
  const sorted: RowsByService = new Map();
  for (const row of rows) {
    const { destination_service_namespace: namespace = '', destination_service_name: name } = row.labels;
    if (name === undefined) continue;
    const key = `${namespace}/${name}`;
    const known = sorted.get(key);
    if (known === undefined) sorted.set(key, [row]);
    else known.push(row);
  }
  return sorted;
}

/** The rows of one target, which are those that it would have found by itself. */
export function rowsOf(selector: ServiceSelector, sorted: RowsByService): Row[] {
  return keysOf(selector).flatMap((key) => sorted.get(key) ?? []);
}

// Rows of versions have no namespace: all of their kin are of one.
function keysOf({ split, arms }: ServiceSelector): string[] {
  return arms.flatMap(({ namespace, names }) =>
    names.map((name) => (split === 'services' ? `${namespace}/${name}` : `/${name}`)),
  );
}
