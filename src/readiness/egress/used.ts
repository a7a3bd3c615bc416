import { isLike } from '../authorization/identities.ts';
import { sorted } from '../authorization/policies.ts';
import type { VirtualService } from '../objects.ts';
import type { Callee, Subject } from '../snapshot.ts';
import { gatewaysOf } from '../virtual-service/claims.ts';

/** A gateway through which something of stable leaves the mesh, and the hosts that stand before it. */
export type Used = { gateway: string; through: string[] };

/**
 * The gateways through which hosts outside the mesh are called that stable calls, or that the plan lists.
 * Source: https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/
 */
export function egressGatewaysOf(
  callees: readonly Callee[],
  virtualServices: readonly VirtualService[],
  subject: Subject,
): Used[] {
  const hosts = hostsOf(callees, subject);
  const leaving = sorted(virtualServices)
    .filter(({ spec }) => (spec.hosts ?? []).some((pattern) => hosts.some((host) => isLike(pattern, host))))
    .flatMap((one) => ownGateways(one).map((gateway) => ({ gateway, through: destinationsOf(one) })));
  const names = [...new Set(leaving.map(({ gateway }) => gateway))];
  return names.map((gateway) => {
    const through = leaving.filter((one) => one.gateway === gateway).flatMap((one) => one.through);
    return { gateway, through };
  });
}

function hostsOf(callees: readonly Callee[], { requirements }: Subject): string[] {
  const called = callees.flatMap(({ host, service }) =>
    service === null ? [host.replace(/:\d+$/, '')] : [],
  );
  return [...called, ...requirements.egressHosts];
}

function ownGateways(object: VirtualService): string[] {
  return gatewaysOf(object).filter((name) => name !== 'mesh');
}

function destinationsOf({ spec }: VirtualService): string[] {
  return [...(spec.http ?? []), ...(spec.tls ?? []), ...(spec.tcp ?? [])]
    .flatMap(({ route }) => route ?? [])
    .flatMap(({ destination }) => (destination ? [destination.host] : []));
}
