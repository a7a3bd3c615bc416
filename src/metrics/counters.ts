import type { ArmCounters, Counters, PodCounters } from '../analysis/counters.ts';
import type { MeasureRequest } from '../rollout/ports/metrics.ts';
import { type Answer, type Row, sampleNumber } from './answer.ts';
import { type ArmName, armOf, type Freshness, type Unavailable } from './freshness.ts';
import type { OfPods } from './pod-queries.ts';
import { isServerError } from './server-errors.ts';

/** What the raw counters of one poll rest on. */
export type CounterAnswers = {
  freshness: Freshness;
  counters: OfPods<Answer>;
  newest: Answer;
  /** Null when nobody had to ask, because both arms are fresh. */
  seenLately: Answer | null;
};

/**
 * What the pods of both arms have counted. An arm without a fresh sample is null where it was seen within the hour,
 * since a missing scrape is no lack of requests, and has no pods where it never was. Bounds are those that all pods with
 * a histogram have.
 */
export function countersFrom(request: MeasureRequest, answers: CounterAnswers): Counters {
  const { freshness, counters } = answers;
  if (freshness.kind === 'unavailable') return freshness;
  if (counters.requests.kind === 'failed') return { kind: 'unavailable', why: counters.requests.why };
  if (counters.buckets.kind === 'failed') return { kind: 'unavailable', why: counters.buckets.why };
  const { fresh } = freshness;
  const isCounted = (row: Row) => {
    const arm = armOf(request, row);
    return arm !== null && fresh[arm];
  };
  const [requests, buckets] = [
    counters.requests.rows.filter(isCounted),
    counters.buckets.rows.filter(isCounted),
  ];
  const wrong = whyUnusable(request, [...requests, ...buckets]);
  if (wrong !== null) return wrong;
  const histograms = {
    canary: podBuckets(request, buckets, 'canary'),
    stable: podBuckets(request, buckets, 'stable'),
  };
  const boundsMs = commonBounds([...histograms.canary.values(), ...histograms.stable.values()]);
  const of = (arm: ArmName): ArmCounters | null => {
    if (!fresh[arm]) return wasSeen(request, answers, arm) ? null : {};
    return armCounters(
      requests.filter((row) => armOf(request, row) === arm),
      histograms[arm],
      boundsMs,
    );
  };
  return { kind: 'counters', boundsMs, canary: of('canary'), stable: of('stable') };
}

function wasSeen(request: MeasureRequest, { newest, seenLately }: CounterAnswers, arm: ArmName): boolean {
  const hasRow = (answer: Answer | null) =>
    answer?.kind === 'rows' && answer.rows.some((row) => armOf(request, row) === arm);
  return seenLately?.kind === 'failed' || hasRow(newest) || hasRow(seenLately);
}

/** Why these rows tell nothing: numbers that are none, or pods that cannot be told apart. Null for rows that do. */
export function whyUnusable(request: MeasureRequest, rows: Row[]): Unavailable | null {
  const odd = rows.find(({ value }) => !Number.isFinite(value) || value < 0);
  if (odd !== undefined) return { kind: 'unavailable', why: `Prometheus answered ${odd.value} requests` };
  if (rows.every((row) => podOf(row) !== null)) return null;
  const { namespace, name } = request.target.stable.service;
  const why = `Prometheus's samples of ${namespace}/${name} carry neither the label pod nor instance, so that a pod that ends would look like one that starts anew: keep the label pod where samples are scraped, relabelled or federated`;
  return { kind: 'unavailable', why };
}

/**
 * Tells a proxy from all others: a pod's name may come again, as that of a StatefulSet does, and the counters of the
 * two would be added up for as long as Prometheus shows both. Null for a row that names no pod.
 */
export function podOf({ labels }: Pick<Row, 'labels'>): string | null {
  const named = [labels['pod'], labels['instance']].filter((name) => name !== undefined && name !== '');
  return named.length === 0 ? null : named.join(' ');
}

/** Requests at or below each bound. */
type PodBuckets = Map<number, number>;

function podBuckets(request: MeasureRequest, rows: Row[], arm: ArmName): Map<string, PodBuckets> {
  const pods = new Map<string, PodBuckets>();
  for (const row of rows) {
    const pod = podOf(row);
    if (pod === null || armOf(request, row) !== arm) continue;
    const buckets = pods.get(pod) ?? new Map<number, number>();
    pods.set(pod, withBucket(buckets, row));
  }
  return pods;
}

/**
 * The same buckets with one more. `1000` and `1000.0` are one bound, and one proxy writes one of them: when both are
 * there, Prometheus was renewed and still shows what it called the bound before.
 */
export function withBucket(buckets: PodBuckets, { labels, value }: Row): PodBuckets {
  const bound = sampleNumber(labels['le'] ?? '');
  if (!Number.isNaN(bound)) buckets.set(bound, Math.max(value, buckets.get(bound) ?? 0));
  return buckets;
}

/** Finite bounds that all of these histograms have, rising; those without any do not count. */
export function commonBounds(histograms: PodBuckets[]): number[] {
  const [first, ...others] = histograms.filter((buckets) => buckets.size > 0);
  const bounds = [...(first?.keys() ?? [])].filter(
    (bound) => Number.isFinite(bound) && bound > 0 && others.every((buckets) => buckets.has(bound)),
  );
  return bounds.sort((a, b) => a - b);
}

/** Requests at or below each of these bounds, and then all; empty where one of them is missing. */
export function countsAtMost(buckets: PodBuckets | undefined, boundsMs: number[]): number[] {
  if (buckets === undefined || boundsMs.length === 0) return [];
  const counts = [...boundsMs, Number.POSITIVE_INFINITY].map((bound) => buckets.get(bound));
  return counts.every((count) => count !== undefined) ? counts : [];
}

function armCounters(rows: Row[], histograms: Map<string, PodBuckets>, boundsMs: number[]): ArmCounters {
  const pods = new Map<string, PodCounters>();
  for (const row of rows) {
    const pod = podOf(row);
    if (pod === null) continue;
    const known = pods.get(pod) ?? {
      requests: 0,
      errors: 0,
      atMost: countsAtMost(histograms.get(pod), boundsMs),
    };
    pods.set(pod, withAnswers(known, row));
  }
  return Object.fromEntries(pods);
}

/** What a pod counted, and the requests of one more row. */
export function withAnswers<Counts extends { requests: number; errors: number }>(
  counts: Counts,
  row: Row,
): Counts {
  const errors = isServerError(row) ? row.value : 0;
  return { ...counts, requests: counts.requests + row.value, errors: counts.errors + errors };
}
