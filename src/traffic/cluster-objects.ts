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
  metadata: z.looseObject({ labels: Labels.optional(), deletionTimestamp: z.unknown().optional() }),
  status: z
    .looseObject({
      phase: z.string().optional(),
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).optional(),
    })
    .optional(),
});
export type Pod = z.infer<typeof Pod>;

/** A list as the API server answers it. */
export function listOf<Item>(item: z.ZodType<Item>) {
  return z.looseObject({ items: z.array(item) });
}
