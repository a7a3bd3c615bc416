import { z } from 'zod';
import type { RouteKey } from '../rollout/target.ts';
import type { Share } from '../rollout/units.ts';
import { qualifyHost } from './host.ts';
import type { RouteEntry } from './route-entries.ts';
import { type Destination, type Misshapen, misread, type Path, type Place } from './virtual-service.ts';

/** A route whose weights are moved, or may be. */
export type Route = {
  kind: 'route';
  at: Path;
  key: RouteKey;
  /** Where copies of its requests go. */
  mirrors: Mirror[];
  destinations: Destination[];
  /** Where the object's other http routes send requests; one that cannot be read may send them anywhere. */
  elsewhere: (Place | 'unreadable')[];
  /** True when nobody named it: it is moved only if it carries both destinations. */
  isBeside: boolean;
};

/** Where copies of requests go; the place is `unreadable` when that is not understood. */
type Mirror = { at: Path; to: Place | 'unreadable' };

/** Completes a host name as the object's namespace does. */
export type Qualify = (host: string) => string;

/** How hosts are completed in an object of this namespace. */
export function qualifierIn(namespace: string, clusterDomain: string): Qualify {
  return (host) => qualifyHost(host, namespace, clusterDomain);
}

/** Reads the destinations of a route. Weights are relative in Istio, so shares are computed from their sum. */
export function readEntry(
  { at, key, value }: RouteEntry,
  qualify: Qualify,
): Omit<Route, 'elsewhere' | 'isBeside'> | Misshapen {
  const schema: z.ZodType<AnyRoute> = key.kind === 'http' ? HttpRoute : StreamRoute;
  const parsed = schema.safeParse(value);
  if (!parsed.success) return misread(parsed.error, at);
  const mirrors = key.kind === 'http' ? mirrorsOf(parsed.data, at, qualify) : [];
  const destinations = readDestinations(parsed.data.route, [...at, 'route'], qualify);
  return { kind: 'route', at, key, mirrors, destinations };
}

const wholeNumber = { error: 'a weight is a whole number of 0 or more: write one' };

const WeightedDestination = z.looseObject({
  destination: z.looseObject({
    host: z.string({ error: 'a destination names its host: add it' }).min(1),
    subset: z.string().optional(),
  }),
  weight: z.int(wholeNumber).min(0, wholeNumber).optional(),
});

const none = 'the route has no destinations: add two, one for each subset';
const Destinations = z.array(WeightedDestination, { error: none }).min(1, { error: none });

const StreamRoute = z.looseObject({ route: Destinations });

const HttpRoute = z.looseObject({
  redirect: refused('the route answers with a redirect and sends traffic nowhere: name another route'),
  directResponse: refused('the route answers by itself and sends traffic nowhere: name another route'),
  delegate: refused('the route delegates to another VirtualService: name that one in the target'),
  route: Destinations,
  mirror: z.unknown().optional(),
  mirrors: z.array(z.unknown(), { error: 'mirrors is a list: write one' }).nullish(),
});

const Elsewhere = z.looseObject({
  redirect: HttpRoute.shape.redirect,
  directResponse: HttpRoute.shape.directResponse,
  delegate: HttpRoute.shape.delegate,
});

/** False for a route that answers by itself or delegates: it has no weights to move. */
export function sendsTraffic({ value }: Pick<RouteEntry, 'value'>): boolean {
  return Elsewhere.safeParse(value).success;
}

type AnyRoute = {
  route: z.infer<typeof Destinations>;
  mirror?: unknown;
  mirrors?: unknown[] | null | undefined;
};

function refused(error: string) {
  return z.undefined({ error }).nullish();
}

function readDestinations(route: AnyRoute['route'], at: Path, qualify: Qualify): Destination[] {
  const shares = sharesOf(route.map(({ weight }) => weight ?? 0));
  return route.map(({ destination, weight = null }, index) => ({
    at: [...at, index],
    host: qualify(destination.host),
    subset: destination.subset ?? null,
    weight,
    share: shares[index] ?? 0,
  }));
}

/** Istio sends everything to a sole destination, whatever its weight; otherwise weights are parts of their sum. */
function sharesOf(weights: number[]): Share[] {
  if (weights.length === 1) return [100];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => shareOf(weight, total));
}

/**
 * A part of a sum in percent, rounded to 0.01; but what has any traffic never reads as 0, nor what has not all of it as
 * 100. Nothing has a share of a sum of 0.
 */
export function shareOf(weight: number, total: number): Share {
  if (weight === 0 || weight === total) return weight === 0 ? 0 : 100;
  const share = Math.round((weight / total) * 10_000) / 100;
  return Math.min(Math.max(share, 0.01), 99.99);
}

const MirrorTo = z.looseObject({ host: z.string().min(1), subset: z.string().optional() });
const MirrorPolicy = z.looseObject({ destination: MirrorTo });

function mirrorsOf({ mirror, mirrors }: AnyRoute, at: Path, qualify: Qualify): Mirror[] {
  const placeOf = (to: z.infer<typeof MirrorTo> | undefined): Mirror['to'] =>
    to === undefined ? 'unreadable' : { host: qualify(to.host), subset: to.subset ?? null };
  const sole = { at: [...at, 'mirror'], to: placeOf(MirrorTo.safeParse(mirror).data) };
  const listed = (mirrors ?? []).map((one, index) => ({
    at: [...at, 'mirrors', index],
    to: placeOf(MirrorPolicy.safeParse(one).data?.destination),
  }));
  return mirror === undefined || mirror === null ? listed : [sole, ...listed];
}

const OtherRoute = z.looseObject({
  route: z
    .array(z.looseObject({ destination: z.looseObject({ host: z.string(), subset: z.string().optional() }) }))
    .optional(),
});

/** Where a route that is not moved sends requests. */
export function placesIn(other: unknown, qualify: Qualify): Route['elsewhere'] {
  const parsed = OtherRoute.safeParse(other);
  if (!parsed.success) return ['unreadable'];
  const { route = [] } = parsed.data;
  return route.map(({ destination: { host, subset = null } }) => ({ host: qualify(host), subset }));
}
