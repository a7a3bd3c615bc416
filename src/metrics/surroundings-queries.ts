import { type Arm, isEntryHost, type Target } from '../rollout/target.ts';
import { ServiceName } from '../rollout/units.ts';
import { anyOf, counted, matchersOf, quoted, range, type ServiceSelector } from './promql.ts';

/** Seconds in which callers and what stable calls are looked for. */
export const callSeconds = 900;
/** Seconds in which answers 403 are counted. */
export const forbiddenSeconds = 300;

/** Labels that may name the pod or the namespace of a scraped target; those of Istio's samples changed over time. */
export const podNames = ['pod', 'kubernetes_pod_name', 'pod_name'] as const;
export const namespaceNames = ['namespace', 'kubernetes_namespace'] as const;
/** Labels that tell two scrapes of one pod apart, beside its port. */
export const replicaNames = ['job', 'prometheus', 'prometheus_replica', 'replica'] as const;

const requests = 'istio_requests_total';
const connections = 'istio_tcp_connections_opened_total';
const podLabels = [...namespaceNames, ...podNames].join(', ');
const fiveMinutes = range(300);

/** One row for each scraped series of the service, without what requests differ by. */
export function requestSeriesQuery({ callers }: ServiceSelector): string {
  const by = ['reporter', 'instance', ...replicaNames, ...podNames].join(', ');
  return anyRow(callers.map((services) => `group by (${by}) (${requests}{${matchersOf(services)}})`));
}

/** Seconds that `samplesQuery` looks back: enough samples for the interval between two to be told. */
export function samplesSeconds(scrapeSeconds: number): number {
  return Math.max(5, Math.ceil(20 * scrapeSeconds));
}

/** How many samples the best scraped series has of that time; a series that is younger does not count. */
export function samplesQuery(selector: ServiceSelector, scrapeSeconds: number): string {
  const seconds = samplesSeconds(scrapeSeconds);
  const counts = ownSeries(selector, requests).map(
    (one) => `(count_over_time(${one}${range(seconds)}) and ${one} offset ${seconds}s)`,
  );
  return `max(${anyRow(counts)})`;
}

/** The series that the checks of a plan judge. */
export function ownSeries({ reporter, arms }: ServiceSelector, metric: string): string[] {
  return arms.map((services) => `${metric}{reporter=${quoted(reporter)},${matchersOf(services)}}`);
}

/** The workloads behind both arms, one row each. */
export function workloadsQuery(selector: ServiceSelector): string {
  const by = `destination_workload, destination_workload_namespace, ${selector.armLabels}`;
  return anyRow(ownSeries(selector, requests).map((one) => `group by (${by}) (${one})`));
}

/** A workload as Istio's metrics name it. */
export type Workload = { name: string; namespace: string };

/**
 * Requests to the service by who sent them. A pod's own proxy does not know by which of its services it was called, so
 * where each arm has a service of its own, the requests of their workloads are taken; what calls a host of a ServiceEntry
 * is counted at its senders.
 */
export function callersQuery(
  target: Target,
  selector: ServiceSelector,
  workloads: readonly Workload[],
): string | null {
  const by = 'source_workload, source_workload_namespace, source_principal, connection_security_policy';
  const rows = (series: string) => `sum by (${by}) (${counted(series, callSeconds)})`;
  if (selector.split === 'versions' || isEntryHost(target.stable))
    return anyRow(ownSeries(selector, requests).map(rows));
  const matchers = workloadMatchers('destination', workloads);
  if (matchers.length === 0) return null;
  return anyRow(matchers.map((one) => rows(`${requests}{reporter="destination",${one}}`)));
}

/** Requests and TCP connections that these workloads sent, by where to; null without a workload. */
export function calleesQuery(workloads: readonly Workload[]): string | null {
  const by = 'destination_service, destination_service_name, destination_service_namespace';
  const queries = workloadMatchers('source', workloads).flatMap((matchers) =>
    [requests, connections].map(
      (metric) => `sum by (${by}) (${counted(`${metric}{reporter="source",${matchers}}`, callSeconds)})`,
    ),
  );
  return queries.length === 0 ? null : anyRow(queries);
}

/** Names that the provider answered stand in a query only if they cannot end the text that they stand in. */
function workloadMatchers(side: 'source' | 'destination', workloads: readonly Workload[]): string[] {
  const safe = workloads.filter(({ name }) => ServiceName.safeParse(name).success);
  const namespaces = [...new Set(safe.map(({ namespace }) => namespace))];
  return namespaces.map((namespace) => {
    const names = safe.filter((one) => one.namespace === namespace).map(({ name }) => name);
    const label = `${side}_workload`;
    return `${label}_namespace=${quoted(namespace)},${label}=~${quoted(anyOf([...new Set(names)]))}`;
  });
}

/** Pods of both arms as far as the metrics name them: by the pods' own labels, and by the requests that they served. */
export function podsQuery(target: Target, selector: ServiceSelector | null): string {
  const names = [...new Set([target.stable, target.canary].flatMap(labelNames))];
  const by = (prefix: string) => [podLabels, ...names.map((name) => `${prefix}${name}`)].join(', ');
  const scraped = selectorsIn(target, 'up').map((one) => `group by (${by('')}) (${one})`);
  const listed = namespacesOf(target).map(
    (namespace) => `group by (${by('label_')}) (kube_pod_labels{namespace=${quoted(namespace)}})`,
  );
  const isTold = selector?.split === 'versions' && selector.reporter === 'destination';
  const served = isTold
    ? ownSeries(selector, requests).map((one) => `group by (${podLabels}, destination_version) (${one})`)
    : [];
  return anyRow([...scraped, ...listed, ...served]);
}

function labelNames({ podLabels }: Arm): string[] {
  return Object.keys(podLabels ?? {}).map(metricLabelOf);
}

/** A label of a pod as relabelling writes it: what Prometheus does not allow becomes `_`. */
export function metricLabelOf(podLabel: string): string {
  return podLabel.replaceAll(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_');
}

const workloadCertificate = ',resource_name=~"default|"';
const certificateExpiry = 'istio_agent_cert_expiry_seconds';

/** Seconds that the certificate of each proxy has left. */
export function proxyCertificatesQuery(target: Target): string {
  const all = selectorsIn(target, certificateExpiry, workloadCertificate);
  return anyRow(all.map((one) => `min by (${podLabels}) (${one})`));
}

/** The most that any of them had left within a day, which is what a new one has. */
export function certificateTtlQuery(target: Target): string {
  const all = selectorsIn(target, certificateExpiry, workloadCertificate);
  return `max(${anyRow(all.map((one) => `max_over_time(${one}[1d])`))})`;
}

/**
 * When istiod's root or chain expires, in Unix seconds. The negative timestamp that stands for an error of istiod's is
 * none. Source: the metrics of istiod's package `security/pkg/server/ca`, https://istio.io/latest/docs/ops/integrations/prometheus/
 */
export function meshExpiryQuery(what: 'root_cert' | 'cert_chain', offset = ''): string {
  const [timestamp, seconds] = ['timestamp', 'seconds'].map(
    (unit) => `citadel_server_${what}_expiry_${unit}${offset}`,
  );
  return `min(${timestamp} > 0) or min(${seconds} + timestamp(${seconds}))`;
}

/** When the expiry of the root last changed within a day, in Unix seconds, to ten minutes. */
export function rootChangeQuery(): string {
  const [now, before] = [meshExpiryQuery('root_cert'), meshExpiryQuery('root_cert', ' offset 10m')];
  return `max_over_time((vector(time()) and on () (abs((${now}) - (${before})) > 60))[1d:10m])`;
}

/** Certificates that istiod failed to sign within the hour; its counter of failures only stands after the first. */
export function signingErrorsQuery(): string {
  const failed = `sum(${counted('citadel_server_csr_sign_err_count', 3600)})`;
  return `${failed} or 0 * sum(citadel_server_csr_count)`;
}

/** The ratio of throttled periods of each proxy in the last five minutes. */
export function throttlingQuery(target: Target): string {
  const rows = namespacesOf(target).map((namespace) => {
    const periods = (kind: string) =>
      `sum by (namespace, pod) (increase(container_cpu_cfs_${kind}_total${proxyIn(namespace)}${fiveMinutes}))`;
    return `${periods('throttled_periods')} / ${periods('periods')}`;
  });
  return anyRow(rows);
}

/** How many proxies there are whose CPU is measured, throttled or not. */
export function measuredProxiesQuery(target: Target): string {
  const all = namespacesOf(target).map(
    (namespace) => `container_cpu_usage_seconds_total${proxyIn(namespace)}`,
  );
  return `count(${anyRow(all)})`;
}

function proxyIn(namespace: string): string {
  return `{namespace=${quoted(namespace)},container="istio-proxy"}`;
}

function selectorsIn(target: Target, metric: string, more = ''): string[] {
  return namespacesOf(target).flatMap((namespace) =>
    namespaceNames.map((label) => `${metric}{${label}=${quoted(namespace)}${more}}`),
  );
}

/** The namespaces of both arms. */
export function namespacesOf({ stable, canary }: Target): string[] {
  return [...new Set([stable, canary].map(({ service }) => service.namespace))];
}

function anyRow(queries: string[]): string {
  return queries.join(' or ');
}
