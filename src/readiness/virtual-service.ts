import type { Check } from './check.ts';
import { callersCovered } from './virtual-service/callers-covered.ts';
import { destinationsResolve } from './virtual-service/destinations-resolve.ts';
import { weightsAsWritten } from './virtual-service/drift.ts';
import { soleClaim } from './virtual-service/host-conflicts.ts';
import { noHttpRoutes } from './virtual-service/http-routes.ts';
import { noLeftovers } from './virtual-service/leftovers.ts';
import { noStickiness, nothingHidden } from './virtual-service/noted.ts';
import { canaryAtRest, routeStands, subsetDefined } from './virtual-service/split-checks.ts';
import { notSwallowed } from './virtual-service/swallowed.ts';

/** Whether the routes that are to be moved bring users to the two destinations, and to nobody else. */
export const virtualServiceChecks: readonly Check[] = [
  routeStands,
  canaryAtRest,
  destinationsResolve,
  subsetDefined,
  soleClaim,
  notSwallowed,
  callersCovered,
  noLeftovers,
  nothingHidden,
  weightsAsWritten,
  noStickiness,
  noHttpRoutes,
];
