import type { OtherRoute, OtherRoutes, Unread } from '../rollout/ports/other-routes.ts';
import type { Arm } from '../rollout/target.ts';
import { serviceOf } from './host.ts';
import { shortened } from './match-words.ts';
import type { Place } from './virtual-service.ts';
import type { Delegation, Way, Ways } from './ways.ts';
import { hasLabels } from './workload.ts';

type Labels = Record<string, string>;
export type CanaryArm = Pick<Arm, 'host' | 'subset' | 'service' | 'podLabels'>;

/** What is known of who stands behind the hosts of the canary's namespace. */
export type Behind = {
  /** The labels of the canary's pods. */
  pods: Labels[];
  /** What the services select, by qualified host; null for one that could not be read. */
  selectors: ReadonlyMap<string, Labels | null>;
  /** What a subset adds to that, by qualified host and name; null when the DestinationRules could not be read. */
  subsets: ReadonlyMap<string, ReadonlyMap<string, Labels>> | null;
};

/** More are counted, not listed. */
const mostListed = 50;

/** Which of these ways lead to the canary's pods; `isComplete` is false when there may be objects that were not read. */
export function otherRoutesOf(
  found: Ways[],
  canary: CanaryArm,
  behind: Behind,
  { unknown, isComplete }: { unknown: Unread[]; isComplete: boolean },
): OtherRoutes {
  const delegations = found.flatMap((one) => one.delegations);
  const listed = found.flatMap(({ delegate, ways }) =>
    ways.flatMap((way) => {
      const to = pathTo(way.place, canary, behind);
      const by = delegate === null ? [''] : delegatedBy(delegate, delegations, isComplete);
      return to === null ? [] : by.map((from) => routeOf(way, [from, to]));
    }),
  );
  const routes = listed.sort(byPlace);
  return {
    routes: routes.slice(0, mostListed),
    more: Math.max(0, routes.length - mostListed),
    direct: found.some(({ hosts }) => hosts.some((one) => isHostOf(one, canary.host)))
      ? null
      : callsPastRoutes(canary, isComplete),
    unknown: [...unknown, ...found.flatMap((one) => one.unknown), ...untold(found, canary, behind)],
  };
}

/** The answer of a cluster that cannot be asked. */
export function nothingRead(why: string): OtherRoutes {
  return { routes: [], more: 0, direct: null, unknown: [{ namespace: null, why }] };
}

/** Services of the canary's namespace, beside its own, that requests are sent to: each may select its pods. */
export function servicesToAsk(found: Ways[], canary: CanaryArm, clusterDomain: string): Arm['service'][] {
  const hosts = new Set(found.flatMap(({ ways }) => ways.map(({ place }) => place.host)));
  const services = [...hosts].sort().flatMap((host) => serviceOf(host, clusterDomain) ?? []);
  const { name, namespace } = canary.service;
  return services.filter((service) => service.namespace === namespace && service.name !== name);
}

function isHostOf(pattern: string, host: string): boolean {
  return pattern === host || pattern === '*' || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));
}

/** Null when it does not lead to the canary; the words are empty when it leads to nothing else. */
function pathTo(place: Place, canary: CanaryArm, behind: Behind): string | null {
  if (place.host !== canary.host) return isCommon(place, behind) ? `to ${inWords(place)}, ${common}` : null;
  if (place.subset === canary.subset) return '';
  if (place.subset === null) return `to all pods of ${canary.service.name}, the canary's among them`;
  if (canary.subset === null) return `to the subset ${shortened(place.subset)} of the canary`;
  return isCommon(place, behind, {}) ? `to ${inWords(place)}, ${common}` : null;
}

const common = "which selects the canary's pods too";

/** True when a pod of the canary stands behind the place, too; false also where that is not known. */
function isCommon(
  { host, subset }: Place,
  { pods, selectors, subsets }: Behind,
  selector = selectors.get(host) ?? null,
): boolean {
  const added = subset === null ? {} : (subsets?.get(host)?.get(subset) ?? null);
  if (selector === null || added === null) return false;
  const labels = { ...selector, ...added };
  return pods.some((pod) => hasLabels({ metadata: { labels: pod } }, labels));
}

function inWords({ host, subset }: Place): string {
  const service = host.split('.')[0] ?? host;
  return subset === null ? service : `the subset ${shortened(subset)} of ${service}`;
}

/** Each route that delegates to an object brings requests of its own. */
function delegatedBy(name: string, delegations: Delegation[], isComplete: boolean): string[] {
  const by = delegations.filter(({ to }) => to === name);
  if (by.length > 0) return by.map(({ from, words }) => `delegated by ${from} (${words})`);
  return isComplete ? [] : ['no VirtualService that could be read delegates to it'];
}

function routeOf({ place: _place, words, share, ...way }: Way, more: string[]): OtherRoute {
  const match = [...words, ...more].filter((part) => part !== '').join('; ');
  return { ...way, share: Number(share.toFixed(2)) || 0.01, match };
}

function byPlace(one: OtherRoute, other: OtherRoute): number {
  const [left, right] = [one, other].map(({ namespace, virtualService, path }) =>
    [namespace, virtualService, path].join('/'),
  );
  return (left ?? '') < (right ?? '') ? -1 : 1;
}

function callsPastRoutes({ host, subset, service }: CanaryArm, isComplete: boolean): string {
  const none = isComplete ? 'no VirtualService' : 'no VirtualService that could be read';
  const reached = subset === null ? 'the canary' : `all pods of ${service.name}, the canary's among them`;
  return `${none} gives ${host} a route for all callers in the mesh: who calls it by its name reaches ${reached}`;
}

/** Destinations of which nobody knows what they select. */
function untold(found: Ways[], canary: CanaryArm, { selectors, subsets }: Behind): Unread[] {
  const { namespace } = canary.service;
  const unread = [...selectors].flatMap(([host, selector]) => (selector === null ? [host] : []));
  const places = found.flatMap(({ ways }) => ways.map(({ place }) => place));
  const mayBeIt = places.some(
    ({ host, subset }) =>
      subset !== null && subset !== canary.subset && (host === canary.host || selectors.has(host)),
  );
  const rules = 'the DestinationRules could not be read, which say what other subsets select';
  return [
    ...unread.map((host) => ({ namespace, why: `the service ${host} could not be read` })),
    ...(subsets === null && mayBeIt ? [{ namespace, why: rules }] : []),
  ];
}
