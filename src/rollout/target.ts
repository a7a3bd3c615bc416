import { z } from 'zod';
import { KubernetesName, LabelValue } from './units.ts';

const Subset = z.strictObject({ subset: KubernetesName });

/** What a person names: the route whose weights may be moved, and which destination is the canary. */
export const TargetRequest = z.strictObject({
  cluster: z
    .literal('default', { error: 'this canaryd knows one cluster, "default": leave it out' })
    .default('default'),
  namespace: KubernetesName,
  virtualService: KubernetesName,
  route: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe('The name of the http route; may be left out when there is just one.'),
  canary: Subset.optional().describe('Selects the canary when several destinations have no traffic.'),
  stable: Subset.optional().describe(
    'Asserts the stable destination; it is always the one that has all traffic.',
  ),
});
export type TargetRequest = z.infer<typeof TargetRequest>;

/** One of the two destinations of the split, and how its pods and its metrics are found. */
export const Arm = z.strictObject({
  host: z.string(),
  subset: z.string(),
  /** The value of Istio's `destination_version` label. */
  version: LabelValue,
  /** Labels that select the pods behind the destination. */
  podLabels: z.record(z.string(), z.string()),
});
export type Arm = z.infer<typeof Arm>;

/** A target after the mesh was read: names are resolved, roles are given for the life of the rollout. */
export const Target = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  virtualService: z.string(),
  /** UID of the VirtualService at start: another one means it was created anew. */
  uid: z.string(),
  /** The route's name; empty for the single route that has none. */
  route: z.string(),
  /** The Kubernetes service behind both destinations. */
  service: z.strictObject({ name: z.string(), namespace: z.string() }),
  stable: Arm,
  canary: Arm,
  /** Weights as they stood before the rollout (null: the field was absent), so that the end can restore them. */
  originalWeights: z.strictObject({ stable: z.number(), canary: z.number().nullable() }),
  /** Ready pods behind stable at start; null when they may not be read. */
  stableReadyAtStart: z.number().nullable(),
});
export type Target = z.infer<typeof Target>;
