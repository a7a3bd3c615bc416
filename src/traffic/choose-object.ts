import type { MovedRoute, RoutesAsked, Selection, TargetObject, TargetRequest } from '../rollout/target.ts';
import { ownerOf } from './annotations.ts';
import { chooseRoutes } from './find-routes.ts';
import { qualifyHost } from './host.ts';
import { giveRoles, type Roles, type Selected } from './roles.ts';
import type { RouteArms } from './route-arms.ts';
import { isMisshapen, type Misshapen, type VirtualService } from './virtual-service.ts';

/** One VirtualService of a target as it stands at the start. */
export type FoundObject = {
  kind: 'object';
  virtualService: VirtualService;
  object: TargetObject;
  roles: Roles;
};

/** Chooses the routes and gives the roles in one VirtualService; `selected` has qualified hosts. */
export function chooseObject(
  virtualService: VirtualService,
  asked: RoutesAsked,
  selected: Selected,
  clusterDomain: string,
): FoundObject | Misshapen {
  const routes = chooseRoutes(virtualService, asked, clusterDomain);
  if (isMisshapen(routes)) return routes;
  const roles = giveRoles(routes, selected);
  if (isMisshapen(roles)) return withMover(roles, virtualService);
  const { name, namespace, uid } = virtualService.metadata;
  const object = { namespace, virtualService: name, uid, routes: roles.routes.map(movedRouteOf) };
  return { kind: 'object', virtualService, object, roles };
}

/** Weights in mid-air are most likely those of a rollout, and then nobody has to mend them by hand. */
function withMover({ fault, kind }: Misshapen, virtualService: VirtualService): Misshapen {
  const owner = ownerOf(virtualService);
  if (fault.code !== 'split-not-at-rest' || owner === null) return { fault, kind };
  const message = `${fault.message} (rollout ${owner.rolloutId} moves it or moved it last)`;
  return { kind, fault: { ...fault, message } };
}

function movedRouteOf({ route, stable, canary, others }: RouteArms): MovedRoute {
  const noted = others.map(({ host, subset, weight }) => ({ host, subset, weight }));
  return {
    key: route.key,
    original: { stable: stable.weight ?? 100, canary: canary.weight, others: noted },
  };
}

/** A person writes a host as the route does: short names are read in the VirtualService's namespace. */
export function qualified(
  { namespace, stable, canary }: Pick<TargetRequest, 'namespace' | 'stable' | 'canary'>,
  clusterDomain: string,
): Pick<TargetRequest, 'stable' | 'canary'> {
  const complete = ({ host, subset }: Selection): Selection => ({
    subset,
    host: host === undefined ? undefined : qualifyHost(host, namespace, clusterDomain),
  });
  return { stable: stable && complete(stable), canary: canary && complete(canary) };
}
