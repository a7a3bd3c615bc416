import { createServer } from 'node:http';
import type { Faults } from './faults.ts';
import { listen } from './listen.ts';
import type { Pod } from './pod-objects.ts';
import { exposition } from './telemetry.ts';
import type { Traffic } from './traffic.ts';
import type { Workloads } from './workloads.ts';

type MetricsServer = { url: string; close(): Promise<void> };

type Source = { workloads: Workloads; traffic: Traffic; faults: Faults };
type Answer = { status: number; type: string; body: string };

/**
 * Serves every sidecar's metrics under `/pods/<pod>/stats/prometheus` and the list of pods under `/sd`, in the format
 * of Prometheus's HTTP service discovery. A pod that is not running answers nothing that can be scraped.
 */
export async function startMetricsServer(source: Source): Promise<MetricsServer> {
  const server = createServer((message, response) => {
    const { status, type, body } = respond(source, message.url ?? '/', message.headers.host ?? '');
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
    response.end(body);
  });
  const { port, close } = await listen(server);
  return { url: `http://127.0.0.1:${port}`, close };
}

function respond(source: Source, url: string, host: string): Answer {
  const [path = '/'] = url.split('?', 1);
  if (path === '/sd') return { status: 200, type: 'application/json', body: discovery(source, host) };
  const name = /^\/pods\/([^/]+)\/stats\/prometheus$/.exec(path)?.[1];
  const pod = source.workloads.all().find((one) => one.name === name);
  if (pod === undefined || !pod.ready || source.faults.metricsDown) {
    return { status: 404, type: 'text/plain', body: 'no such pod is running\n' };
  }
  return {
    status: 200,
    type: 'text/plain; version=0.0.4',
    body: exposition(source.traffic.telemetryOf(pod)),
  };
}

/** Pods that are down stay listed, as a real discovery lists them; their scrapes fail. */
function discovery({ workloads }: Source, host: string): string {
  return JSON.stringify(workloads.all().map((pod) => ({ targets: [host], labels: targetLabels(pod) })));
}

function targetLabels(pod: Pod): Record<string, string> {
  return {
    __metrics_path__: metricsPath(pod),
    // Otherwise every pod would carry the address of this one server.
    instance: `${pod.ip}:15020`,
    pod: pod.name,
    namespace: pod.namespace,
    app: pod.app,
  };
}

function metricsPath(pod: Pod): string {
  return `/pods/${pod.name}/stats/prometheus`;
}
