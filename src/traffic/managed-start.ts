import type { ManagedRoute } from '../rollout/managed-route.ts';
import { managedFault, type Preceded } from './managed-routes.ts';
import type { Destination, Misshapen, Path, VirtualService } from './virtual-service.ts';

/** An object at the start of a rollout, with the routes that will be moved and the canary in each. */
type Starting = {
  virtualService: VirtualService;
  roles: { routes: readonly { route: { at: Path }; canary: Pick<Destination, 'at'> }[] };
};

/**
 * Why these managed routes could not be put into one of the objects of a rollout; null when they can. In the message
 * stands which object it is, where that is not the first.
 */
export function managedStartFault(
  objects: readonly Starting[],
  wanted: readonly ManagedRoute[],
): Misshapen | null {
  const faults = objects.map(({ virtualService, roles }, index) => {
    const found = managedFault(virtualService, roles.routes.flatMap(precededAtStart), wanted);
    return index === 0 ? found : found && inObject(found, virtualService);
  });
  return faults.find((fault) => fault !== null) ?? null;
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

function inObject({ fault }: Misshapen, { metadata }: VirtualService): Misshapen {
  const message = `VirtualService ${metadata.namespace}/${metadata.name}: ${fault.message}`;
  return { kind: 'shape', fault: { ...fault, message } };
}
