import type { SurveyedDestination, SurveyedRoute } from '../rollout/ports/mesh.ts';
import { type RouteKey, routeLabel } from '../rollout/target.ts';
import { type Qualify, qualifierIn, readEntry } from './route.ts';
import { entriesOf, isManaged, type RouteEntry } from './route-entries.ts';
import { isMisshapen, type Misshapen, misshapen, shownPath, type VirtualService } from './virtual-service.ts';

/** Up to so many routes are looked at: each may cost two calls to the API server. */
const mostRoutes = 50;

/** A route of a survey before anybody looked whether a rollout could start there. */
export type ListedRoute = Pick<SurveyedRoute, 'name' | 'path' | 'destinations'> & {
  key: RouteKey;
  /** Why it cannot be named in a target; null when it can. */
  fault: Misshapen | null;
};

/**
 * All routes of an object but canaryd's own, with their destinations and shares. An http route that another one hides
 * (the same name, or none like another) is listed with the fault that a target which means it would meet.
 */
export function listRoutes(
  virtualService: VirtualService,
  clusterDomain: string,
): { kind: 'routes'; routes: ListedRoute[] } | Misshapen {
  const http = entriesOf(virtualService, 'http');
  if (isMisshapen(http)) return http;
  const streams = (['tls', 'tcp'] as const).flatMap((protocol) => {
    const entries = entriesOf(virtualService, protocol);
    return isMisshapen(entries) ? [] : entries;
  });
  const entries = [...http.filter((entry) => !isManaged(entry)), ...streams];
  if (entries.length === 0) {
    const message = 'the VirtualService has no route: add one with two destinations';
    return misshapen('unsupported-shape', ['spec', 'http'], message);
  }
  const qualify = qualifierIn(virtualService.metadata.namespace, clusterDomain);
  const routes = entries.slice(0, mostRoutes).map((entry) => ({
    name: routeLabel(entry.key),
    key: entry.key,
    path: shownPath(entry.at),
    destinations: destinationsOf(entry, qualify),
    fault: hiddenBy(entries, entry),
  }));
  return { kind: 'routes', routes };
}

function hiddenBy(entries: RouteEntry[], { key, at }: RouteEntry): Misshapen | null {
  if (key.kind !== 'http') return null;
  const twins = entries.filter((other) => other.key.kind === 'http' && other.key.name === key.name);
  if (twins.length === 1) return null;
  const message =
    key.name === ''
      ? 'the route has no name, and it is not the only one: give it one'
      : `two http routes are named "${key.name}": give each its own name`;
  return misshapen('route-ambiguous', [...at, 'name'], message);
}

/** Empty for a route whose destinations cannot be read. */
function destinationsOf(entry: RouteEntry, qualify: Qualify): SurveyedDestination[] {
  const read = readEntry(entry, qualify);
  if (isMisshapen(read)) return [];
  return read.destinations.map(({ host, subset, weight, share }) => ({ host, subset, weight, share }));
}
