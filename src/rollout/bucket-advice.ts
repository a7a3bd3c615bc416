/** Where a limit lies between the bounds of a histogram, and the annotation that gives it a bound of its own. */
export type BucketAdvice = {
  lowerMs: number;
  /** Null when the limit lies above the highest bound. */
  upperMs: number | null;
  annotation: { name: string; value: string };
};

const annotationName = 'sidecar.istio.io/statsHistogramBuckets';
/** Istio matches the annotation's names against the beginning of Envoy's, which put this before each of Istio's. */
const durations = 'istiocustom.istio_request_duration_milliseconds';

/**
 * Null when the limit in ms is a bound. Otherwise a P99 near it is a guess between two bounds: Prometheus interpolates
 * (https://prometheus.io/docs/practices/histograms/#errors-of-quantile-estimation). The annotation's value is a JSON
 * object from a metric's prefix to all of its bounds: https://istio.io/latest/docs/reference/config/annotations/
 */
export function bucketAdvice(limitMs: number, boundsMs: readonly number[]): BucketAdvice | null {
  if (boundsMs.length === 0 || boundsMs.includes(limitMs)) return null;
  const below = boundsMs.filter((bound) => bound < limitMs);
  const above = boundsMs.filter((bound) => bound > limitMs);
  return {
    lowerMs: below.at(-1) ?? 0,
    upperMs: above[0] ?? null,
    annotation: {
      name: annotationName,
      value: JSON.stringify({ [durations]: [...below, limitMs, ...above] }),
    },
  };
}
