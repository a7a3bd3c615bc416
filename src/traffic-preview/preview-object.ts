import { managedName } from '../rollout/managed-route.ts';
import { routeLabel } from '../rollout/target.ts';
import { applyPatch } from '../traffic/apply-patch.ts';
import type { FoundObject } from '../traffic/choose-object.ts';
import { managedRoutesIn } from '../traffic/managed-routes.ts';
import type { PatchOperation } from '../traffic/patch-operation.ts';
import { type Moved, type Split, splitIn } from '../traffic/split.ts';
import {
  type Destination,
  isMisshapen,
  type Misshapen,
  shownPath,
  VirtualService,
} from '../traffic/virtual-service.ts';
import { weightPatch } from '../traffic/weight-patch.ts';
import { type GivenObject, withStandIns } from './documents.ts';

/** One destination before and after the write; shares are percent of the whole route, weights the raw numbers. */
type ShownDestination = {
  host: string;
  subset: string | null;
  role: 'stable' | 'canary' | 'other';
  before: { share: number; weight: number | null };
  after: { share: number; weight: number | null };
};

export type ShownRoute = { route: string; path: string; destinations: ShownDestination[] };

/** What one write would make of an object. */
export type ObjectPreview = {
  kind: 'object';
  namespace: string;
  virtualService: string;
  shares: ShownRoute[];
  patch: PatchOperation[];
  object: unknown;
  hasVersion: boolean;
  /** The names of the managed routes that the write takes away. */
  takenAway: string[];
  found: FoundObject;
};

/** Stands in the annotations for the id that a rollout gets when it begins. */
export const idForShow = 'ro_preview';

/** What canaryd would make of an object whose routes and roles are known, by the code of a rollout's own write. */
export function previewObject(
  given: GivenObject,
  found: FoundObject,
  share: number,
  clusterDomain: string,
): ObjectPreview | Misshapen {
  const before = given.virtualService;
  const { roles } = found;
  const { routes } = found.object;
  const moved: Moved = { routes, stable: roles.stable, canary: roles.canary };
  const split = splitIn(before, moved, clusterDomain);
  if (isMisshapen(split)) return split;
  // The first write of a rollout takes away what an earlier one left standing.
  const write = { share, end: false, rolloutId: idForShow, epoch: 1, managed: [] };
  const sent = weightPatch(before, split, moved, write);
  if (isMisshapen(sent)) return sent;
  const patch = given.hasVersion ? sent : sent.filter(({ path }) => path !== '/metadata/resourceVersion');
  const object = applyPatch(given.document, patch);
  const written = VirtualService.parse(withStandIns(object, given.namespace));
  const after = splitIn(written, moved, clusterDomain);
  if (isMisshapen(after)) return after;
  return {
    kind: 'object',
    namespace: given.namespace,
    virtualService: given.name,
    shares: moved.routes.map(({ key }, index) => shownRoute(routeLabel(key), { split, after }, index)),
    patch,
    object,
    hasVersion: given.hasVersion,
    takenAway: goneFrom(before, written),
    found,
  };
}

function goneFrom(before: VirtualService, written: VirtualService): string[] {
  const left = managedRoutesIn(written);
  return managedRoutesIn(before)
    .filter((name) => !left.includes(name))
    .map((name) => managedName({ name }));
}

type Both = { split: Split; after: Split };

function shownRoute(label: string, { split, after }: Both, index: number): ShownRoute {
  const before = split.routes[index];
  const written = after.routes[index];
  if (before === undefined || written === undefined)
    throw new Error('a route that is moved is not in the split');
  const [then, now] = [before, written].map(({ stable, canary, others }) => [stable, canary, ...others]);
  const destinations = (then ?? []).flatMap((one, place) => {
    const other = now?.[place] ?? null;
    return one === null || other === null ? [] : [shownDestination(one, other, place)];
  });
  return { route: label, path: shownPath(before.at), destinations };
}

const roles = ['stable', 'canary'] as const;

function shownDestination(before: Destination, after: Destination, place: number): ShownDestination {
  const of = ({ share, weight }: Destination) => ({ share, weight });
  const { host, subset } = before;
  return { host, subset, role: roles[place] ?? 'other', before: of(before), after: of(after) };
}
