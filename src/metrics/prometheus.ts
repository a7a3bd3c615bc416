import { setMaxListeners } from 'node:events';
import { longestWindowSeconds } from '../rollout/plan-parts.ts';
import type { MeasureRequest, Metrics } from '../rollout/ports/metrics.ts';
import type { Answer } from './answer.ts';
import { type PrometheusAddress, type PrometheusClient, prometheusClient } from './client.ts';
import { freshArms, hasNoFreshArm, withoutFreshArm } from './freshness.ts';
import {
  latencyBuckets,
  newestSample,
  p99Latency,
  providerClock,
  requestsAtCallers,
  requestsByCode,
  type ServiceSelector,
  seenLately,
  selectService,
} from './promql.ts';
import { type Answers, isLongEnough, measurementsFrom, nothingMeasured } from './readings.ts';

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
  return {
    scrapeSeconds: () => scrapeSeconds,
    measure: async (request, signal) => {
      const selector = selectService(request.target);
      if (selector.kind === 'refused') return nothingMeasured(request, selector.why);
      const poll: Poll = {
        client,
        selector,
        request,
        scrapeSeconds,
        signal: withDeadline(signal, deadlineMs),
      };
      return measurementsFrom(request, await askAll(poll));
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
  client: PrometheusClient;
  selector: ServiceSelector;
  request: MeasureRequest;
  scrapeSeconds: number;
  signal: AbortSignal;
};

async function askAll(poll: Poll): Promise<Answers> {
  const { client, selector, request, scrapeSeconds, signal } = poll;
  const { checks, incrementSeconds } = request;
  const ask = (query: string) => client.ask({ query, at: request.at }, signal);
  const latencyWindows = windowsOf(request, ({ metric }) => metric === 'p99LatencyMs');
  const asksIncrements = incrementSeconds > 0 && isLongEnough(incrementSeconds, scrapeSeconds);
  const [{ clock, freshness }, requests, p99s, buckets, increments, callers] = await Promise.all([
    askFreshness(poll),
    byWindow(windowsOf(request), (seconds) => ask(requestsByCode(selector, seconds))),
    byWindow(latencyWindows, (seconds) => ask(p99Latency(selector, seconds))),
    byWindow(latencyWindows, (seconds) => ask(latencyBuckets(selector, seconds))),
    asksIncrements ? ask(requestsByCode(selector, incrementSeconds)) : null,
    ask(requestsAtCallers(selector, longestWindowSeconds(checks))),
  ]);
  return { clock, freshness, requests, p99s, buckets, increments, callers };
}

async function askFreshness({ client, selector, request, scrapeSeconds, signal }: Poll) {
  const { at } = request;
  const [clock, newest] = await Promise.all([
    client.ask({ query: providerClock, at: null }, signal),
    client.ask({ query: newestSample(selector), at }, signal),
  ]);
  const freshness = freshArms(request, { clock, newest }, scrapeSeconds);
  if (!hasNoFreshArm(freshness)) return { clock, freshness };
  const seen = await client.ask({ query: seenLately(selector), at }, signal);
  return { clock, freshness: withoutFreshArm(request, seen, scrapeSeconds) };
}

function windowsOf(
  { checks }: MeasureRequest,
  wanted: (check: MeasureRequest['checks'][string]) => boolean = () => true,
): number[] {
  return [
    ...new Set(
      Object.values(checks)
        .filter(wanted)
        .map(({ window }) => window),
    ),
  ];
}

async function byWindow(
  windows: number[],
  ask: (seconds: number) => Promise<Answer>,
): Promise<Map<number, Answer>> {
  return new Map(await Promise.all(windows.map(async (seconds) => [seconds, await ask(seconds)] as const)));
}
