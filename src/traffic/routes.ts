import { z } from 'zod';
import type { SurveyedDestination, SurveyedRoute } from '../rollout/ports/mesh.ts';
import { type Misshapen, misshapen, readRoute, shownPath, VirtualService } from './virtual-service.ts';

/** Up to so many routes are looked at: each may cost two calls to the API server. */
const mostRoutes = 50;

/** A route of a survey before anybody looked whether a rollout could start there. */
export type ListedRoute = Pick<SurveyedRoute, 'name' | 'path' | 'destinations'> & {
  /** Why it cannot be named in a target; null when it can. */
  fault: Misshapen | null;
};

const Routes = z.object({ http: z.array(z.looseObject({ name: z.string().optional() })).min(1) });

/**
 * All http routes of an object with their destinations and shares. A route that another one hides (the same name, or
 * none beside others) is listed with the fault that a target which means it would meet.
 */
export function listRoutes(
  virtualService: VirtualService,
  clusterDomain: string,
): { kind: 'routes'; routes: ListedRoute[] } | Misshapen {
  const parsed = Routes.safeParse(virtualService.spec);
  if (!parsed.success) {
    const found = readRoute(virtualService, '', clusterDomain);
    return found.kind === 'shape' ? found : misshapen('unsupported-shape', httpRoutes, 'not understood');
  }
  const { http } = parsed.data;
  const names = http.map(({ name = '' }) => name);
  const routes = http.slice(0, mostRoutes).map((route, index) => {
    const hidden = hiddenBy(names, index);
    const destinations = destinationsOf(virtualService, route, clusterDomain);
    return { name: names[index] ?? '', path: shownPath([...httpRoutes, index]), destinations, fault: hidden };
  });
  return { kind: 'routes', routes };
}

const httpRoutes = ['spec', 'http'] as const;

function hiddenBy(names: string[], index: number): Misshapen | null {
  const name = names[index] ?? '';
  const at = [...httpRoutes, index, 'name'];
  if (name === '' && names.length > 1) {
    return misshapen('route-ambiguous', at, 'the route has no name among several: give it one');
  }
  if (names.filter((other) => other === name).length === 1) return null;
  return misshapen('route-ambiguous', at, `two http routes are named "${name}": give each its own name`);
}

/** Read as the only route of its object, because shares do not depend on the others. */
function destinationsOf(
  virtualService: VirtualService,
  route: unknown,
  clusterDomain: string,
): SurveyedDestination[] {
  const alone = VirtualService.parse({ ...virtualService, spec: { http: [route] } });
  const read = readRoute(alone, '', clusterDomain);
  if (read.kind === 'shape') return [];
  return read.destinations.map(({ host, subset, weight, share }) => ({ host, subset, weight, share }));
}
