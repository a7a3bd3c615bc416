import { z } from 'zod';
import { KubernetesName, LabelValue } from './units.ts';

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

/** What a person names: the route whose weights may be moved, and which destination is the canary. */
export const TargetRequest = z.strictObject({
  cluster: KubernetesName.optional().describe(
    'The name of the cluster in the configuration of canaryd; may be left out when there is just one.',
  ),
  namespace: KubernetesName,
  virtualService: KubernetesName,
  route: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe('The name of the http route; may be left out when there is just one.'),
  canary: Selection.optional().describe('Selects the canary when several destinations have no traffic.'),
  stable: Selection.optional().describe(
    'Asserts the stable destination; it is always the one that has all traffic.',
  ),
});
export type TargetRequest = z.infer<typeof TargetRequest>;

/** A request whose cluster is known. */
export type LocatedRequest = TargetRequest & { cluster: string };

const ServiceRef = z.strictObject({ name: z.string(), namespace: z.string() });

/** One of the two destinations of the split, and how its pods and its metrics are found. */
export const Arm = z.strictObject({
  host: z.string(),
  /** Null for all of the host, as where each destination has a host of its own. */
  subset: z.string().nullable(),
  /** The Kubernetes service that the host names. */
  service: ServiceRef,
  /** What people call it: the version label of its pods or, where there is none, the service's name. */
  version: LabelValue,
  /** Labels that select the pods behind the destination. */
  podLabels: z.record(z.string(), z.string()),
});
export type Arm = z.infer<typeof Arm>;

/** A target after the mesh was read: names are resolved, roles are given for the life of the rollout. */
export const Target = z.preprocess(
  withServicePerArm,
  z.strictObject({
    cluster: z.string(),
    namespace: z.string(),
    virtualService: z.string(),
    /** UID of the VirtualService at start: another one means it was created anew. */
    uid: z.string(),
    /** The route's name; empty for the single route that has none. */
    route: z.string(),
    stable: Arm,
    canary: Arm,
    /** Weights as they stood before the rollout (null: the field was absent), so that the end can restore them. */
    originalWeights: z.strictObject({ stable: z.number(), canary: z.number().nullable() }),
    /** Ready pods behind stable at start; null when they may not be read. */
    stableReadyAtStart: z.number().nullable(),
  }),
);
export type Target = z.infer<typeof Target>;

const OneService = z.looseObject({
  service: ServiceRef,
  stable: z.looseObject({}),
  canary: z.looseObject({}),
});

/** Rollouts that were stored when both arms had to share a service name it once, beside them. */
function withServicePerArm(stored: unknown): unknown {
  const parsed = OneService.safeParse(stored);
  if (!parsed.success) return stored;
  const { service, stable, canary, ...rest } = parsed.data;
  return { ...rest, stable: { service, ...stable }, canary: { service, ...canary } };
}
