import { isSameNames, namesOf } from './managed.ts';
import { managedName } from './managed-route.ts';
import type { SplitView } from './ports/mesh.ts';
import type { Rollout } from './rollout.ts';
import { partsOf } from './several.ts';

/** What is odd about the managed routes, in words; null when they stand as they were left. */
export function strangeRoutes(traffic: Rollout['traffic'], view: SplitView): string | null {
  const wanted = namesOf(traffic.managed.desired);
  const isHalfDone = view.objects !== undefined && traffic.intent !== null;
  const odd = partsOf(view).find(({ managedRoutes }) => !areOurRoutes(traffic, managedRoutes, isHalfDone));
  if (odd === undefined) return changedRoutes(traffic, view);
  return `there are ${listed(odd.managedRoutes)} where canaryd wants ${listed(wanted)}`;
}

/** Those that a write of ours is to change have every right to differ, and those that were told of are known. */
function changedRoutes({ managed, intent }: Rollout['traffic'], view: SplitView): string | null {
  const { changed: known = [] } = managed;
  const changed = view.changedRoutes.filter((name) => !known.includes(name));
  if (changed.length === 0 || intent?.managed === true) return null;
  const object = view.objects?.find((one) => one.changedRoutes.some((name) => changed.includes(name)));
  const where = object === undefined ? '' : ` in ${object.name}`;
  return `what ${listed(changed)}${where} matches, or where that goes, is not what canaryd wrote, or no longer fits the route that follows`;
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.map((name) => managedName({ name })).join(', ');
}

/** True for routes as they were read back, or as they are wanted; of several objects some may have either. */
function areOurRoutes({ managed }: Rollout['traffic'], names: string[], isHalfDone: boolean): boolean {
  const wanted = namesOf(managed.desired);
  if (isSameNames(names, managed.applied) || isSameNames(names, wanted)) return true;
  // What was told of once and still is as it was is no news.
  const isKnown = (name: string) => managed.changed?.includes(name) === true;
  const [left, were] = [names, managed.applied].map((all) => all.filter((name) => !isKnown(name)));
  if (managed.changed !== undefined && isSameNames(left ?? [], were ?? [])) return true;
  return isHalfDone && names.every((name) => managed.applied.includes(name) || wanted.includes(name));
}
