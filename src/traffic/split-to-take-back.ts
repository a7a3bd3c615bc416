import type { Gap, ShapeFault } from '../rollout/ports/mesh.ts';
import { objectName } from '../rollout/several.ts';
import { routeLabel, type Target } from '../rollout/target.ts';
import { managedRoutesIn } from './managed-routes.ts';
import { type Divided, divide } from './movable-routes.ts';
import { type Split, splitIn } from './split.ts';
import { isMisshapen, nameOf, type VirtualService } from './virtual-service.ts';

/** The split of the routes that weights can take back, and a gap for each of the others. */
export type SplitToTakeBack = { split: Split; gaps: Gap[] };

/**
 * What of an object can go back where some of its routes cannot: they are gone, cannot be read or have lost stable. Null
 * where all of them can.
 */
export function splitToTakeBack(
  virtualService: VirtualService,
  target: Target,
  clusterDomain: string,
): SplitToTakeBack | null {
  const { routes, lost } = divide(virtualService, target, clusterDomain);
  if (lost.length === 0) return null;
  const split = splitIn(virtualService, { ...target, routes }, clusterDomain);
  // Each of them could be read by itself.
  if (isMisshapen(split)) return null;
  const name = objectName(target);
  const gaps = lost.map((one): Gap => ({ name, view: { kind: 'shape', fault: faultOf(one, target) } }));
  return { split: routes.length === 0 ? { ...split, lowestShare: split.canaryShare } : split, gaps };
}

/** False where a write would change nothing: there is no route to take back, and no managed one to take away. */
export function isWorthAWrite(virtualService: VirtualService, { split }: SplitToTakeBack): boolean {
  return split.routes.length > 0 || managedRoutesIn(virtualService).length > 0;
}

function faultOf({ key, loss }: Divided['lost'][number], target: Target): ShapeFault {
  const label = routeLabel(key);
  const route = `${label === '' ? 'the route without a name' : `route ${label}`} of ${objectName(target)}`;
  if (isMisshapen(loss)) return { ...loss.fault, message: `${route}: ${loss.fault.message}` };
  const stable = nameOf(loss.stable, [target.stable, target.canary]);
  return {
    code: 'destination-not-in-route',
    path: `spec.${key.kind}`,
    message: `${route}: it has no destination ${stable} (stable) any more, so no weight can bring its users back: put that back`,
  };
}
