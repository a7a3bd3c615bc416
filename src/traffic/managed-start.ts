import { type ManagedRoute, managedPrefix } from '../rollout/managed-route.ts';
import { routeLabel } from '../rollout/target.ts';
import { ownerOf } from './annotations.ts';
import type { Preceded } from './managed-mirrors.ts';
import { managedFault } from './managed-routes.ts';
import { entriesOf, isManaged } from './route-entries.ts';
import {
  type Destination,
  inObject,
  isMisshapen,
  type Misshapen,
  misshapen,
  type Path,
  type VirtualService,
} from './virtual-service.ts';

/** An object at the start of a rollout, with the routes that will be moved and the canary in each. */
type Starting = {
  virtualService: VirtualService;
  roles: { routes: readonly { route: { at: Path }; canary: Pick<Destination, 'at'> }[] };
};

/**
 * Why these managed routes could not be put into one of the objects of a rollout, or why the rollout would take away a
 * route of somebody else's; null when all is well. In the message stands which object it is, where that is not the first.
 */
export function managedStartFault(
  objects: readonly Starting[],
  wanted: readonly ManagedRoute[],
): Misshapen | null {
  const faults = objects.map(({ virtualService, roles }, index) => {
    const found =
      foreignNameFault(virtualService) ??
      managedFault(virtualService, roles.routes.flatMap(precededAtStart), wanted);
    const { namespace, name } = virtualService.metadata;
    return index === 0 ? found : found && inObject(found, `${namespace}/${name}`);
  });
  return faults.find((fault) => fault !== null) ?? null;
}

/**
 * A route that bears a name of ours, in an object in which no rollout has ever written: it is somebody else's, and the
 * first write would take it away. Where our annotation stands it is what an earlier rollout left behind.
 */
function foreignNameFault(virtualService: VirtualService): Misshapen | null {
  if (ownerOf(virtualService) !== null) return null;
  const http = entriesOf(virtualService, 'http');
  const foreign = isMisshapen(http) ? undefined : http.find(isManaged);
  if (foreign === undefined) return null;
  const message = `names that begin with ${managedPrefix} are canaryd's, and its first write would take "${routeLabel(foreign.key)}" away, which nothing in the object tells that canaryd has put there: rename it, or take it out`;
  return misshapen('unsupported-shape', [...foreign.at, 'name'], message);
}

function precededAtStart({
  route: { at },
  canary,
}: Starting['roles']['routes'][number]): Pick<Preceded, 'index' | 'canary'>[] {
  const [, protocol, index] = at;
  return protocol === 'http' && typeof index === 'number'
    ? [{ index, canary: Number(canary.at.at(-1)) }]
    : [];
}
