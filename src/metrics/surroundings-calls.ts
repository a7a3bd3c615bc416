import type { Callee, Caller, Fact, Forbidden, RequestSeries } from '../readiness/snapshot.ts';
import type { Target } from '../rollout/target.ts';
import type { Row } from './answer.ts';
import { type ArmName, armOf } from './freshness.ts';
import { found, scrapeProxies, unread } from './surroundings-facts.ts';
import {
  callSeconds,
  forbiddenSeconds,
  podNames,
  replicaNames,
  type Workload,
} from './surroundings-queries.ts';

type Labels = Row['labels'];

/** The sentence for a service that nobody counted a request of, which is no proof that nobody calls it. */
export function noRequests(target: Target): ReturnType<typeof unread> {
  const services = [target.stable, target.canary].map(
    ({ service }) => `${service.namespace}/${service.name}`,
  );
  const why = `no series of istio_requests_total for ${[...new Set(services)].join(' and ')}: nobody called, or its proxies are not scraped`;
  return unread(why, scrapeProxies);
}

/** The workloads of one arm, or of both. */
export function workloadsOf(rows: readonly Row[], target: Target, arms: readonly ArmName[]): Workload[] {
  return rows.flatMap((row) => {
    const { destination_workload: name, destination_workload_namespace: namespace } = row.labels;
    const arm = armOf({ target }, row);
    if (arm === null || !arms.includes(arm) || !isKnown(name) || !isKnown(namespace)) return [];
    return [{ name, namespace }];
  });
}

/** Who calls, with what is sent without mutual TLS; senders without requests in the window are left out. */
export function callersFrom(
  rows: readonly Row[],
  { countedAtSenders }: { countedAtSenders: boolean },
): Fact<Caller[]> {
  const called = rows.filter(({ value }) => value > 0);
  const callers = new Map<string, Caller>();
  for (const { labels, value } of called) {
    const caller = callerOf(labels);
    const key = JSON.stringify([caller.namespace, caller.workload, caller.principal]);
    const known = callers.get(key) ?? caller;
    const plain = !countedAtSenders && isPlaintext(labels) ? value / callSeconds : 0;
    callers.set(key, {
      ...known,
      requestsPerSecond: known.requestsPerSecond + value / callSeconds,
      plaintextPerSecond: known.plaintextPerSecond + plain,
    });
  }
  return found([...callers.values()], gapsOf(called, countedAtSenders));
}

function callerOf(labels: Labels): Caller {
  const { source_workload, source_workload_namespace, source_principal } = labels;
  return {
    workload: source_workload || 'unknown',
    namespace: source_workload_namespace || 'unknown',
    principal: isKnown(source_principal) ? source_principal : null,
    requestsPerSecond: 0,
    plaintextPerSecond: 0,
  };
}

function isPlaintext({ connection_security_policy: policy }: Labels): boolean {
  return policy !== undefined && policy !== 'mutual_tls';
}

function gapsOf(called: readonly Row[], countedAtSenders: boolean): string[] {
  if (called.length === 0) return [];
  if (countedAtSenders)
    return ['the requests are counted at their senders, which do not say if by mutual TLS'];
  const untold = called.filter(({ labels }) => labels['connection_security_policy'] === undefined);
  if (untold.length === 0) return [];
  const names = untold.map(({ labels }) => {
    const { namespace, workload } = callerOf(labels);
    return `${namespace}/${workload}`;
  });
  return [`the requests of ${few([...new Set(names)])} carry no label connection_security_policy`];
}

/** What stable calls: services, hosts outside, and what left the mesh unknown under the name of Envoy's cluster. */
export function calleesFrom(rows: readonly Row[]): Callee[] {
  const callees = new Map<string, Callee>();
  for (const { labels, value } of rows.filter((row) => row.value > 0)) {
    const { host, service } = destinationOf(labels);
    const before = callees.get(host)?.requestsPerSecond ?? 0;
    callees.set(host, { host, service, requestsPerSecond: before + value / callSeconds });
  }
  return [...callees.values()];
}

const leavesUnknown = new Set(['BlackHoleCluster', 'PassthroughCluster']);

/** A service is called by its first name; a host of a ServiceEntry is its own, whatever namespace it is of. */
function destinationOf(labels: Labels): Pick<Callee, 'host' | 'service'> {
  const { destination_service, destination_service_name: name } = labels;
  const { destination_service_namespace: namespace } = labels;
  const host = isKnown(destination_service) ? destination_service : 'unknown';
  if (!isKnown(name)) return { host, service: null };
  if (leavesUnknown.has(name) || name.includes('.')) return { host: name, service: null };
  if (!isKnown(namespace)) return { host: host === 'unknown' ? name : host, service: null };
  return { host: host === 'unknown' ? `${name}.${namespace}` : host, service: { name, namespace } };
}

/** Answers 403 of both arms; none of a canary that had no request, as long as stable was counted. */
export function forbiddenFrom(rows: readonly Row[], target: Target): Fact<Forbidden> {
  if (rows.length === 0) return noRequests(target);
  const countsOf = (arm: ArmName) => {
    const own = rows.filter((row) => armOf({ target }, row) === arm);
    const refused = own.filter(({ labels }) => labels['response_code'] === '403');
    return { requests: sum(own), forbidden: sum(refused) };
  };
  return found({ stable: countsOf('stable'), canary: countsOf('canary'), window: forbiddenSeconds });
}

function sum(rows: readonly Row[]): number {
  return Math.round(rows.reduce((total, { value }) => total + value, 0));
}

/** The reporters of the service's requests, and pods of which a series stands twice because of who scraped it. */
export function requestSeriesFrom(rows: readonly Row[], target: Target): Fact<RequestSeries> {
  if (rows.length === 0) return noRequests(target);
  const scrapesOfPods = new Map<string, Map<string, Labels>>();
  for (const { labels } of rows) {
    const key = JSON.stringify([labels['reporter'], podOf(labels) ?? hostIn(labels)]);
    const scrapes = scrapesOfPods.get(key) ?? new Map<string, Labels>();
    scrapesOfPods.set(key, scrapes.set(scrapeName(labels), labels));
  }
  const duplicates = [...scrapesOfPods.values()]
    .filter((scrapes) => scrapes.size > 1)
    .map((scrapes) => [...scrapes.keys()].toSorted().join(', '));
  const reporters = new Set(rows.map(({ labels }) => labels['reporter']).filter(isKnown));
  return found({ duplicates: [...new Set(duplicates)].toSorted(), reporters: [...reporters].toSorted() });
}

/** The pod that a row names; null where no label of the target does. */
export function podOf(labels: Labels): string | null {
  return podNames.map((name) => labels[name]).find(isKnown) ?? null;
}

function hostIn({ instance = '' }: Labels): string {
  return instance.replace(/:\d+$/, '');
}

/** Two ports of one pod are two scrapes, too: that of the agent has all that Envoy's own has. */
function scrapeName(labels: Labels): string {
  const port = /:(\d+)$/.exec(labels['instance'] ?? '')?.[1];
  const named = replicaNames.flatMap((name) => (isKnown(labels[name]) ? [`${name}=${labels[name]}`] : []));
  return [...named, ...(port === undefined ? [] : [`port=${port}`])].join(' ');
}

function isKnown(value: string | undefined): value is string {
  return value !== undefined && value !== '' && value !== 'unknown';
}

/** At most three of them by name. */
export function few(names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return `${names.slice(0, 3).join(', ')}${more}`;
}
