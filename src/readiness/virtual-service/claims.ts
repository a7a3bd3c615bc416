import { completeHost } from '../hosts.ts';
import type { VirtualService } from '../objects.ts';
import type { Subject } from '../snapshot.ts';
import type { Entry } from './moved.ts';

/** The hosts and gateways for which an object gives routes. */
export type Claim = {
  object: VirtualService;
  /** Complete. */
  hosts: string[];
  /** `mesh`, or `namespace/name`. */
  gateways: string[];
};

/**
 * The gateways of a VirtualService as `namespace/name`; `mesh` where it names none.
 * Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService (gateways)
 */
export function gatewaysOf({ metadata, spec }: Pick<VirtualService, 'metadata' | 'spec'>): string[] {
  const named = spec.gateways ?? [];
  if (named.length === 0) return ['mesh'];
  return [...new Set(named.map((name) => gatewayName(name, metadata.namespace ?? '')))];
}

/** The older form is a host name: `gateway.namespace.svc.cluster.local`. */
export function gatewayName(name: string, namespace: string): string {
  if (name === 'mesh' || name.includes('/')) return name;
  const [first, second] = name.split('.');
  return `${second ?? namespace}/${first}`;
}

export function claimOf(object: VirtualService, clusterDomain: string): Claim {
  const { metadata, spec } = object;
  const hosts = (spec.hosts ?? []).map((host) => completeHost(host, metadata.namespace ?? '', clusterDomain));
  return { object, hosts, gateways: gatewaysOf(object) };
}

export function isMovedObject({ metadata }: VirtualService, { virtualServices }: Subject): boolean {
  return virtualServices.some(
    ({ namespace, name }) => metadata.namespace === namespace && metadata.name === name,
  );
}

/**
 * What brings requests to the objects that are moved: they themselves or, for one without hosts, those that delegate
 * to it. Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate
 */
export function claimsFor(
  objects: readonly VirtualService[],
  subject: Subject,
  clusterDomain: string,
): { claims: Claim[]; orphans: VirtualService[] } {
  const moved = objects.filter((object) => isMovedObject(object, subject));
  const found = moved.map((object) => ({ object, by: claimantsOf(object, objects) }));
  const claimants = new Set(found.flatMap(({ by }) => by));
  return {
    claims: [...claimants].map((object) => claimOf(object, clusterDomain)),
    orphans: found.filter(({ by }) => by.length === 0).map(({ object }) => object),
  };
}

function claimantsOf(object: VirtualService, objects: readonly VirtualService[]): VirtualService[] {
  if ((object.spec.hosts ?? []).length > 0) return [object];
  return objects.filter((root) => (root.spec.http ?? []).some((entry) => delegatesTo(entry, root, object)));
}

/** True when a route of `root` hands its requests to this object. */
export function delegatesTo(
  { delegate }: Pick<Entry, 'delegate'>,
  root: VirtualService,
  { metadata }: VirtualService,
): boolean {
  return (
    delegate?.name === metadata.name &&
    (delegate?.namespace || root.metadata.namespace) === metadata.namespace
  );
}
