import { z } from 'zod';

/**
 * What one arm answered since the poll before: requests, those of them with a 5xx, and how many fell into each bucket of
 * the latency histogram, the last one above every bound. Counts may be fractions where a sum was divided.
 */
export const Increment = z.strictObject({
  requests: z.number().nonnegative(),
  errors: z.number().nonnegative(),
  /** One more than there are bounds; empty where there is no histogram. */
  buckets: z.array(z.number().nonnegative()),
});
export type Increment = z.infer<typeof Increment>;

/** Both arms at one timestamp; an arm is null where it was not scraped, which is no failure. */
export const Poll = z.strictObject({
  /** Seconds since the rollout began. */
  at: z.number().nonnegative(),
  /** Number of the step of the plan, from 0, and seconds since it began. */
  step: z.number().int().nonnegative(),
  stepSeconds: z.number().nonnegative(),
  /** The canary's share of the weights in percent while these requests came. */
  share: z.number().min(0).max(100),
  /** False while header or affinity routes bring the canary requests past the weights; true where it is not said. */
  shareIsObservable: z.boolean().optional(),
  canary: Increment.nullable(),
  stable: Increment.nullable(),
});
export type Poll = z.infer<typeof Poll>;

/**
 * Stable before the rollout: each of its pods, minute by minute, for half an hour where there is so much. A minute has the
 * same index in each pod; a pod that had no requests in it has zeros there, or nothing after its last one.
 */
export const Baseline = z.strictObject({
  /** Rising upper bounds of the buckets in ms, without +Inf; empty where there is no histogram. */
  boundsMs: z.array(z.number().positive()),
  pods: z.array(z.array(Increment)),
});
export type Baseline = z.infer<typeof Baseline>;
