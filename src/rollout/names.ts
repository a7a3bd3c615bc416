import type { MeshName } from './ports/mesh.ts';

/** The VirtualServices that a target, or a request for one, moves together. */
export type Names = MeshName & { also?: readonly AlsoName[] | undefined };
/** Without a namespace it stands in that of the first. */
type AlsoName = { namespace?: string | undefined; virtualService: string };

/** The names of all VirtualServices of a target, the first one first. */
export function namesIn({ cluster, namespace, virtualService, also = [] }: Names): MeshName[] {
  return [{ namespace, virtualService }, ...also].map((one) => ({
    cluster,
    namespace: one.namespace ?? namespace,
    virtualService: one.virtualService,
  }));
}

/** True when the same VirtualService is moved by both. */
export function sharesObject(one: Names, other: Names): boolean {
  const theirs = namesIn(other);
  return namesIn(one).some((name) => theirs.some((their) => isSameName(name, their)));
}

/** True for the same VirtualService of the same cluster. */
function isSameName(one: MeshName, other: MeshName): boolean {
  return (
    one.cluster === other.cluster &&
    one.namespace === other.namespace &&
    one.virtualService === other.virtualService
  );
}

/** What a hold order is over; null stands for every one. */
type Scope = { cluster: string | null; namespace: string | null };

/** The widest of those scopes that anything of a target lies in; null where it lies in none. */
export function widestOver<Found extends Scope>(scopes: readonly Found[], target: Names): Found | null {
  const namespaces = namesIn(target).map(({ namespace }) => namespace);
  const over = scopes
    .filter(({ cluster }) => cluster === null || cluster === target.cluster)
    .filter(({ namespace }) => namespace === null || namespaces.includes(namespace))
    .sort((one, other) => narrowness(one) - narrowness(other));
  return over[0] ?? null;
}

function narrowness({ cluster, namespace }: Scope): number {
  return (namespace === null ? 0 : 2) + (cluster === null ? 0 : 1);
}
