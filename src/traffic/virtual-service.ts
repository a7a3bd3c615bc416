import { z } from 'zod';
import type { ShapeFault } from '../rollout/ports.ts';
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

/** One destination of a route. `weight` is the raw number, null when the field is absent; `share` is in percent. */
export type Destination = {
  /** Where it stands in the object, such as `spec.http[0].route[1]`. */
  path: string;
  /** The qualified host. */
  host: string;
  subset: string | null;
  weight: number | null;
  share: Share;
};

/** The http route whose weights are moved. */
export type Route = {
  kind: 'route';
  path: string;
  /** Empty when the route has no name. */
  name: string;
  /** The field that mirrors requests, or null. */
  mirroredBy: 'mirror' | 'mirrors' | null;
  destinations: Destination[];
  /** Where the object's other http routes send requests. */
  elsewhere: Place[];
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
  clusterDomain = 'cluster.local',
): Route | Misshapen {
  const found = findRoute(virtualService, name);
  if (found.kind === 'shape') return found;
  const parsed = HttpRoute.safeParse(found.value);
  if (!parsed.success) return misread(parsed.error, found.path);
  const qualify = (host: string) => qualifyHost(host, virtualService.metadata.namespace, clusterDomain);
  const destinations = readDestinations(parsed.data.route, `${found.path}.route`, qualify);
  const repeated = findRepeated(destinations);
  if (repeated !== undefined) {
    const message = `${nameOf(repeated)} stands twice in the route: merge the two destinations into one`;
    return misshapen('unsupported-shape', repeated.path, message);
  }
  const mirroredBy = findMirror(parsed.data);
  const elsewhere = placesElsewhere(virtualService, found.path, qualify);
  return {
    kind: 'route',
    path: found.path,
    name: parsed.data.name ?? '',
    mirroredBy,
    destinations,
    elsewhere,
  };
}

type FoundRoute = { kind: 'found'; path: string; value: unknown };

function findRoute(virtualService: VirtualService, name: string): FoundRoute | Misshapen {
  const parsed = HttpRoutes.safeParse(virtualService.spec.http);
  if (!parsed.success) return misread(parsed.error, 'spec.http');
  const routes = parsed.data.map((value, index) => ({ value, path: `spec.http[${index}]` }));
  const names = routes.map(({ value, path }) => value.name ?? `${path} (no name)`).join(', ');
  const [route, second] = name === '' ? routes : routes.filter(({ value }) => value.name === name);
  if (route === undefined) {
    return misshapen('route-not-found', 'spec.http', `no http route is named "${name}"; there are: ${names}`);
  }
  if (second !== undefined) {
    const message =
      name === ''
        ? `the VirtualService has several http routes, so the rollout must name one of them: ${names}`
        : `two http routes are named "${name}": give each its own name`;
    return misshapen('route-ambiguous', `${second.path}.name`, message);
  }
  return { kind: 'found', ...route };
}

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

function misread(error: z.ZodError, base: string): Misshapen {
  const [issue] = error.issues;
  const steps = (issue?.path ?? []).map((step) =>
    typeof step === 'number' ? `[${step}]` : `.${String(step)}`,
  );
  return misshapen('unsupported-shape', base + steps.join(''), issue?.message ?? 'not understood');
}

/** A refusal with the path that is not understood and a sentence that says what to change. */
export function misshapen(code: ShapeFault['code'], path: string, message: string): Misshapen {
  return { kind: 'shape', fault: { code, path, message } };
}

function readDestinations(
  route: HttpRoute['route'],
  path: string,
  qualify: (host: string) => string,
): Destination[] {
  const shares = sharesOf(route.map(({ weight }) => weight ?? 0));
  return route.map(({ destination, weight = null }, index) => ({
    path: `${path}[${index}]`,
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

/** How a destination is called in a sentence for a person. */
export function nameOf({ host, subset }: Destination): string {
  return subset === null ? `${host} (no subset)` : subset;
}

const OtherRoutes = z.array(
  z.looseObject({
    route: z
      .array(
        z.looseObject({ destination: z.looseObject({ host: z.string(), subset: z.string().optional() }) }),
      )
      .optional(),
  }),
);

/** Where the object's other http routes send requests. */
function placesElsewhere({ spec }: VirtualService, path: string, qualify: (host: string) => string): Place[] {
  const routes = OtherRoutes.safeParse(spec.http).data ?? [];
  return routes
    .filter((_route, index) => `spec.http[${index}]` !== path)
    .flatMap(({ route = [] }) => route)
    .map(({ destination }) => ({ host: qualify(destination.host), subset: destination.subset ?? null }));
}

function findMirror(route: HttpRoute): Route['mirroredBy'] {
  if (route.mirror !== undefined) return 'mirror';
  return route.mirrors !== undefined && route.mirrors.length > 0 ? 'mirrors' : null;
}
