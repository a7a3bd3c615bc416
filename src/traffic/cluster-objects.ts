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

export const Pod = z.looseObject({
  metadata: z.looseObject({
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
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    template: z
      .looseObject({
        spec: z.looseObject({ containers: z.array(z.looseObject({ name: z.string() })) }).optional(),
      })
      .optional(),
  }),
});
export type ReplicaSet = z.infer<typeof ReplicaSet>;

/** A list as the API server answers it. */
export function listOf<Item>(item: z.ZodType<Item>) {
  return z.looseObject({ items: z.array(item) });
}
