import type { CheckReadings, Counts, Measurements, Reading } from '../analysis/reading.ts';
import { guidingIn, longestWindowSeconds, type MeshCheck, meshChecksIn } from '../rollout/plan-parts.ts';
import type { MeasureRequest } from '../rollout/ports/metrics.ts';
import { isEntryHost } from '../rollout/target.ts';
import type { Answer, Row, SeriesAnswer } from './answer.ts';
import { countersFrom } from './counters.ts';
import { type ArmName, armOf, type Freshness, skewOf, type Unavailable } from './freshness.ts';
import { bucketOfQuantile, bucketsOf } from './histogram.ts';
import { historyFrom } from './history.ts';
import type { OfPods } from './pod-queries.ts';
import { isHostSplit } from './promql.ts';
import { isServerError } from './server-errors.ts';

/** `increase` needs two samples, so a stretch of fewer scrapes would lose requests. */
const fewestScrapes = 2;
const quantile = 0.99;
const usualRequests = 100;

/** The answers of one poll; those of a window stand under its length in seconds. */
export type Answers = {
  clock: Answer;
  freshness: Freshness;
  requests: Map<number, Answer>;
  p99s: Map<number, Answer>;
  buckets: Map<number, Answer>;
  increments: Answer | null;
  callers: Answer;
  newest: Answer;
  seenLately: Answer | null;
  counters: OfPods<Answer> | null;
  history: OfPods<SeriesAnswer> | null;
};

type Counted = { kind: 'counts'; counts: Counts } | { kind: 'none' } | Unavailable;

const notAsked: Answer = { kind: 'failed', why: 'Prometheus was not asked', fault: 'provider' };

/** True when a stretch is long enough that `increase` counts every request in it. */
export function isLongEnough(seconds: number, scrapeSeconds: number): boolean {
  return seconds >= fewestScrapes * scrapeSeconds;
}

/**
 * What the answers of one poll say. An arm without a fresh sample while the other has one is gone: `none`. When
 * neither has one and the service was seen in the last hour, nobody is being scraped: `unavailable`, however many
 * requests a window may still show from before. A failed query spoils only the readings that need it.
 */
export function measurementsFrom(request: MeasureRequest, answers: Answers): Measurements {
  const { freshness } = answers;
  const both = (read: (arm: ArmName) => Reading): CheckReadings => ({
    canary: whenFresh(freshness, 'canary', read),
    stable: whenFresh(freshness, 'stable', read),
  });
  const checks = Object.entries(meshChecksIn(request.checks)).map(
    ([id, check]) => [id, both((arm) => checkReading(request, check, answers, arm))] as const,
  );
  const increment = (arm: ArmName) => incrementOf(request, answers, arm);
  return {
    takenAt: request.at,
    checks: Object.fromEntries(checks),
    requests: both((arm) => requestReading(request, answers, arm)),
    increments: { canary: increment('canary'), stable: increment('stable') },
    unattributed: unattributedReading(request, answers),
    ...podsFrom(request, answers),
  };
}

function podsFrom(
  request: MeasureRequest,
  { counters, history, ...others }: Answers,
): Pick<Measurements, 'counters' | 'history'> {
  return {
    ...(counters === null ? {} : { counters: countersFrom(request, { ...others, counters }) }),
    ...(history === null ? {} : { history: historyFrom(request, { ...others, history }) }),
  };
}

/** `unavailable`, for the same reason, in every reading. */
export function nothingMeasured({ at, checks, judged }: MeasureRequest, why: string): Measurements {
  const unavailable: Unavailable = { kind: 'unavailable', why };
  const both = { canary: unavailable, stable: unavailable };
  return {
    takenAt: at,
    checks: Object.fromEntries(Object.keys(checks).map((id) => [id, both])),
    requests: both,
    increments: { canary: null, stable: null },
    unattributed: unavailable,
    ...(judged === undefined ? {} : { counters: unavailable }),
    ...(judged !== undefined && judged.historySeconds > 0 ? { history: unavailable } : {}),
  };
}

function whenFresh(freshness: Freshness, arm: ArmName, read: (arm: ArmName) => Reading): Reading {
  if (freshness.kind === 'unavailable') return freshness;
  return freshness.fresh[arm] ? read(arm) : { kind: 'none' };
}

function checkReading(request: MeasureRequest, check: MeshCheck, answers: Answers, arm: ArmName): Reading {
  const counted = countsOf(request, answers.requests.get(check.window) ?? notAsked, arm);
  if (counted.kind !== 'counts') return counted;
  const { errors } = counted.counts;
  const requests = Math.round(counted.counts.requests);
  if (requests === 0) return { kind: 'none' };
  if (requests < check.minRequests) return { kind: 'tooFew', requests, needed: check.minRequests };
  if (check.metric === 'p99LatencyMs') return latencyReading(request, check, answers, { arm, requests });
  return { kind: 'value', value: errors / counted.counts.requests, requests };
}

function latencyReading(
  request: MeasureRequest,
  check: MeshCheck,
  answers: Answers,
  { arm, requests }: { arm: ArmName; requests: number },
): Reading {
  const p99 = answers.p99s.get(check.window) ?? notAsked;
  const buckets = answers.buckets.get(check.window) ?? notAsked;
  if (p99.kind === 'failed') return { kind: 'unavailable', why: p99.why };
  if (buckets.kind === 'failed') return { kind: 'unavailable', why: buckets.why };
  const [row, ...others] = p99.rows.filter((candidate) => armOf(request, candidate) === arm);
  if (row === undefined || others.length > 0)
    return unclear(`${others.length + (row ? 1 : 0)} P99 values instead of one`);
  const ofArm = bucketsOf(buckets.rows.filter((candidate) => armOf(request, candidate) === arm));
  const found = bucketOfQuantile(ofArm, quantile, row.value);
  if (found.kind === 'unknown') return unclear(`a P99 of ${row.value} ms that lies in no bucket`);
  if (found.kind === 'overflow') return overflowReading(check, found.highestMs, requests);
  const { lowerMs, upperMs } = found;
  return { kind: 'value', value: row.value, requests, bucket: { lowerMs, upperMs } };
}

/**
 * A P99 above the highest bucket is a breach of every limit up to that bucket, a limit equal to it included, which
 * is why it is read as one millisecond above it. Of a higher limit it says nothing.
 */
function overflowReading({ max }: MeshCheck, highestMs: number, requests: number): Reading {
  if (max <= highestMs) return { kind: 'value', value: highestMs + 1, requests };
  const why = `the P99 lies above the highest bucket, ${highestMs} ms: add a bucket at ${max} ms to judge the limit`;
  return { kind: 'unavailable', why };
}

function requestReading(request: MeasureRequest, answers: Answers, arm: ArmName): Reading {
  const answer = answers.requests.get(longestWindowSeconds(request.checks)) ?? notAsked;
  const counted = countsOf(request, answer, arm);
  if (counted.kind !== 'counts') return counted;
  const requests = Math.round(counted.counts.requests);
  return { kind: 'value', value: requests, requests };
}

function incrementOf(request: MeasureRequest, answers: Answers, arm: ArmName): Counts | null {
  const { freshness, increments } = answers;
  if (increments === null || freshness.kind === 'unavailable' || !freshness.fresh[arm]) return null;
  const counted = countsOf(request, increments, arm);
  if (counted.kind !== 'counts') return null;
  return { requests: Math.round(counted.counts.requests), errors: Math.round(counted.counts.errors) };
}

function countsOf(request: MeasureRequest, answer: Answer, arm: ArmName): Counted {
  if (answer.kind === 'failed') return { kind: 'unavailable', why: answer.why };
  return sumOf(
    answer.rows.filter((row) => armOf(request, row) === arm),
    isServerError,
  );
}

// No row of a 5xx code is no error, but no row at all is no data: only the numerator may fall back to 0.
function sumOf(rows: Row[], isError: (row: Row) => boolean): Counted {
  if (rows.length === 0) return { kind: 'none' };
  const odd = rows.find(({ value }) => !Number.isFinite(value) || value < 0);
  if (odd !== undefined) return unclear(`${odd.value} requests`);
  const sum = (some: Row[]) => some.reduce((total, { value }) => total + value, 0);
  return { kind: 'counts', counts: { requests: sum(rows), errors: sum(rows.filter(isError)) } };
}

// A caller that reached no pod cannot name one: the workload is unknown, and the version with it. So it is with every
// answer of a host that has no pods, but where the hosts are the arms, it is that host's.
function unattributedReading(request: MeasureRequest, { callers, clock }: Answers): Reading {
  const skewed = skewOf(request, clock);
  if (skewed !== null) return skewed;
  if (callers.kind === 'failed') return { kind: 'unavailable', why: callers.why };
  const counted = sumOf(callers.rows, (row) => isServerError(row) && namesNobody(request, row));
  if (counted.kind !== 'counts') return counted;
  const requests = Math.round(counted.counts.requests);
  const needed = fewestIn(guidingIn(request.checks));
  if (requests === 0) return { kind: 'none' };
  if (requests < needed) return { kind: 'tooFew', requests, needed };
  return { kind: 'value', value: counted.counts.errors / counted.counts.requests, requests };
}

/** What the least of the checks asks for; a custom one counts no requests. */
function fewestIn(checks: MeasureRequest['checks']): number {
  const each = Object.values(meshChecksIn(checks)).map(({ minRequests }) => minRequests);
  return each.length === 0 ? usualRequests : Math.min(...each);
}

function namesNobody(request: MeasureRequest, row: Row): boolean {
  const { target } = request;
  const arm = isHostSplit(target) ? armOf(request, row) : null;
  if (arm !== null && isEntryHost(target[arm])) return false;
  const { labels } = row;
  return labels['destination_version'] === 'unknown' && labels['destination_workload'] === 'unknown';
}

function unclear(what: string): Unavailable {
  return { kind: 'unavailable', why: `Prometheus answered ${what}` };
}
