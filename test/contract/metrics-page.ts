import { once } from 'node:events';
import { createServer } from 'node:http';

/** Requests of one kind: `perScrape` more are counted each time the page is read, each of them `latencyMs` long. */
export type Flow = {
  labels: Record<string, string>;
  perScrape: number;
  latencyMs: number;
  /** Bucket bounds as the proxy writes them, `+Inf` left out. */
  bounds: string[];
};

export type MetricsPage = {
  url: string;
  /** Replaces the flows of one pod; null takes its series off the page, as when the pod is deleted. */
  set(pod: string, flows: Flow[] | null): void;
  stop(): Promise<void>;
};

/** A metrics page of Istio's standard metrics whose counters move only when it is read. */
export async function metricsPage(): Promise<MetricsPage> {
  const pods = new Map<string, { flow: Flow; total: number }[]>();
  const server = createServer((_, response) => {
    for (const entry of [...pods.values()].flat()) entry.total += entry.flow.perScrape;
    const lines = [...pods].flatMap(([pod, entries]) =>
      entries.flatMap(({ flow, total }) => linesOf(pod, flow, total)),
    );
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(`${lines.join('\n')}\n`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the page has no port');
  return {
    url: `http://127.0.0.1:${address.port}/stats/prometheus`,
    set: (pod, flows) => {
      if (flows === null) pods.delete(pod);
      else
        pods.set(
          pod,
          flows.map((flow) => ({ flow, total: 0 })),
        );
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function linesOf(pod: string, { labels, latencyMs, bounds }: Flow, total: number): string[] {
  const text = Object.entries({ ...labels, pod })
    .map(([name, value]) => `${name}="${value}"`)
    .join(',');
  const buckets = [...bounds, '+Inf'].map((le) => {
    const count = le === '+Inf' || latencyMs <= Number(le) ? total : 0;
    return `istio_request_duration_milliseconds_bucket{${text},le="${le}"} ${count}`;
  });
  return [`istio_requests_total{${text}} ${total}`, ...buckets];
}
