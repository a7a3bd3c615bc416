import type { VirtualService } from '../objects.ts';
import type { Subject } from '../snapshot.ts';
import { delegatesTo, gatewayName, isMovedObject } from './claims.ts';
import { isCatchAll } from './match-cover.ts';
import { type Entry, movedIn } from './moved.ts';

/** Ports of a gateway at which some route takes whatever comes, `all` among them where it names none. */
type Ports = ReadonlySet<number | 'all'>;

/** True when routes of both take whatever comes by a gateway at the same port. */
export function meet(one: Ports, other: Ports): boolean {
  return bothOf(one, other).size > 0;
}

/**
 * Where http routes of an object take everything. By which gateway and port a request comes is settled before it is
 * matched, so that neither makes a route narrower there.
 */
export function catchAllPorts(
  entries: readonly Entry[],
  gateway: string,
  { metadata }: Pick<VirtualService, 'metadata'>,
): Ports {
  const ports = entries.flatMap(({ match }) => {
    const blocks = match == null || match.length === 0 ? [{}] : match;
    return blocks.flatMap(({ gateways, port, ...block }) => {
      const named = (gateways ?? []).map((name) => gatewayName(name, metadata.namespace ?? ''));
      const holds = named.length === 0 || named.includes(gateway);
      return holds && isCatchAll({ match: [block] }) ? [port ?? ('all' as const)] : [];
    });
  });
  return new Set(ports);
}

/** Where routes that are moved take everything; one in a delegate takes what it and the route that delegates to it match. */
export function movedCatchAllPorts(
  claimant: VirtualService,
  gateway: string,
  { objects, subject }: { objects: readonly VirtualService[]; subject: Subject },
): Ports {
  const portsOf = (object: VirtualService) => {
    const own = movedIn(object, subject).filter(({ key }) => key.kind === 'http');
    return catchAllPorts(
      own.map(({ entry }) => entry),
      gateway,
      object,
    );
  };
  const delegates = objects.filter((one) => isMovedObject(one, subject));
  const brought = delegates.flatMap((delegate) => {
    const roots = (claimant.spec.http ?? []).filter((entry) => delegatesTo(entry, claimant, delegate));
    return [...bothOf(catchAllPorts(roots, gateway, claimant), portsOf(delegate))];
  });
  return new Set([...portsOf(claimant), ...brought]);
}

function bothOf(one: Ports, other: Ports): Ports {
  if (one.has('all')) return other;
  return other.has('all') ? one : new Set([...one].filter((port) => other.has(port)));
}
