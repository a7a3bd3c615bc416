import { z } from 'zod';

const Labels = z.record(z.string(), z.string());

/** The parts that canaryd reads of what stands around a VirtualService. */
export const Service = z.looseObject({ spec: z.looseObject({ selector: Labels.optional() }) });
export type Service = z.infer<typeof Service>;

export const DestinationRule = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
  spec: z.looseObject({
    host: z.string(),
    subsets: z.array(z.looseObject({ name: z.string(), labels: Labels.optional() })).optional(),
  }),
});
export type DestinationRule = z.infer<typeof DestinationRule>;

/** Hosts that somebody made known to the mesh: https://istio.io/latest/docs/reference/config/networking/service-entry/ */
export const ServiceEntry = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
  spec: z.looseObject({
    hosts: z.array(z.string()),
    exportTo: z.array(z.string()).nullish(),
    resolution: z.string().nullish(),
    endpoints: z.array(z.unknown()).nullish(),
    workloadSelector: z.looseObject({ labels: Labels.nullish() }).nullish(),
  }),
});
export type ServiceEntry = z.infer<typeof ServiceEntry>;

export const Pod = z.looseObject({
  metadata: z.looseObject({
    /** Not kept of pods that are watched. */
    name: z.string().optional(),
    labels: Labels.optional(),
    annotations: Labels.optional(),
    deletionTimestamp: z.unknown().optional(),
    ownerReferences: z
      .array(z.looseObject({ kind: z.string(), name: z.string(), controller: z.boolean().optional() }))
      .optional(),
  }),
  spec: z.looseObject({ containers: z.array(z.looseObject({ name: z.string() })) }).optional(),
  status: z
    .looseObject({
      phase: z.string().optional(),
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).optional(),
      containerStatuses: z
        .array(z.looseObject({ name: z.string(), imageID: z.string().optional() }))
        .optional(),
    })
    .optional(),
});
export type Pod = z.infer<typeof Pod>;

/** What owns the pods of a Deployment's revision; its template says which containers are the workload's own. */
export const ReplicaSet = z.looseObject({
  metadata: z.looseObject({ name: z.string(), labels: Labels.optional() }),
  spec: z.looseObject({
    template: z
      .looseObject({
        spec: z.looseObject({ containers: z.array(z.looseObject({ name: z.string() })) }).optional(),
      })
      .optional(),
  }),
});
export type ReplicaSet = z.infer<typeof ReplicaSet>;

/** What is kept of a pod that is watched: a namespace has thousands, of which little is read. */
export const WatchedPod = z.object({
  metadata: z.object({
    labels: Labels.optional(),
    annotations: Labels.transform(injectedOnly).optional(),
    deletionTimestamp: z.unknown().optional(),
    ownerReferences: z
      .array(z.object({ kind: z.string(), name: z.string(), controller: z.boolean().optional() }))
      .optional(),
  }),
  spec: z.object({ containers: z.array(z.object({ name: z.string() })) }).optional(),
  status: z
    .object({
      phase: z.string().optional(),
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).optional(),
      containerStatuses: z.array(z.object({ name: z.string(), imageID: z.string().optional() })).optional(),
    })
    .optional(),
});

/** Of all that is written on a pod, the word of Istio's injector is read. */
function injectedOnly(annotations: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => key === 'sidecar.istio.io/status'));
}

/** What is kept of a ReplicaSet that is watched. */
export const WatchedReplicaSet = z.object({
  metadata: z.object({ name: z.string(), labels: Labels.optional() }),
  spec: z.object({
    template: z
      .object({ spec: z.object({ containers: z.array(z.object({ name: z.string() })) }).optional() })
      .optional(),
  }),
});

/** A list as the API server answers it. */
export function listOf<Item>(item: z.ZodType<Item>) {
  return z.looseObject({ items: z.array(item) });
}
