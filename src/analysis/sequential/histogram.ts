/**
 * Requests slower than each bound. `buckets` has one count more than there are bounds: the last is above all of them.
 */
export function slowerThanBounds(buckets: readonly number[]): number[] {
  const slower: number[] = [];
  let sum = 0;
  for (let at = buckets.length - 1; at > 0; at--) {
    sum += buckets[at] ?? 0;
    slower.push(sum);
  }
  return slower.reverse();
}

/** All requests of a histogram. */
export function inAllBuckets(buckets: readonly number[]): number {
  let sum = 0;
  for (const count of buckets) sum += count;
  return sum;
}

/**
 * Requests slower than `limitMs`, fractional where the limit lies inside a bucket, which is divided linearly. Exactly as
 * many as make Prometheus' `histogram_quantile(q)` exceed the limit when they are more than (1 - q) of all: it divides
 * the same bucket the same way, and never answers more than the highest bound.
 */
export function slowerThan(boundsMs: readonly number[], buckets: readonly number[], limitMs: number): number {
  const at = boundsMs.findIndex((bound) => bound >= limitMs);
  if (at === -1) return 0;
  let above = 0;
  for (let bucket = buckets.length - 1; bucket > at; bucket--) above += buckets[bucket] ?? 0;
  const upper = boundsMs[at] ?? limitMs;
  const lower = boundsMs[at - 1] ?? 0;
  return above + ((upper - limitMs) / (upper - lower)) * (buckets[at] ?? 0);
}

/**
 * Requests that were slower than `limitMs` wherever in their bucket they lie: those of the bucket that the limit divides
 * are left out.
 */
export function surelySlowerThan(
  boundsMs: readonly number[],
  buckets: readonly number[],
  limitMs: number,
): number {
  const upper = boundsMs.find((bound) => bound >= limitMs);
  return upper === undefined ? 0 : slowerThan(boundsMs, buckets, upper);
}

/** Bounds that nearly none or nearly all requests exceed say nothing. */
const leastExceedance = 0.003;
const mostExceedance = 0.8;

/**
 * Indexes of the bounds at which a comparison is worth its part of the wealth, given how much of stable's requests
 * (0..1) exceeds each. If none is, the first that not nearly all exceed: a canary may be slower than all that stable is.
 */
export function usefulBounds(exceedances: readonly number[]): number[] {
  const all = exceedances.map((_, at) => at);
  const between = all.filter((at) => {
    const exceedance = exceedances[at] ?? 0;
    return exceedance >= leastExceedance && exceedance <= mostExceedance;
  });
  if (between.length > 0) return between;
  return all.filter((at) => (exceedances[at] ?? 0) <= mostExceedance).slice(0, 1);
}
