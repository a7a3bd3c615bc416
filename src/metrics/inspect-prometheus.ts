import type { Address } from './address.ts';
import type { Answer } from './answer.ts';
import { prometheusClient } from './client.ts';
import { providerClock, range } from './promql.ts';

type Found<Value> = { kind: 'found'; value: Value } | { kind: 'failed'; why: string };

/** What a provider of metrics answers. Clocks are milliseconds since the Unix epoch. */
export type PrometheusFacts = {
  clock: Found<{ clockMs: number; localMs: number }>;
  /** How many series of Istio's requests there are. */
  series: Found<number>;
  /** Seconds between two samples of the best scraped series; null when none is old enough to tell. */
  scrapeSeconds: Found<number | null>;
};

export type InspectOptions = {
  /** Seconds between two scrapes as configured: the window spans five of them. */
  scrapeSeconds: number;
  timeoutMs: number;
  now: () => number;
};

const requests = 'istio_requests_total{reporter="destination"}';

/**
 * Asks a provider for its clock, for Istio's metrics, and how often they are scraped: samples are counted in series
 * that are older than the window, because a new one has fewer for another reason.
 * @throws AppError `configuration` when the address is no URL
 */
export async function inspectPrometheus(
  address: Address,
  { scrapeSeconds, timeoutMs, now }: InspectOptions,
): Promise<PrometheusFacts> {
  const client = prometheusClient(address);
  const ask = (query: string) => client.ask({ query, at: null }, AbortSignal.timeout(timeoutMs));
  const window = Math.max(5, 5 * scrapeSeconds);
  const samples = `max(count_over_time(${requests}${range(window)}) and ${requests} offset ${Math.ceil(window)}s)`;
  const before = now();
  const clock = await ask(providerClock);
  const localMs = (before + now()) / 2;
  const [series, counted] = await Promise.all([ask(`count(${requests})`), ask(samples)]);
  return {
    clock: found(clock, (seconds) => ({ clockMs: (seconds ?? 0) * 1000, localMs })),
    series: found(series, (count) => count ?? 0),
    scrapeSeconds: found(counted, (count) => (count === null || count === 0 ? null : window / count)),
  };
}

function found<Value>(answer: Answer, read: (value: number | null) => Value): Found<Value> {
  if (answer.kind === 'failed') return { kind: 'failed', why: answer.why };
  return { kind: 'found', value: read(answer.rows[0]?.value ?? null) };
}
