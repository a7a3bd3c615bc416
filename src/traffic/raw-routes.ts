import { isManagedName } from '../rollout/managed-route.ts';
import { isRecord, without } from './same-json.ts';
import type { VirtualService } from './virtual-service.ts';

/** An http route as it is written, with all its fields. */
export type HttpRoute = Record<string, unknown>;

/** The http routes of an object as they are written; none where it has no list of them. */
export function httpOf({ spec }: VirtualService): unknown[] {
  return Array.isArray(spec.http) ? spec.http : [];
}

/** True for a route that canaryd has put there. */
export function isManaged(route: unknown): boolean {
  return managedNameOf(route) !== null;
}

/** The name of a route that is canaryd's, as it stands there; null for any other route. */
export function managedNameOf(route: unknown): string | null {
  const name = isRecord(route) ? route['name'] : undefined;
  return typeof name === 'string' && isManagedName(name) ? name : null;
}

/** The destination with this weight; null takes the field away. */
export function weighted(destination: HttpRoute, weight: number | null): HttpRoute {
  return { ...without(destination, ['weight']), ...(weight === null ? {} : { weight }) };
}

/** The destinations of a route as they are written. */
export function destinationsOf(route: unknown): HttpRoute[] {
  const destinations = isRecord(route) ? route['route'] : undefined;
  return Array.isArray(destinations) ? destinations.map((one) => (isRecord(one) ? one : {})) : [];
}
