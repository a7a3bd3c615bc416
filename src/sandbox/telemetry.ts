/** Upper bounds of Istio's duration histogram in milliseconds (Envoy's default buckets), without +Inf. */
export const durationBucketsMs = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
] as const;

/** The counters of one label set: requests, and their durations by bucket (not cumulative; the last is over all bounds). */
type Series = {
  labels: string;
  count: number;
  sumMs: number;
  buckets: number[];
  bounds: readonly number[];
};

/** What one sidecar has counted since it started. Series appear with their first request. */
export type Telemetry = {
  /** The series of a label set. `key` must identify the labels; they are rendered only the first time. */
  series(key: string, labels: () => Record<string, string>): Series;
  all(): Iterable<Series>;
};

/** @param bounds Upper bounds of the duration histogram in milliseconds, ascending, without +Inf */
export function createTelemetry(bounds: readonly number[] = durationBucketsMs): Telemetry {
  const known = new Map<string, Series>();
  return {
    series: (key, labels) => {
      const found = known.get(key);
      if (found !== undefined) return found;
      const fresh = {
        labels: labelText(labels()),
        count: 0,
        sumMs: 0,
        buckets: bounds.map(() => 0).concat(0),
        bounds,
      };
      known.set(key, fresh);
      return fresh;
    },
    all: () => known.values(),
  };
}

/** Counts one request that took this long. */
export function observe(series: Series, durationMs: number): void {
  const found = series.bounds.findIndex((bound) => durationMs <= bound);
  const index = found < 0 ? series.bounds.length : found;
  series.count += 1;
  series.sumMs += durationMs;
  series.buckets[index] = (series.buckets[index] ?? 0) + 1;
}

function labelText(labels: Record<string, string>): string {
  const escaped = (value: string) =>
    value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',');
}

/** Renders the counters in the Prometheus text format 0.0.4, under Istio's metric names. */
export function exposition(telemetry: Telemetry): string {
  const all = [...telemetry.all()];
  if (all.length === 0) return '';
  const totals = all.map((one) => `istio_requests_total{${one.labels}} ${one.count}\n`);
  return [
    '# TYPE istio_requests_total counter\n',
    ...totals,
    '# TYPE istio_request_duration_milliseconds histogram\n',
    ...all.map(histogramText),
  ].join('');
}

function histogramText(series: Series): string {
  const name = 'istio_request_duration_milliseconds';
  let cumulative = 0;
  const lines = series.bounds.map((bound, index) => {
    cumulative += series.buckets[index] ?? 0;
    return `${name}_bucket{${series.labels},le="${bound}"} ${cumulative}\n`;
  });
  lines.push(`${name}_bucket{${series.labels},le="+Inf"} ${series.count}\n`);
  lines.push(
    `${name}_sum{${series.labels}} ${series.sumMs}\n`,
    `${name}_count{${series.labels}} ${series.count}\n`,
  );
  return lines.join('');
}
