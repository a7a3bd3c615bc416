import { z } from 'zod';

/** One sample of an instant query: its labels and its value, which may be NaN or infinite. */
export type Row = { labels: Record<string, string>; value: number };

/**
 * What one query came to. `why` is for people: it names no credential. At fault is the `query`, which was refused as
 * it stands or asks for more than can be answered; the `time` it took; the `connection`, which may hold a moment later;
 * or the `provider`, whatever it is asked.
 */
export type Answer = { kind: 'rows'; rows: Row[] } | Failed;
export type Failed = { kind: 'failed'; why: string; fault: 'query' | 'time' | 'connection' | 'provider' };

/** One series over time: its labels, and its value at instants in Unix seconds. */
export type Series = { labels: Record<string, string>; points: [seconds: number, value: number][] };

/** What a query for series came to. */
export type SeriesAnswer = { kind: 'series'; series: Series[] } | Failed;

/** What a list came to. `partial`: what the provider says is missing from it. */
export type Listed = { kind: 'listed'; data: unknown; partial: string[] } | Failed;

/** A row as it is sent: `value` is an instant in seconds and a number as text. */
type Sample = { metric: Record<string, string>; value: [number, string] };
type SampleSeries = { metric: Record<string, string>; values: [number, string][] };

const Success = z.looseObject({
  status: z.literal('success'),
  warnings: z.array(z.string()).optional(),
  data: z.discriminatedUnion('resultType', [
    // Thousands of rows an answer: they are looked at and taken as they are, and not copied field by field.
    z.looseObject({ resultType: z.literal('vector'), result: z.array(z.custom<Sample>(isSample)) }),
    z.looseObject({ resultType: z.literal('scalar'), result: z.custom<Sample['value']>(isSampleValue) }),
  ]),
});

const SeriesSuccess = z.looseObject({
  status: z.literal('success'),
  warnings: z.array(z.string()).optional(),
  data: z.looseObject({
    resultType: z.literal('matrix'),
    result: z.array(z.custom<SampleSeries>(isSampleSeries)),
  }),
});

const Failure = z.looseObject({
  status: z.literal('error'),
  error: z.string(),
  errorType: z.string().optional(),
});

/**
 * Reads an answer of Prometheus's query API (https://prometheus.io/docs/prometheus/latest/querying/api/): a vector or
 * a scalar. Anything else is `failed`, and so is an answer with warnings, because part of the data may be missing.
 */
export function readAnswer(httpStatus: number, body: unknown): Answer {
  const success = httpStatus === 200 ? Success.safeParse(body) : null;
  if (!success?.success) return refusal(httpStatus, body);
  const { data, warnings = [] } = success.data;
  const partial = partialAnswer(warnings);
  if (partial !== null) return partial;
  if (data.resultType === 'scalar') {
    return { kind: 'rows', rows: [{ labels: {}, value: sampleNumber(data.result[1]) }] };
  }
  return {
    kind: 'rows',
    rows: data.result.map(({ metric, value }) => ({ labels: metric, value: sampleNumber(value[1]) })),
  };
}

/** Reads an answer to a query for series over time, such as a subquery: a matrix, and nothing else. */
export function readSeries(httpStatus: number, body: unknown): SeriesAnswer {
  const success = httpStatus === 200 ? SeriesSuccess.safeParse(body) : null;
  if (!success?.success) return refusal(httpStatus, body);
  const { data, warnings = [] } = success.data;
  const partial = partialAnswer(warnings);
  if (partial !== null) return partial;
  const series = data.result.map(({ metric, values }): Series => {
    return { labels: metric, points: values.map(([seconds, text]) => [seconds, sampleNumber(text)]) };
  });
  return { kind: 'series', series };
}

function partialAnswer(warnings: string[]): Failed | null {
  const [first] = warnings;
  if (first === undefined) return null;
  return { kind: 'failed', why: `gave a partial answer: ${short(first)}`, fault: faultIn(warnings) };
}

const ListSuccess = z.looseObject({
  status: z.literal('success'),
  warnings: z.array(z.string()).optional(),
  data: z.unknown(),
});

/** Reads an answer of the lists that stand beside the query API: labels, targets, rules and alerts. */
export function readListed(httpStatus: number, body: unknown): Listed {
  const success = httpStatus === 200 ? ListSuccess.safeParse(body) : null;
  if (!success?.success) return refusal(httpStatus, body);
  const { data, warnings = [] } = success.data;
  return { kind: 'listed', data, partial: warnings.map(short) };
}

/**
 * Warnings of the query language itself are about the series of some service; all others say that a part of the
 * provider is missing (https://github.com/prometheus/prometheus/blob/main/util/annotations/annotations.go).
 */
function faultIn(warnings: string[]): Failed['fault'] {
  return warnings.every((warning) => warning.startsWith('PromQL warning')) ? 'query' : 'provider';
}

function isSample(row: unknown): boolean {
  return isObject(row) && isSampleValue(row['value']) && areLabels(row['metric']);
}

function isSampleSeries(row: unknown): boolean {
  if (!isObject(row) || !areLabels(row['metric'])) return false;
  const { values } = row;
  return Array.isArray(values) && values.every(isSampleValue);
}

function areLabels(metric: unknown): boolean {
  return isObject(metric) && Object.values(metric).every((label) => typeof label === 'string');
}

function isSampleValue(value: unknown): boolean {
  return (
    Array.isArray(value) && value.length === 2 && typeof value[0] === 'number' && typeof value[1] === 'string'
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number as Prometheus writes it: `+Inf`, `-Inf`, `NaN` or digits; NaN for all other text. */
export function sampleNumber(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return text.trim() === '' ? Number.NaN : Number(text);
}

function refusal(httpStatus: number, body: unknown): Failed {
  const failed = (why: string, fault: Failed['fault'] = 'provider') =>
    ({ kind: 'failed', why, fault }) as const;
  const noAccess = refusedAccess(httpStatus);
  if (noAccess !== null) return noAccess;
  const { data: failure } = Failure.safeParse(body);
  const fault = faultOf(httpStatus, failure?.errorType);
  if (failure) return failed(`refused the query (HTTP ${httpStatus}): ${short(failure.error)}`, fault);
  if (httpStatus !== 200) return failed(`answered HTTP ${httpStatus}`, fault);
  return failed("answered with something that is not Prometheus's query API: check the address");
}

/** Refused credentials and redirects, which mean the same whoever answers them; null for every other status. */
export function refusedAccess(httpStatus: number): Failed | null {
  const failed = (why: string): Failed => ({ kind: 'failed', why, fault: 'provider' });
  if (httpStatus === 401 || httpStatus === 403) return failed(`refused the credentials (HTTP ${httpStatus})`);
  if (httpStatus < 300 || httpStatus >= 400) return null;
  return failed(`redirects elsewhere (HTTP ${httpStatus}): configure the address it points to`);
}

/** 413, 414 and 431 are a request too large for something on the way; 400 and 422 are Prometheus's own. */
const refusesQuery = new Set([400, 413, 414, 422, 431]);

function faultOf(httpStatus: number, errorType: string | undefined): Failed['fault'] {
  if (httpStatus === 504 || errorType === 'timeout') return 'time';
  return refusesQuery.has(httpStatus) ? 'query' : 'provider';
}

function short(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= 200 ? line : `${line.slice(0, 199)}…`;
}
