import type { ManagedRoute } from './managed-route.ts';
import type { Step } from './plan-parts.ts';

/** A step that changes managed routes. */
export type RouteStep = Extract<Step, { type: 'setHeaderRoute' | 'setMirrorRoute' }>;

/** The managed routes that a step leaves behind. */
export function afterStep(routes: readonly ManagedRoute[], step: RouteStep): ManagedRoute[] {
  const { name } = step;
  if (step.remove === true) return withoutRoute(routes, name);
  if (step.type === 'setMirrorRoute') {
    const { percentage, match = null } = step;
    return withRoute(routes, { kind: 'mirror', name, match, percentage });
  }
  return step.match === undefined
    ? [...routes]
    : withRoute(routes, { kind: 'header', name, match: step.match });
}

/** Every managed route that one of these steps puts in place, in whichever form it has then. */
export function routesIn(steps: readonly Step[]): ManagedRoute[] {
  return steps.flatMap((step) => {
    const isRouteStep = step.type === 'setHeaderRoute' || step.type === 'setMirrorRoute';
    return isRouteStep ? afterStep([], step) : [];
  });
}

/** The managed routes that all of these steps leave behind. */
export function routesAfter(steps: readonly Step[]): ManagedRoute[] {
  let routes: ManagedRoute[] = [];
  for (const step of steps) {
    if (step.type === 'setHeaderRoute' || step.type === 'setMirrorRoute') routes = afterStep(routes, step);
  }
  return routes;
}

/** The list with a route put in, in the place of the one of its name or at the end. */
function withRoute(routes: readonly ManagedRoute[], route: ManagedRoute): ManagedRoute[] {
  const isThere = routes.some(({ name }) => name === route.name);
  if (!isThere) return [...routes, route];
  return routes.map((one) => (one.name === route.name ? route : one));
}

function withoutRoute(routes: readonly ManagedRoute[], name: string): ManagedRoute[] {
  return routes.filter((one) => one.name !== name);
}
