/** Where a quantile of the latency lies; `overflow` is above the highest bound, where nothing more is known. */
export type Quantile =
  | { kind: 'inside'; valueMs: number; lowerMs: number; upperMs: number }
  | { kind: 'overflow'; highestMs: number }
  | { kind: 'none' };

/**
 * A quantile (0..1) of a histogram, interpolated as Prometheus' `histogram_quantile` does for classic buckets: linearly
 * within the first bucket that reaches its rank, the lowest one from 0
 * (https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile). `counts` has one more than there
 * are bounds, the last above all of them; where Prometheus answers the highest bound, this says `overflow`.
 */
export function quantileOf(
  boundsMs: readonly number[],
  counts: readonly number[],
  quantile: number,
): Quantile {
  const highestMs = boundsMs.at(-1);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (highestMs === undefined || !(total > 0)) return { kind: 'none' };
  const rank = quantile * total;
  let below = 0;
  for (const [at, upperMs] of boundsMs.entries()) {
    const count = counts[at] ?? 0;
    if (count > 0 && below + count >= rank) {
      const lowerMs = boundsMs[at - 1] ?? 0;
      const part = Math.max(0, rank - below) / count;
      return { kind: 'inside', valueMs: lowerMs + (upperMs - lowerMs) * part, lowerMs, upperMs };
    }
    below += count;
  }
  return { kind: 'overflow', highestMs };
}
