import { type ManagedRoute, managedName } from '../rollout/managed-route.ts';
import type { Preceded } from './managed-mirrors.ts';
import { standingCopies, wantedCopies } from './managed-routes.ts';
import { type Qualify, shareOf } from './route.ts';
import { isRecord, isSameJson } from './same-json.ts';
import { isMisshapen, type VirtualService } from './virtual-service.ts';

/** An object as it stands, with the http routes that are moved in it. */
type Standing = { virtualService: VirtualService; preceded: readonly Preceded[]; qualify: Qualify };

/**
 * The names of the managed routes that stand in an object but do not send what they should where they should: another
 * match, another destination, another division, a mirror of other requests, or a place behind the route that they are
 * to precede. Fields that they only copy from that route (its timeout, retries, headers and so on) do not count: when
 * its owner has changed those the copy is old, and the next write makes it new. Neither does a route that could not be
 * put there any more, because the next write says so with the path.
 */
export function changedRoutesIn(standing: Standing, wanted: readonly ManagedRoute[]): string[] {
  return wanted.filter((managed) => isChanged(standing, managed)).map(({ name }) => name);
}

function isChanged({ virtualService, preceded, qualify }: Standing, managed: ManagedRoute): boolean {
  const present = standingCopies(virtualService, managedName(managed));
  // That all of them are gone is told by their names.
  if (present.length === 0) return false;
  const wanted = wantedCopies(virtualService, preceded, managed);
  if (isMisshapen(wanted)) return false;
  const above = (place: number) => preceded.filter(({ index }) => index < place).length;
  const isAsWanted = present.every(
    ({ index, value }, turn) =>
      above(index) === turn && isSameJson(steering(value, qualify), steering(wanted[turn], qualify)),
  );
  return present.length !== wanted.length || !isAsWanted;
}

/** Whatever says where requests, or copies of them, go, beside the destinations themselves. */
const steeringFields = [
  'match',
  'mirrors',
  'mirrorPercentage',
  'mirrorPercent',
  'mirror_percent',
  'redirect',
  'directResponse',
  'delegate',
];

/** What says which requests a managed route takes, and where they go. */
function steering(route: unknown, qualify: Qualify): unknown {
  if (!isRecord(route)) return null;
  const list = Array.isArray(route['route']) ? route['route'].map((one) => (isRecord(one) ? one : {})) : [];
  const total = list.reduce((sum, one) => sum + weightOf(one), 0);
  const places = list.map((one) => ({
    ...placeOf(one['destination'], qualify),
    share: list.length === 1 ? 100 : shareOf(weightOf(one), total),
  }));
  const fields = steeringFields.map((field) => route[field] ?? null);
  return { fields, places, mirror: placeOf(route['mirror'], qualify) };
}

function weightOf({ weight }: Record<string, unknown>): number {
  return typeof weight === 'number' ? weight : 0;
}

/** Two ways to write one host are one place. */
function placeOf(destination: unknown, qualify: Qualify): Record<string, unknown> | null {
  if (!isRecord(destination)) return null;
  const { host, subset = null, port = null } = destination;
  return { host: typeof host === 'string' ? qualify(host) : host, subset, port };
}
