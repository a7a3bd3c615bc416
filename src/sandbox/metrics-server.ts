import { createServer } from 'node:http';
import { cadvisorPage } from './cadvisor.ts';
import { agentPage, authorityPage, secondsLeft } from './certificate-metrics.ts';
import type { Faults } from './faults.ts';
import { listen } from './listen.ts';
import { istiodPod } from './platform.ts';
import type { Pod } from './pod-objects.ts';
import { pushPage } from './push-metrics.ts';
import type { RootOfTrust } from './root-of-trust.ts';
import { exposition } from './telemetry.ts';
import type { Traffic } from './traffic.ts';
import type { Workloads } from './workloads.ts';

type MetricsServer = { url: string; close(): Promise<void> };

type Source = {
  workloads: Workloads;
  traffic: Traffic;
  faults: Faults;
  root: RootOfTrust;
  now: () => Date;
};
type Measuring = Source & { measuredSeconds: () => number };
type Answer = { status: number; type: string; body: string };

/**
 * Serves every sidecar's metrics under `/pods/<pod>/stats/prometheus`, istiod's and the kubelet's beside them, and the
 * list of all under `/sd`, in the format of Prometheus's HTTP service discovery. A pod that is not running answers nothing
 * that can be scraped.
 */
export async function startMetricsServer(source: Source): Promise<MetricsServer> {
  const since = source.now().getTime();
  const measuring = { ...source, measuredSeconds: () => (source.now().getTime() - since) / 1000 };
  const server = createServer((message, response) => {
    const { status, type, body } = respond(measuring, message.url ?? '/', message.headers.host ?? '');
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
    response.end(body);
  });
  const { port, close } = await listen(server);
  return { url: `http://127.0.0.1:${port}`, close };
}

function respond(source: Measuring, url: string, host: string): Answer {
  const [path = '/'] = url.split('?', 1);
  if (path === '/sd') return { status: 200, type: 'application/json', body: discovery(source, host) };
  const body = source.faults.metricsDown ? null : page(source, path);
  return body === null
    ? { status: 404, type: 'text/plain', body: 'no such pod is running\n' }
    : { status: 200, type: 'text/plain; version=0.0.4', body };
}

function page(source: Measuring, path: string): string | null {
  const { workloads, traffic, faults, root, now, measuredSeconds } = source;
  if (path === kubeletPath) return cadvisorPage(workloads.all(), measuredSeconds());
  if (path === istiodPath) {
    const proxies = workloads.all().length;
    return `${authorityPage(root.notAfter(), now(), proxies)}${pushPage(proxies, measuredSeconds())}`;
  }
  const name = /^\/pods\/([^/]+)\/stats\/prometheus$/.exec(path)?.[1];
  const pod = workloads.all().find((one) => one.name === name);
  if (pod === undefined || !pod.ready) return null;
  const certificate = agentPage(faults.certificateSecondsLeft ?? secondsLeft(pod.name, now()));
  return `${exposition(traffic.telemetryOf(pod))}${certificate}`;
}

/** Pods that are down stay listed, as a real discovery lists them; their scrapes fail. */
function discovery({ workloads }: Source, host: string): string {
  const all = [...workloads.all().map(targetLabels), istiodLabels, kubeletLabels];
  return JSON.stringify(all.map((labels) => ({ targets: [host], labels })));
}

function targetLabels(pod: Pod): Record<string, string> {
  return {
    __metrics_path__: `/pods/${pod.name}/stats/prometheus`,
    // Otherwise every pod would carry the address of this one server.
    instance: `${pod.ip}:15020`,
    pod: pod.name,
    namespace: pod.namespace,
    app: pod.app,
    version: pod.version,
  };
}

const istiodPath = '/istiod/metrics';
const istiodLabels = {
  __metrics_path__: istiodPath,
  instance: `${istiodPod.ip}:15014`,
  pod: istiodPod.name,
  namespace: istiodPod.namespace,
  app: 'istiod',
};

const kubeletPath = '/kubelet/metrics/cadvisor';
/** Its pages name namespaces and pods themselves. */
const kubeletLabels = { __metrics_path__: kubeletPath, instance: '10.244.255.0:10250', node: 'node-1' };
