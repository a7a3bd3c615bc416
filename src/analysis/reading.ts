import { z } from 'zod';
import type { History, Counters as PodsCounters } from './counters.ts';

/** What a measured value counts in. */
export const Unit = z.enum(['ratio', 'ms', 'count']);
export type Unit = z.infer<typeof Unit>;

/** A bucket of a latency histogram: P99 is interpolated between its bounds. */
export const Bucket = z.strictObject({ lowerMs: z.number(), upperMs: z.number() });

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
    bucket: Bucket.optional(),
    /** Of what a custom check asks for, which counts no requests. */
    unit: Unit.optional(),
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
  /** What the pods' proxies have counted by `takenAt`, and what stable's did before; absent when nobody asked. */
  counters?: PodsCounters;
  history?: History;
};

/**
 * The same measurements with every number finite. +Infinity is kept as the largest number, which breaches every
 * limit; any other absurd number is no answer at all, so that it can neither pass nor be stored.
 */
export function withSoundNumbers(measurements: Measurements): Measurements {
  const { checks, requests, increments, unattributed } = measurements;
  const sound = ({ canary, stable }: CheckReadings) => ({
    canary: soundReading(canary),
    stable: soundReading(stable),
  });
  return {
    ...measurements,
    checks: Object.fromEntries(Object.entries(checks).map(([id, readings]) => [id, sound(readings)])),
    requests: sound(requests),
    increments: { canary: soundCounts(increments.canary), stable: soundCounts(increments.stable) },
    unattributed: soundReading(unattributed),
  };
}

const absurd: Reading = {
  kind: 'unavailable',
  why: 'the metrics provider answered with something that is not a number',
};

function soundReading(reading: Reading): Reading {
  if (reading.kind === 'none' || reading.kind === 'unavailable') return reading;
  if (!isCount(reading.requests)) return absurd;
  if (reading.kind === 'tooFew') return isCount(reading.needed) ? reading : absurd;
  const value = reading.value === Number.POSITIVE_INFINITY ? Number.MAX_VALUE : reading.value;
  return isCount(value) ? { ...reading, value } : absurd;
}

function soundCounts(counts: Counts | null): Counts | null {
  return counts !== null && isCount(counts.requests) && isCount(counts.errors) ? counts : null;
}

function isCount(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}
