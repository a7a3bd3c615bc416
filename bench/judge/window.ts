import type { Counts } from './recording.ts';
import { boundsMs, buckets } from './setting.ts';

/** The polls of a window that ends with `poll`: as many as `length`, or as there are. */
export type Window = { poll: number; length: number };

/** Errors per request in the window, 0..1; NaN without a request, as Prometheus divides. */
export function errorRateIn({ requests, errors }: Counts, window: Window): number {
  return sumIn(errors, window) / sumIn(requests, window);
}

/**
 * The 99th percentile in ms as `histogram_quantile(0.99, ...)` of Prometheus finds it: a line within the bucket, from 0
 * in the first one; the highest bound where it lies above that; NaN without a request.
 */
export function p99In(counts: Counts, window: Window): number {
  const count = sumIn(counts.requests, window);
  if (count === 0) return Number.NaN;
  const rank = 0.99 * count;
  let below = 0;
  for (let bucket = 0; bucket < boundsMs.length; bucket += 1) {
    const here = bucketIn(counts, window, bucket);
    if (below + here >= rank) {
      const from = bucket === 0 ? 0 : (boundsMs[bucket - 1] ?? 0);
      return from + ((boundsMs[bucket] ?? 0) - from) * ((rank - below) / here);
    }
    below += here;
  }
  return boundsMs.at(-1) ?? Number.NaN;
}

function sumIn(values: Float64Array, { poll, length }: Window): number {
  let sum = 0;
  for (let index = Math.max(0, poll - length + 1); index <= poll; index += 1) sum += values[index] ?? 0;
  return sum;
}

function bucketIn(counts: Counts, { poll, length }: Window, bucket: number): number {
  let sum = 0;
  for (let index = Math.max(0, poll - length + 1); index <= poll; index += 1) {
    sum += counts.buckets[index * buckets + bucket] ?? 0;
  }
  return sum;
}
