import { setMaxListeners } from 'node:events';
import type { MeasureRequest, Metrics } from '../rollout/ports/metrics.ts';
import type { Answer } from './answer.ts';
import { type PrometheusAddress, type PrometheusClient, prometheusClient } from './client.ts';
import { freshArms, hasNoFreshArm, withoutFreshArm } from './freshness.ts';
import { providerClock, selectService } from './promql.ts';
import { type Queries, queriesOf } from './queries.ts';
import { type Answers, measurementsFrom, nothingMeasured } from './readings.ts';
import { nothingSurveyed, surveyFrom } from './survey.ts';

export type PrometheusMetricsOptions = PrometheusAddress & {
  /** Seconds between two scrapes of the mesh's proxies. */
  scrapeSeconds: number;
  /** Time for all queries of one measurement together, in ms. */
  deadlineMs?: number;
};

type PrometheusReady = { ok: true } | { ok: false; why: string };

export type PrometheusMetrics = Metrics & {
  /** Whether the provider answers queries; for the readiness page. */
  ready(signal: AbortSignal): Promise<PrometheusReady>;
};

/**
 * Measures Istio's standard metrics in any provider with Prometheus's query API. All queries of a measurement run
 * side by side at the same instant and end together at the deadline. Throws `configuration` for an address that is
 * no URL; measuring itself never throws.
 */
export function prometheusMetrics(options: PrometheusMetricsOptions): PrometheusMetrics {
  const { scrapeSeconds, deadlineMs = 3000 } = options;
  const client = prometheusClient(options);
  const pollFor = (request: MeasureRequest, signal: AbortSignal): Poll | { kind: 'refused'; why: string } => {
    const selector = selectService(request.target);
    if (selector.kind === 'refused') return selector;
    const queries = queriesOf(selector, request, scrapeSeconds);
    const bounded = withDeadline(signal, deadlineMs);
    return { kind: 'poll', client, queries, request, scrapeSeconds, signal: bounded };
  };
  return {
    scrapeSeconds: () => scrapeSeconds,
    measure: async (request, signal) => {
      const poll = pollFor(request, signal);
      if (poll.kind === 'refused') return nothingMeasured(request, poll.why);
      return measurementsFrom(request, await askAll(poll));
    },
    survey: async (request, signal) => {
      const poll = pollFor(request, signal);
      if (poll.kind === 'refused') return nothingSurveyed(request, poll.why, scrapeSeconds);
      return surveyFrom(request, poll.queries, await askAll(poll));
    },
    ready: async (signal) => {
      const answer = await client.ask({ query: providerClock, at: null }, withDeadline(signal, deadlineMs));
      return answer.kind === 'rows' ? { ok: true } : { ok: false, why: answer.why };
    },
  };
}

function withDeadline(signal: AbortSignal, deadlineMs: number): AbortSignal {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
  // Each query listens, and a plan may have many windows: more than Node's ten are no leak.
  setMaxListeners(0, bounded);
  return bounded;
}

type Poll = {
  kind: 'poll';
  client: PrometheusClient;
  queries: Queries;
  request: MeasureRequest;
  scrapeSeconds: number;
  signal: AbortSignal;
};

async function askAll(poll: Poll): Promise<Answers> {
  const { client, queries, request, signal } = poll;
  const ask = (query: string) => client.ask({ query, at: request.at }, signal);
  const [{ clock, freshness }, requests, p99s, buckets, increments, callers] = await Promise.all([
    askFreshness(poll),
    byWindow(queries.requests, ask),
    byWindow(queries.p99s, ask),
    byWindow(queries.buckets, ask),
    queries.increments === null ? null : ask(queries.increments),
    ask(queries.callers),
  ]);
  return { clock, freshness, requests, p99s, buckets, increments, callers };
}

async function askFreshness({ client, queries, request, scrapeSeconds, signal }: Poll) {
  const { at } = request;
  const [clock, newest] = await Promise.all([
    client.ask({ query: providerClock, at: null }, signal),
    client.ask({ query: queries.newest, at }, signal),
  ]);
  const freshness = freshArms(request, { clock, newest }, scrapeSeconds);
  if (!hasNoFreshArm(freshness)) return { clock, freshness };
  const seen = await client.ask({ query: queries.seenLately, at }, signal);
  return { clock, freshness: withoutFreshArm(request, seen, scrapeSeconds) };
}

async function byWindow(
  queries: Map<number, string>,
  ask: (query: string) => Promise<Answer>,
): Promise<Map<number, Answer>> {
  const answers = [...queries].map(async ([seconds, query]) => [seconds, await ask(query)] as const);
  return new Map(await Promise.all(answers));
}
