import { z } from 'zod';

/**
 * What a provider answered for one metric of one arm. "No data", "too little data" and "provider unreachable"
 * are different answers; only `value` may ever pass, and its number is always finite: a provider's +Inf is
 * `Number.MAX_VALUE`, which breaches every limit.
 */
export const Reading = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('value'),
    value: z.number(),
    requests: z.number(),
    /** Bounds of the histogram bucket the quantile fell into, in ms; only for latency. */
    bucket: z.strictObject({ lowerMs: z.number(), upperMs: z.number() }).optional(),
  }),
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('tooFew'), requests: z.number(), needed: z.number() }),
  z.strictObject({ kind: z.literal('unavailable'), why: z.string() }),
]);
export type Reading = z.infer<typeof Reading>;

/** Requests and 5xx responses of one arm over some stretch of time. */
export const Counts = z.strictObject({ requests: z.number(), errors: z.number() });
export type Counts = z.infer<typeof Counts>;

/** One check measured on both arms at the same instant, over the check's own window. */
export type CheckReadings = { canary: Reading; stable: Reading };

/** Everything one poll of the metrics provider found; `takenAt` is the instant all queries were evaluated at. */
export type Measurements = {
  takenAt: number;
  checks: Record<string, CheckReadings>;
  /** Requests per arm over the longest window of the plan; `unavailable` also when the newest sample is stale. */
  requests: CheckReadings;
  /** Null when the provider gave no answer for this stretch. */
  increments: { canary: Counts | null; stable: Counts | null };
  /** 5xx responses at the callers that name no version, as a ratio of all the service's requests there. */
  unattributed: Reading;
};
