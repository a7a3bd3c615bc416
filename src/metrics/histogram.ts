import { type Row, sampleNumber } from './answer.ts';

/** Requests at or below a bound, in ms. */
export type Bucket = { upperMs: number; count: number };

/** Where a quantile lies; `overflow` is above the highest finite bound, where nothing more is known. */
export type BucketFound =
  | { kind: 'inside'; lowerMs: number; upperMs: number }
  | { kind: 'overflow'; highestMs: number }
  | { kind: 'unknown' };

/**
 * Cumulative buckets in rising order from rows that carry `le`. `le` is read as a number, so that `1000` and `1000.0`,
 * which proxies of two versions write for the same bound, are one bucket.
 */
export function bucketsOf(rows: Row[]): Bucket[] {
  const counts = new Map<number, number>();
  for (const { labels, value } of rows) {
    const upperMs = sampleNumber(labels['le'] ?? '');
    if (!Number.isNaN(upperMs)) counts.set(upperMs, (counts.get(upperMs) ?? 0) + value);
  }
  return [...counts].map(([upperMs, count]) => ({ upperMs, count })).sort((a, b) => a.upperMs - b.upperMs);
}

/**
 * The bucket that holds a quantile. `histogram_quantile` answers the highest finite bound for every quantile above it
 * (https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile), so the overflow is found by
 * rank: more than `quantile` of all requests would have to lie at or below the highest finite bound.
 */
export function bucketOfQuantile(buckets: Bucket[], quantile: number, quantileMs: number): BucketFound {
  const total = buckets.at(-1);
  const highest = buckets.at(-2);
  if (total?.upperMs !== Number.POSITIVE_INFINITY || highest === undefined) return { kind: 'unknown' };
  if (highest.count < quantile * total.count) return { kind: 'overflow', highestMs: highest.upperMs };
  if (!(quantileMs >= 0)) return { kind: 'unknown' };
  const above = buckets.findIndex(({ upperMs }) => quantileMs <= upperMs);
  const upperMs = buckets[above]?.upperMs;
  if (upperMs === undefined || !Number.isFinite(upperMs)) return { kind: 'unknown' };
  return { kind: 'inside', lowerMs: buckets[above - 1]?.upperMs ?? 0, upperMs };
}
