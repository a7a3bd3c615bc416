import { ensurePrometheus, startPrometheus } from '../../local/prometheus.ts';
import { prometheusMetrics } from '../../src/metrics/prometheus.ts';
import type { Metrics } from '../../src/rollout/ports/metrics.ts';
import type { Target } from '../../src/rollout/target.ts';
import type { ArmTraffic } from '../fakes/arm-traffic.ts';
import { fakeMetrics } from '../fakes/metrics.ts';
import { targetOf } from '../metrics/requests.ts';
import { type Flow, type MetricsPage, metricsPage } from './metrics-page.ts';

/** Seconds that the contract's checks look back. */
export const windowSeconds = 3;
const scrapeSeconds = 0.2;
const scrapesPerWindow = windowSeconds / scrapeSeconds;

/** A provider and a mesh that it watches; one suite runs in the fake world and in the real one. */
export type World = {
  metrics: Metrics;
  /** The same provider in an outage. */
  metricsDown: Metrics;
  /** A fresh service with this traffic from now on; `requests` are those of `windowSeconds`. */
  serve(arms: { canary: ArmTraffic; stable: ArmTraffic }): Target;
  /** The instant to measure at. */
  now(): number;
  stop(): Promise<void>;
};

export async function fakeWorld(): Promise<World> {
  const metrics = fakeMetrics();
  const metricsDown = fakeMetrics();
  metricsDown.breakDown();
  return {
    metrics,
    metricsDown,
    serve: ({ canary, stable }) => {
      metrics.set('canary', canary);
      metrics.set('stable', stable);
      return targetOf('payments');
    },
    now: () => 1_767_225_600_000,
    stop: async () => undefined,
  };
}

export type PrometheusWorld = World & { page: MetricsPage; url: string };

/** A real Prometheus that scrapes a page whose counters the test controls. */
export async function prometheusWorld(): Promise<PrometheusWorld> {
  const log = () => undefined;
  const { binary } = await ensurePrometheus({ log });
  const page = await metricsPage();
  const sources = { scrapeUrls: [page.url] };
  const prometheus = await startPrometheus({ binary, sources, scrapeSeconds, log });
  let services = 0;
  return {
    page,
    url: prometheus.url,
    metrics: prometheusMetrics({ url: prometheus.url, scrapeSeconds }),
    // Port 9 is the discard service: nothing listens there.
    metricsDown: prometheusMetrics({ url: 'http://127.0.0.1:9', scrapeSeconds }),
    serve: (arms) => {
      services += 1;
      const target = targetOf(`payments-${services}`);
      page.set(`${target.stable.service.name}-v1`, flowsOf(target, 'v1', arms.stable));
      page.set(`${target.stable.service.name}-v2`, flowsOf(target, 'v2', arms.canary));
      return target;
    },
    now: () => Date.now(),
    stop: async () => {
      await prometheus.stop();
      await page.stop();
    },
  };
}

export const istioBounds = [
  '0.5',
  '1',
  '5',
  '10',
  '25',
  '50',
  '100',
  '250',
  '500',
  '1000',
  '2500',
  '5000',
  '10000',
];

/** The labels of Istio's standard metrics for requests from the gateway to one version. */
export function istioLabels(target: Target, version: string, responseCode: string): Record<string, string> {
  const { name, namespace } = target.stable.service;
  return {
    reporter: 'destination',
    source_workload: 'gateway',
    destination_workload: `${name}-${version}`,
    destination_workload_namespace: namespace,
    destination_service: `${name}.${namespace}.svc.cluster.local`,
    destination_service_name: name,
    destination_service_namespace: namespace,
    destination_version: version,
    response_code: responseCode,
    response_flags: '-',
  };
}

/** What one pod of a version exposes; an error series exists only when there are errors. */
export function flowsOf(target: Target, version: string, traffic: ArmTraffic): Flow[] | null {
  if (traffic.kind !== 'serving') return null;
  const { requests, errorRatio, p99Ms, copies } = traffic;
  const flow = (code: string, count: number, labels = {}): Flow => ({
    labels: { ...istioLabels(target, version, code), ...labels },
    perScrape: count / scrapesPerWindow,
    latencyMs: p99Ms,
    bounds: istioBounds,
  });
  const flows = (labels = {}) => [
    ...(errorRatio < 1 ? [flow('200', requests * (1 - errorRatio), labels)] : []),
    ...(errorRatio > 0 ? [flow('503', requests * errorRatio, labels)] : []),
  ];
  if (copies === undefined) return flows();
  const shadow = { source_workload: 'mirror' };
  return [...flows(), flow('503', copies, shadow), ...flows({ reporter: 'source' })];
}
