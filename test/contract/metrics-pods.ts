import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { ensurePrometheus, startPrometheus } from '../../local/prometheus.ts';
import { prometheusMetrics } from '../../src/metrics/prometheus.ts';
import type { Metrics } from '../../src/rollout/ports/metrics.ts';

const scrapeSeconds = 0.2;

/** One pod's metrics page: each counter with its labels, the value on its first page and what each page adds. */
export type Pod = {
  counters: { name: string; labels: Record<string, string>; value: number; perScrape: number }[];
  /** So many of the next scrapes are answered with HTTP 500. */
  failNext: number;
  scrapes: number;
};

export type PodWorld = {
  metrics: Metrics;
  url: string;
  /** A pod that is a scrape target of its own, as in Kubernetes, from the next discovery on. */
  add(name: string, counters?: Pod['counters']): Pod;
  /** A pod that is deleted. */
  remove(name: string): void;
  stop(): Promise<void>;
};

/** A real Prometheus that discovers pods one by one. */
export async function podWorld(): Promise<PodWorld> {
  const pods = new Map<string, Pod>();
  const server = createServer(({ url, headers }, response) => {
    const pod = pods.get(url?.slice('/pods/'.length) ?? '');
    response.setHeader('content-type', url === '/sd' ? 'application/json' : 'text/plain; version=0.0.4');
    if (url === '/sd') response.end(JSON.stringify(targetsOf(pods, headers.host ?? '')));
    else if (pod === undefined || pod.failNext > 0) fail(response, pod);
    else response.end(scrape(pod));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const log = () => undefined;
  const { binary } = await ensurePrometheus({ log });
  const sources = { httpSdUrl: `http://127.0.0.1:${port}/sd` };
  const prometheus = await startPrometheus({ binary, sources, scrapeSeconds, log });
  return {
    metrics: prometheusMetrics({ url: prometheus.url, scrapeSeconds }),
    url: prometheus.url,
    remove: (name) => pods.delete(name),
    add: (name, counters = []) => {
      const pod = { counters, failNext: 0, scrapes: 0 };
      pods.set(name, pod);
      return pod;
    },
    stop: async () => {
      await prometheus.stop();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function targetsOf(pods: Map<string, Pod>, host: string): object[] {
  return [...pods.keys()].map((name) => ({
    targets: [host],
    labels: { __metrics_path__: `/pods/${name}`, instance: name, pod: name },
  }));
}

function fail(response: ServerResponse, pod: Pod | undefined): void {
  if (pod !== undefined) pod.failNext -= 1;
  response.writeHead(500).end();
}

function scrape(pod: Pod): string {
  pod.scrapes += 1;
  const lines = pod.counters.map((counter) => {
    const { name, labels, value } = counter;
    counter.value += counter.perScrape;
    const text = Object.entries(labels).map(([label, written]) => `${label}="${written}"`);
    return `${name}{${text.join(',')}} ${value}\n`;
  });
  return lines.join('');
}
