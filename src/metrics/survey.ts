import type { Check } from '../rollout/plan-parts.ts';
import type { MeasureRequest, MetricsSurvey, ShownQuery } from '../rollout/ports/metrics.ts';
import { armOf } from './freshness.ts';
import { type Bucket, bucketsOf } from './histogram.ts';
import { isCountedAtCallers, providerClock, selectService } from './promql.ts';
import { type Queries, queriesOf } from './queries.ts';
import { type Answers, measurementsFrom, nothingMeasured } from './readings.ts';

/** What the answers of one poll say before a rollout starts, with the queries that they answer. */
export function surveyFrom(request: MeasureRequest, queries: Queries, answers: Answers): MetricsSurvey {
  const checks = Object.entries(request.checks).map(
    ([id, check]) =>
      [id, { queries: shownFor(check, queries), ...histogramOf(request, check, answers) }] as const,
  );
  return {
    measurements: measurementsFrom(request, answers),
    checks: Object.fromEntries(checks),
    guards: guardQueries(queries),
    latencyFrom: latencyFrom(request),
  };
}

/** The queries alone, with every reading `unavailable` for the same reason. */
export function nothingSurveyed(request: MeasureRequest, why: string, scrapeSeconds: number): MetricsSurvey {
  const selector = selectService(request.target, request);
  const queries = selector.kind === 'refused' ? null : queriesOf(selector, request, scrapeSeconds);
  const checks = Object.entries(request.checks).map(
    ([id, check]) =>
      [id, { queries: queries === null ? [] : shownFor(check, queries), ...noHistogram }] as const,
  );
  return {
    measurements: nothingMeasured(request, why),
    checks: Object.fromEntries(checks),
    guards: queries === null ? [] : guardQueries(queries),
    latencyFrom: latencyFrom(request),
  };
}

function latencyFrom(request: MeasureRequest): MetricsSurvey['latencyFrom'] {
  return isCountedAtCallers(request) ? 'callers' : 'service';
}

function shownFor({ metric, window }: Check, { requests, p99s, buckets }: Queries): ShownQuery[] {
  const counted = { purpose: 'requests' as const, query: requests.get(window) ?? '' };
  if (metric === 'custom') return [];
  if (metric === 'errorRate') return [{ ...counted, purpose: 'value' }];
  return [
    { purpose: 'value', query: p99s.get(window) ?? '' },
    counted,
    { purpose: 'buckets', query: buckets.get(window) ?? '' },
  ];
}

function guardQueries(queries: Queries): ShownQuery[] {
  const { callers, newest, seenLately, increments } = queries;
  return [
    { purpose: 'callers', query: callers },
    { purpose: 'freshness', query: newest },
    { purpose: 'freshness', query: seenLately },
    { purpose: 'clock', query: providerClock },
    ...(increments === null ? [] : [{ purpose: 'increments' as const, query: increments }]),
    ...ofPods('counters', queries.counters),
    ...ofPods('history', queries.history),
  ];
}

function ofPods(purpose: 'counters' | 'history', queries: Queries['counters']): ShownQuery[] {
  if (queries === null) return [];
  return [queries.requests, queries.buckets].map((query) => ({ purpose, query }));
}

type SeenHistogram = Pick<MetricsSurvey['checks'][string], 'boundsMs' | 'stableHistogram'>;
const noHistogram: SeenHistogram = { boundsMs: null, stableHistogram: null };

/** The finite bounds of stable's histogram, rising, and what lies between them; null when there are none to see. */
function histogramOf(request: MeasureRequest, { metric, window }: Check, answers: Answers): SeenHistogram {
  const answer = answers.buckets.get(window);
  if (metric !== 'p99LatencyMs' || answer?.kind !== 'rows') return noHistogram;
  const ofStable = bucketsOf(answer.rows.filter((row) => armOf(request, row) === 'stable'));
  const boundsMs = ofStable.map(({ upperMs }) => upperMs).filter(Number.isFinite);
  if (boundsMs.length === 0) return noHistogram;
  return { boundsMs, stableHistogram: countsBetween(boundsMs, ofStable) };
}

/** Null without a count of all requests, or with a number that is none. A scrape is no snapshot: no count is below 0. */
function countsBetween(boundsMs: number[], atMost: Bucket[]): SeenHistogram['stableHistogram'] {
  const counts = atMost.map(({ count }, at) => Math.max(0, count - (atMost[at - 1]?.count ?? 0)));
  const isWhole = atMost.at(-1)?.upperMs === Number.POSITIVE_INFINITY && counts.every(Number.isFinite);
  return isWhole ? { boundsMs, counts } : null;
}
