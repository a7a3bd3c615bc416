import { z } from 'zod';

/** One sample of an instant query: its labels and its value, which may be NaN or infinite. */
export type Row = { labels: Record<string, string>; value: number };

/** What one query came to. `why` is for people: it names no credential. */
export type Answer = { kind: 'rows'; rows: Row[] } | { kind: 'failed'; why: string };

const SampleValue = z.tuple([z.number(), z.string().transform(sampleNumber)]);

const Success = z.looseObject({
  status: z.literal('success'),
  warnings: z.array(z.string()).optional(),
  data: z.discriminatedUnion('resultType', [
    z.looseObject({
      resultType: z.literal('vector'),
      result: z.array(z.looseObject({ metric: z.record(z.string(), z.string()), value: SampleValue })),
    }),
    z.looseObject({ resultType: z.literal('scalar'), result: SampleValue }),
  ]),
});

const Failure = z.looseObject({ status: z.literal('error'), error: z.string() });

/**
 * Reads an answer of Prometheus's query API (https://prometheus.io/docs/prometheus/latest/querying/api/): a vector or
 * a scalar. Anything else is `failed`, and so is an answer with warnings, because part of the data may be missing.
 */
export function readAnswer(httpStatus: number, body: unknown): Answer {
  const success = Success.safeParse(body);
  if (httpStatus !== 200 || !success.success) return { kind: 'failed', why: refusal(httpStatus, body) };
  const { data, warnings = [] } = success.data;
  if (warnings[0] !== undefined) {
    return { kind: 'failed', why: `gave a partial answer: ${short(warnings[0])}` };
  }
  if (data.resultType === 'scalar') return { kind: 'rows', rows: [{ labels: {}, value: data.result[1] }] };
  return {
    kind: 'rows',
    rows: data.result.map(({ metric, value }) => ({ labels: metric, value: value[1] })),
  };
}

/** A number as Prometheus writes it: `+Inf`, `-Inf`, `NaN` or digits; NaN for all other text. */
export function sampleNumber(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return text.trim() === '' ? Number.NaN : Number(text);
}

function refusal(httpStatus: number, body: unknown): string {
  if (httpStatus === 401 || httpStatus === 403) return `refused the credentials (HTTP ${httpStatus})`;
  if (httpStatus >= 300 && httpStatus < 400) {
    return `redirects elsewhere (HTTP ${httpStatus}): configure the address it points to`;
  }
  const failure = Failure.safeParse(body);
  if (failure.success) return `refused the query (HTTP ${httpStatus}): ${short(failure.data.error)}`;
  if (httpStatus !== 200) return `answered HTTP ${httpStatus}`;
  return "answered with something that is not Prometheus's query API: check the address";
}

function short(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= 200 ? line : `${line.slice(0, 199)}…`;
}
