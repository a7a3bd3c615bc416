import { z } from 'zod';
import { KubernetesName, ObjectName, ServiceName } from './units.ts';

const hostName =
  /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$/;

const HostName = z.string({ error: 'write the host of a destination' }).regex(hostName, {
  error: 'write a host as it stands in the route, such as payment-v2 or payment-v2.shop',
});

/** Selects a destination of the route: by its subset, by its host when each has one of its own, or by both. */
const Selection = z
  .strictObject({ subset: KubernetesName.optional(), host: HostName.optional() })
  .refine(({ subset, host }) => subset !== undefined || host !== undefined, {
    error: 'name the destination by its subset, its host or both, such as {"subset": "v2"}',
  });
export type Selection = z.infer<typeof Selection>;

const Port = z.int({ error: 'write a port such as 443' }).min(1).max(65_535);
const RouteName = z.string().min(1).max(253);

/** Which routes of one VirtualService are moved; whatever is not named is chosen where there is no choice. */
const routesAsked = {
  virtualService: ObjectName,
  route: RouteName.optional().describe('The name of the http route; may be left out when there is just one.'),
  routes: z
    .array(RouteName)
    .min(1)
    .max(20)
    .optional()
    .describe('The names of several http routes that are moved together; instead of `route`.'),
  tls: z
    .array(
      z.strictObject({
        port: Port.optional(),
        sniHosts: z.array(z.string().min(1).max(253)).min(1).max(100).optional(),
      }),
    )
    .min(1)
    .max(20)
    .optional()
    .describe('tls routes by port, by exactly the SNI hosts that they match, or by both.'),
  tcp: z
    .array(z.strictObject({ port: Port }))
    .min(1)
    .max(20)
    .optional()
    .describe('tcp routes by port.'),
};

/** Another VirtualService whose routes are moved together with those of the first. */
const AlsoRequest = z
  .strictObject({
    namespace: KubernetesName.optional().describe("That of the target's own VirtualService when left out."),
    ...routesAsked,
  })
  .refine(namesRoutesOnce, { error: 'name http routes by `route` or by `routes`, not by both' });
export type AlsoRequest = z.infer<typeof AlsoRequest>;

/** What a person names: the routes whose weights may be moved, and which destination is the canary. */
export const TargetRequest = z.strictObject({
  cluster: KubernetesName.optional().describe(
    'The name of the cluster in the configuration of canaryd; may be left out when there is just one.',
  ),
  namespace: KubernetesName,
  ...routesAsked,
  also: z
    .array(AlsoRequest)
    .max(9)
    .optional()
    .describe(
      'Other VirtualServices that send requests to the same two destinations, such as that of a gateway.',
    ),
  canary: Selection.optional().describe('Selects the canary when several destinations have no traffic.'),
  stable: Selection.optional().describe(
    'Asserts which destination is stable: another one with all traffic is refused. Where a third destination has traffic that it keeps, `stable` and `canary` must both be named.',
  ),
});
export type TargetRequest = z.infer<typeof TargetRequest>;
/** The routes of one VirtualService as a person names them. */
export type RoutesAsked = Pick<TargetRequest, 'route' | 'routes' | 'tls' | 'tcp'>;

type HttpRoutesAsked = { route?: string | undefined; routes?: string[] | undefined };

/** True when http routes are named in one way only. */
export function namesRoutesOnce({ route, routes }: HttpRoutesAsked): boolean {
  return route === undefined || routes === undefined;
}

/** A request whose cluster is known. */
export type LocatedRequest = TargetRequest & { cluster: string };

const ServiceRef = z.strictObject({ name: z.string(), namespace: z.string() });

/** One of the two destinations of the split, and how its pods and its metrics are found. */
export const Arm = z.strictObject({
  host: z.string(),
  /** Null for all of the host, as where each destination has a host of its own. */
  subset: z.string().nullable(),
  /** The Kubernetes service that the host names; for a host of a ServiceEntry that host, in the ServiceEntry's namespace. */
  service: ServiceRef,
  /** What people call it: the version label of its pods or, where there is none, the service's name. */
  version: ServiceName,
  /** Labels that select the pods behind the destination; null where it has none to look at. */
  podLabels: z.record(z.string(), z.string()).nullable(),
});
export type Arm = z.infer<typeof Arm>;

/**
 * True for a host of a ServiceEntry: it is the name of its service as a whole, and has a dot. One of two labels was
 * completed as if it were a service and its namespace.
 */
export function isEntryHost({ host, service }: Pick<Arm, 'host' | 'service'>): boolean {
  const name = service.name.toLowerCase();
  return name.includes('.') && (host === name || host.startsWith(`${name}.svc.`));
}

/** How a route is found again: an http route by its name, which is empty for the one that has none. */
export const RouteKey = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('http'), name: z.string() }),
  z.strictObject({ kind: z.literal('tls'), port: Port.nullable(), sniHosts: z.array(z.string()) }),
  z.strictObject({ kind: z.literal('tcp'), port: Port.nullable() }),
]);
export type RouteKey = z.infer<typeof RouteKey>;

/** The raw number of a weight; null where the field was absent. */
const RawWeight = z.number().nullable();

/** A route that is moved, with its weights as they stood before the rollout, so that the end can restore them. */
export const MovedRoute = z.strictObject({
  key: RouteKey,
  original: z.strictObject({
    stable: RawWeight,
    canary: RawWeight,
    /** Destinations that are no part of the rollout and keep their share, in the order of the route. */
    others: z.array(z.strictObject({ host: z.string(), subset: z.string().nullable(), weight: RawWeight })),
  }),
});
export type MovedRoute = z.infer<typeof MovedRoute>;

const oneObject = {
  namespace: z.string(),
  virtualService: z.string(),
  /** UID of the VirtualService at start: another one means it was created anew. */
  uid: z.string(),
  routes: z.array(MovedRoute).min(1),
};

/** One VirtualService that is moved, and its routes. */
const TargetObject = z.strictObject(oneObject);
export type TargetObject = z.infer<typeof TargetObject>;

/** A target after the mesh was read: names are resolved, roles are given for the life of the rollout. */
export const Target = z.preprocess(
  asStoredNow,
  z.strictObject({
    cluster: z.string(),
    ...oneObject,
    /** What the first route is called; empty for an http route that has no name. */
    route: z.string(),
    /** Other VirtualServices that are moved together with the first. */
    also: z.array(TargetObject).default([]),
    stable: Arm,
    canary: Arm,
    /** Ready pods behind stable at start; null when they may not be read. */
    stableReadyAtStart: z.number().nullable(),
  }),
);
export type Target = z.infer<typeof Target>;

/** All VirtualServices of a target, the first one first. */
export function objectsOf({ namespace, virtualService, uid, routes, also }: Target): TargetObject[] {
  return [{ namespace, virtualService, uid, routes }, ...also];
}

/** What a route is called: an http route by its name, the others by what they match, such as `tls:443/a.bank,b.bank`. */
export function routeLabel(key: RouteKey): string {
  if (key.kind === 'http') return key.name;
  const port = key.port === null ? '' : `:${key.port}`;
  const hosts = key.kind === 'tls' && key.sniHosts.length > 0 ? `/${key.sniHosts.join(',')}` : '';
  return `${key.kind}${port}${hosts}`;
}

/** The UIDs of all objects of a target as one text, in their order. */
export function uidOf(target: Pick<Target, 'uid' | 'also'>): string {
  return [target.uid, ...target.also.map(({ uid }) => uid)].join(',');
}

/** The target with the UIDs of a text that `uidOf` made of as many objects. */
export function withUid(target: Target, uids: string): Target {
  const [uid = target.uid, ...others] = uids.split(',');
  return {
    ...target,
    uid,
    also: target.also.map((one, index) => ({ ...one, uid: others[index] ?? one.uid })),
  };
}

const OneService = z.looseObject({
  service: ServiceRef,
  stable: z.looseObject({}),
  canary: z.looseObject({}),
});
const OneRoute = z.looseObject({
  route: z.string(),
  originalWeights: z.looseObject({ stable: RawWeight, canary: RawWeight }),
});

/** Rollouts that were stored by versions that knew fewer targets find their way back all the same. */
function asStoredNow(stored: unknown): unknown {
  return withRoutes(withServicePerArm(stored));
}

/** When both arms had to share a service it was stored once, beside them. */
function withServicePerArm(stored: unknown): unknown {
  const parsed = OneService.safeParse(stored);
  if (!parsed.success) return stored;
  const { service, stable, canary, ...rest } = parsed.data;
  return { ...rest, stable: { service, ...stable }, canary: { service, ...canary } };
}

/** When there was one http route its original weights were stored beside it. */
function withRoutes(stored: unknown): unknown {
  const parsed = OneRoute.safeParse(stored);
  if (!parsed.success) return stored;
  const { originalWeights, ...rest } = parsed.data;
  const { stable, canary } = originalWeights;
  const key = { kind: 'http', name: rest.route };
  return { ...rest, routes: [{ key, original: { stable, canary, others: [] } }] };
}
