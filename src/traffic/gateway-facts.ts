import type { Deployment, Gateway, VirtualService } from '../readiness/objects.ts';
import type { Fact } from '../readiness/snapshot.ts';
import { type Asking, listLabelled } from './list-facts.ts';
import { readFact } from './merge-facts.ts';
import { kinds } from './surroundings-kinds.ts';

/** Selectors of Gateways, of which each costs a call. */
export const mostSelectors = 10;

/** `left`: Gateways whose Deployments nobody looked for; `gaps` name those of them that the target may depend on. */
export type BehindGateways = { deployments: Deployment[]; left: ReadonlySet<string>; gaps: string[] };

/** By whom Gateways are named, where the VirtualServices are read at all; `moved` as `namespace/name`. */
type Naming = { virtualServices: Fact<VirtualService[]> | null; moved: readonly string[] };

/**
 * The Deployments behind Gateways, of whatever namespace, of as many as a few calls can ask for: first those that bring
 * requests to the target's routes, then those by which calls leave the mesh. One that canaryd may not list is left out
 * and is no gap: it says nothing of the services' own Deployments, and the check that needs it says so itself.
 */
export async function deploymentsBehind(
  asking: Asking,
  gateways: Fact<Gateway[]>,
  naming: Naming,
): Promise<BehindGateways> {
  if (gateways.kind === 'unread') return { deployments: [], left: new Set(), gaps: [] };
  const { toTarget, outward } = namedBy(naming);
  const rankOf = (one: Gateway) => {
    if (toTarget.has(gatewayName(one))) return 0;
    return outward.has(gatewayName(one)) || isEgress(one) ? 1 : 2;
  };
  const ranked = gateways.value
    .map((gateway) => ({ gateway, rank: rankOf(gateway), labels: selectorOf(gateway) }))
    .filter(({ labels }) => labels !== '')
    .toSorted((one, other) => one.rank - other.rank);
  const asked = [...new Set(ranked.map(({ labels }) => labels))].slice(0, mostSelectors);
  const found = await Promise.all(
    asked.map((labels) => listLabelled(asking, kinds.deployments, { namespace: null, labels })),
  );
  const left = ranked.filter(({ labels }) => !asked.includes(labels));
  const missed = left.filter(({ rank }) => rank < 2).map(({ gateway }) => gatewayName(gateway));
  return {
    deployments: found.flatMap((fact) => (fact.kind === 'read' ? fact.value : [])),
    left: new Set(left.map(({ gateway }) => gatewayName(gateway))),
    gaps: missed.length === 0 ? [] : [gapWords(missed)],
  };
}

function gapWords(missed: readonly string[]): string {
  const names = `${missed.slice(0, 5).join(', ')}${missed.length > 5 ? ` and ${missed.length - 5} more` : ''}`;
  return `those of the pods of ${names} were not looked for: Gateways have more than ${mostSelectors} selectors`;
}

/** Gateways that VirtualServices of the target's hosts name, and those of others that hold for sidecars, too. */
function namedBy({ virtualServices, moved }: Naming): { toTarget: Set<string>; outward: Set<string> } {
  const all = virtualServices?.kind === 'read' ? virtualServices.value : [];
  const nameOf = ({ metadata }: VirtualService) => `${metadata.namespace ?? ''}/${metadata.name}`;
  const hosts = new Set(
    all.filter((one) => moved.includes(nameOf(one))).flatMap(({ spec }) => spec.hosts ?? []),
  );
  const isOurs = (one: VirtualService) =>
    moved.includes(nameOf(one)) || (one.spec.hosts ?? []).some((host) => hosts.has(host));
  const outward = all.map(gatewaysOf).filter((names) => names.includes('mesh'));
  return { toTarget: new Set(all.filter(isOurs).flatMap(gatewaysOf)), outward: new Set(outward.flat()) };
}

/** As `namespace/name`, of which the older form is a host name; `mesh` where it names none. */
function gatewaysOf({ metadata, spec }: VirtualService): string[] {
  return (spec.gateways?.length ? spec.gateways : ['mesh']).map((name) => {
    if (name === 'mesh' || name.includes('/')) return name;
    const [first, second] = name.split('.');
    return `${second ?? metadata.namespace ?? ''}/${first}`;
  });
}

/** Where a VirtualService for sidecars sends to the gateway's Service, another one names the Gateway. */
function isEgress({ spec }: Gateway): boolean {
  return Object.values(spec.selector ?? {}).some((value) => value.includes('egress'));
}

/** `namespace/name`. */
export function gatewayName({ metadata }: Gateway): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function selectorOf({ spec }: Gateway): string {
  return Object.entries(spec.selector ?? {})
    .map(([label, value]) => `${label}=${value}`)
    .toSorted()
    .join(',');
}

/** These and the others, each once. */
export function withDeployments(
  own: Fact<Deployment[]>,
  others: Pick<BehindGateways, 'deployments' | 'gaps'>,
): Fact<Deployment[]> {
  if (own.kind === 'unread') return own;
  const all = [...own.value, ...others.deployments];
  const each = new Map(all.map((one) => [`${one.metadata.namespace ?? ''}/${one.metadata.name}`, one]));
  return readFact([...each.values()], [...(own.gaps ?? []), ...others.gaps]);
}
