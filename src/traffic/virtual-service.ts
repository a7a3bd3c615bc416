import { z } from 'zod';
import type { ShapeFault } from '../rollout/ports/mesh.ts';
import type { Share } from '../rollout/units.ts';
import { qualifyHost } from './host.ts';

/** The parts of a VirtualService that canaryd reads; everything else passes through unread and unchanged. */
export const VirtualService = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string(),
    uid: z.string(),
    resourceVersion: z.string().min(1),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.looseObject({ http: z.unknown().optional() }),
});
export type VirtualService = z.infer<typeof VirtualService>;

/** Where something stands in an object: keys and indexes from its root. */
export type Path = readonly (string | number)[];

/** One destination of a route. `weight` is the raw number, null when the field is absent; `share` is in percent. */
export type Destination = {
  /** Where it stands in the object. */
  at: Path;
  /** The qualified host. */
  host: string;
  subset: string | null;
  weight: number | null;
  share: Share;
};

/** The http route whose weights are moved. */
export type Route = {
  kind: 'route';
  at: Path;
  /** Empty when the route has no name. */
  name: string;
  /** The field that mirrors requests, or null. */
  mirroredBy: 'mirror' | 'mirrors' | null;
  destinations: Destination[];
  /** Where the object's other http routes send requests; one that cannot be read may send them anywhere. */
  elsewhere: (Place | 'unreadable')[];
};

/** A subset of a host; all of the host when the subset is null. */
export type Place = Pick<Destination, 'host' | 'subset'>;

/** The object has a shape that is not understood: nothing may be written. */
export type Misshapen = { kind: 'shape'; fault: ShapeFault };

/**
 * Finds the http route and reads its destinations. `name` is the route's name; the empty name stands for the only
 * route there is. Weights are relative in Istio, so shares are computed from their sum.
 */
export function readRoute(
  virtualService: VirtualService,
  name: string,
  clusterDomain: string,
): Route | Misshapen {
  const found = findRoute(virtualService, name);
  if (found.kind === 'shape') return found;
  const parsed = HttpRoute.safeParse(found.value);
  if (!parsed.success) return misread(parsed.error, found.at);
  const qualify = (host: string) => qualifyHost(host, virtualService.metadata.namespace, clusterDomain);
  const destinations = readDestinations(parsed.data.route, [...found.at, 'route'], qualify);
  const repeated = findRepeated(destinations);
  if (repeated !== undefined) {
    const message = `${nameOf(repeated, destinations)} stands twice in the route: merge the two destinations into one`;
    return misshapen('unsupported-shape', repeated.at, message);
  }
  return {
    kind: 'route',
    at: found.at,
    name: parsed.data.name ?? '',
    mirroredBy: findMirror(parsed.data),
    destinations,
    elsewhere: found.others.flatMap((other) => placesIn(other, qualify)),
  };
}

type FoundRoute = { kind: 'found'; at: Path; value: unknown; others: unknown[] };

function findRoute(virtualService: VirtualService, name: string): FoundRoute | Misshapen {
  const parsed = HttpRoutes.safeParse(virtualService.spec.http);
  if (!parsed.success) return misread(parsed.error, httpRoutes);
  const routes = parsed.data.map((value, index) => ({ value, at: [...httpRoutes, index] }));
  const names = routes.map(({ value, at }) => value.name ?? `${shownPath(at)} (no name)`).join(', ');
  const [route, second] = name === '' ? routes : routes.filter(({ value }) => value.name === name);
  if (route === undefined) {
    return misshapen('route-not-found', httpRoutes, `no http route is named "${name}"; there are: ${names}`);
  }
  if (second !== undefined) {
    const message =
      name === ''
        ? `the VirtualService has several http routes, so the rollout must name one of them: ${names}`
        : `two http routes are named "${name}": give each its own name`;
    return misshapen('route-ambiguous', [...second.at, 'name'], message);
  }
  const others = parsed.data.filter((value) => value !== route.value);
  return { kind: 'found', ...route, others };
}

const httpRoutes = ['spec', 'http'] as const;

const HttpRoutes = z
  .array(z.looseObject({ name: z.string().optional() }), {
    error:
      'canaryd moves the weights of http routes, and the VirtualService has none (tls and tcp are left alone)',
  })
  .min(1, { error: 'the VirtualService has no http route: add one with two destinations' });

const wholeNumber = { error: 'a weight is a whole number of 0 or more: write one' };

const WeightedDestination = z.looseObject({
  destination: z.looseObject({
    host: z.string({ error: 'a destination names its host: add it' }).min(1),
    subset: z.string().optional(),
  }),
  weight: z.int(wholeNumber).min(0, wholeNumber).optional(),
});

const HttpRoute = z.looseObject({
  name: z.string().optional(),
  redirect: refused('the route answers with a redirect and sends traffic nowhere: name another route'),
  directResponse: refused('the route answers by itself and sends traffic nowhere: name another route'),
  delegate: refused('the route delegates to another VirtualService: name that one in the target'),
  route: z
    .array(WeightedDestination, { error: 'the route has no destinations: add two, one for each subset' })
    .min(1, { error: 'the route has no destinations: add two, one for each subset' }),
  mirror: z.unknown().optional(),
  mirrors: z.array(z.unknown()).optional(),
});
type HttpRoute = z.infer<typeof HttpRoute>;

function refused(error: string) {
  return z.undefined({ error }).optional();
}

function misread(error: z.ZodError, at: Path): Misshapen {
  const [issue] = error.issues;
  const steps = (issue?.path ?? []).map((step) => (typeof step === 'number' ? step : String(step)));
  return misshapen('unsupported-shape', [...at, ...steps], issue?.message ?? 'not understood');
}

/** A refusal with the path that is not understood and a sentence that says what to change. */
export function misshapen(code: ShapeFault['code'], at: Path, message: string): Misshapen {
  return { kind: 'shape', fault: { code, path: shownPath(at), message } };
}

/** True for a refusal, false for what was looked for. */
export function isMisshapen(found: object): found is Misshapen {
  return 'kind' in found && found.kind === 'shape';
}

/** A path for people: `spec.http[0].route[1]`. */
export function shownPath(path: Path): string {
  return path.reduce<string>(
    (shown, step) => (typeof step === 'number' ? `${shown}[${step}]` : `${shown}${shown && '.'}${step}`),
    '',
  );
}

/** A path as a JSON Pointer (RFC 6901): `/spec/http/0/route/1`. */
export function pointerTo(path: Path): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function readDestinations(
  route: HttpRoute['route'],
  at: Path,
  qualify: (host: string) => string,
): Destination[] {
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
  return weights.map((weight) => (total === 0 ? 0 : shareOf(weight, total)));
}

/** Rounded to 0.01, but a destination with any traffic never reads as 0, nor one without all of it as 100. */
function shareOf(weight: number, total: number): Share {
  if (weight === 0 || weight === total) return weight === 0 ? 0 : 100;
  const share = Math.round((weight / total) * 10_000) / 100;
  return Math.min(Math.max(share, 0.01), 99.99);
}

function findRepeated(destinations: Destination[]): Destination | undefined {
  return destinations.find((destination, index) =>
    destinations.slice(0, index).some((earlier) => isSamePlace(earlier, destination)),
  );
}

/** True when both stand for the same subset of the same host. */
export function isSamePlace(one: Place, other: Place) {
  return one.host === other.host && one.subset === other.subset;
}

/** How a destination is called in a sentence for a person: by its subset, and by its host where the route has several. */
export function nameOf({ host, subset }: Place, among: Place[]): string {
  if (subset === null) return host;
  return among.every((other) => other.host === host) ? subset : `${subset} of ${host}`;
}

const OtherRoute = z.looseObject({
  route: z
    .array(z.looseObject({ destination: z.looseObject({ host: z.string(), subset: z.string().optional() }) }))
    .optional(),
});

/** Where another http route of the object sends requests. */
function placesIn(other: unknown, qualify: (host: string) => string): Route['elsewhere'] {
  const parsed = OtherRoute.safeParse(other);
  if (!parsed.success) return ['unreadable'];
  const { route = [] } = parsed.data;
  return route.map(({ destination: { host, subset = null } }) => ({ host: qualify(host), subset }));
}

function findMirror(route: HttpRoute): Route['mirroredBy'] {
  if (route.mirror !== undefined) return 'mirror';
  return route.mirrors !== undefined && route.mirrors.length > 0 ? 'mirrors' : null;
}
