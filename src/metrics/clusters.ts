import { AppError } from '../errors.ts';
import { notAsked } from '../readiness/snapshot.ts';
import { type MetricsFacts, metricsFacts, nothingRead } from '../readiness/sources.ts';
import type { CheckTemplates } from '../rollout/check-template.ts';
import type { AlertRules } from '../rollout/ports/alert-rules.ts';
import type { PolledAlerts } from '../rollout/ports/alerts.ts';
import type { Metrics } from '../rollout/ports/metrics.ts';
import type { MetricsQuestion } from '../rollout/ports/readiness.ts';
import { addressOf, type Provider } from './address.ts';
import { type AlertsRead, alertsAt, type SilencesRead, silencesAt } from './alertmanager.ts';
import { checkProviders } from './check-providers.ts';
import { type PrometheusMetrics, prometheusMetrics } from './prometheus.ts';
import { nothingMeasured } from './readings.ts';
import { ofThisCluster, onlyOf, togetherWith } from './surroundings-alerts.ts';
import { noAlertmanager, unread } from './surroundings-facts.ts';
import { nothingSurveyed } from './survey.ts';

/** The Prometheus of one cluster, and the Alertmanager that it sends to where that is known. */
export type ClusterPrometheus = Provider & {
  cluster: string;
  /** Seconds between two scrapes of the mesh's proxies. */
  scrapeSeconds: number;
  alertmanager?: Provider;
};

/** Anybody may read this: which file it is stands in the measurements. */
const unreadable = { ok: false, why: 'its credentials cannot be read' } as const;

export type ClusterMetrics = Metrics & {
  /** Whether each cluster's provider answers queries, by the cluster's name. */
  ready(signal: AbortSignal): Promise<Record<string, { ok: true } | { ok: false; why: string }>>;
  /** What the providers of the target's cluster tell of its surroundings, as far as that is wanted; never throws. */
  facts(question: MetricsQuestion, signal: AbortSignal): Promise<MetricsFacts>;
  /** The alerts that fire in the provider of a cluster, without those of other clusters. */
  alerts: PolledAlerts;
  /** The alert rules of the provider of a cluster. */
  alertRules: AlertRules;
};

/**
 * Measures each target in the Prometheus of its own cluster. Files with secrets are read for each measurement, so that
 * a renewed token works at once and a missing one is an outage of that cluster's metrics only.
 * @throws AppError `configuration` for an address that is no URL, and for a template whose provider nobody knows
 */
export function clusterMetrics(
  providers: readonly ClusterPrometheus[],
  checkTemplates: CheckTemplates = {},
): ClusterMetrics {
  refuseUnknownProviders(checkTemplates);
  const byName = new Map(
    providers.map((provider) => [provider.cluster, openProvider(provider, checkTemplates)]),
  );
  const alertmanagers = openAlertmanagers(providers);
  const configured = providers.map(({ cluster }) => cluster);
  const open = (cluster: string) => (byName.get(cluster) ?? notConfigured(cluster))();
  return {
    checkTemplates,
    scrapeSeconds: (cluster) => scrapeSecondsOf(providers, cluster),
    measure: async (request, signal) => {
      const opened = await open(request.target.cluster);
      return opened.kind === 'open'
        ? opened.metrics.measure(request, signal)
        : nothingMeasured(request, opened.why);
    },
    survey: async (request, signal) => {
      const { cluster } = request.target;
      const opened = await open(cluster);
      if (opened.kind === 'open') return opened.metrics.survey(request, signal);
      const scrapeSeconds = providers.find((one) => one.cluster === cluster)?.scrapeSeconds ?? 0;
      return nothingSurveyed(request, opened.why, scrapeSeconds);
    },
    facts: async (question, signal) => {
      const { cluster } = question.target;
      const [ofPrometheus, { silences, alerts }] = await Promise.all([
        open(cluster).then((opened) => factsOf(opened, question, signal)),
        askAlertmanager(alertmanagers.get(cluster), question, signal),
      ]);
      const all = alerts === null ? ofPrometheus.alerts : togetherWith(ofPrometheus.alerts, alerts);
      return { ...ofPrometheus, silences, alerts: ofThisCluster(all, cluster, configured) };
    },
    alerts: { firing: async (cluster) => firingIn(await open(cluster), cluster, configured) },
    alertRules: { rules: async (cluster, signal) => rulesIn(await open(cluster), signal) },
    ready: async (signal) => {
      const answers = [...byName].map(async ([name, open]) => {
        const opened = await open();
        const ready = opened.kind === 'open' ? await opened.metrics.ready(signal) : unreadable;
        return [name, ready] as const;
      });
      return Object.fromEntries(await Promise.all(answers));
    },
  };
}

type Opened = { kind: 'open'; metrics: PrometheusMetrics } | { kind: 'broken'; why: string };

function scrapeSecondsOf(providers: readonly ClusterPrometheus[], cluster: string): number {
  const provider = providers.find((one) => one.cluster === cluster);
  if (provider !== undefined) return provider.scrapeSeconds;
  throw new AppError('configuration', `the cluster ${cluster} is not in the configuration`);
}

function refuseUnknownProviders(templates: CheckTemplates): void {
  for (const [name, { provider }] of Object.entries(templates)) {
    if (Object.hasOwn(checkProviders, provider)) continue;
    const known = Object.keys(checkProviders).join(', ');
    throw new AppError('configuration', `checkTemplates.${name}.provider is none of ${known}`);
  }
}

function openProvider(provider: ClusterPrometheus, checkTemplates: CheckTemplates): () => Promise<Opened> {
  const { url, headers, scrapeSeconds } = provider;
  // An address that is none is refused at once, and not at the first measurement.
  let current = { key: '', metrics: prometheusMetrics({ url, headers, scrapeSeconds, checkTemplates }) };
  return async () => {
    const read = await addressOf(provider, 'Prometheus');
    if (read.kind === 'broken') return read;
    const key = JSON.stringify(read.address);
    // One for all measurements, which share queries, for as long as the credentials are the same.
    if (key !== current.key)
      current = { key, metrics: prometheusMetrics({ ...read.address, scrapeSeconds, checkTemplates }) };
    return { kind: 'open', metrics: current.metrics };
  };
}

async function firingIn(
  opened: Opened,
  cluster: string,
  configured: string[],
): ReturnType<ClusterMetrics['alerts']['firing']> {
  if (opened.kind === 'broken') return { kind: 'unread', why: opened.why };
  const found = await opened.metrics.alerts();
  if (found.kind === 'unread') return found;
  return { ...found, alerts: onlyOf(cluster, configured, found.alerts) };
}

async function rulesIn(opened: Opened, signal: AbortSignal): ReturnType<AlertRules['rules']> {
  return opened.kind === 'open' ? opened.metrics.alertRules(signal) : { kind: 'unread', why: opened.why };
}

async function factsOf(
  opened: Opened,
  question: MetricsQuestion,
  signal: AbortSignal,
): Promise<MetricsFacts> {
  if (opened.kind === 'open') return opened.metrics.facts(question, signal);
  const nothing = nothingRead([...question.wanted], unread(opened.why));
  return { ...nothingRead(metricsFacts, notAsked), ...nothing };
}

type Alertmanager = { silences: SilencesRead; alerts: AlertsRead };

function openAlertmanagers(providers: readonly ClusterPrometheus[]): Map<string, Alertmanager> {
  const opened = providers.flatMap(({ cluster, alertmanager }) =>
    alertmanager === undefined ? [] : [[cluster, openAlertmanager(alertmanager)] as const],
  );
  return new Map(opened);
}

function openAlertmanager(provider: Provider): Alertmanager {
  return { silences: silencesAt(provider), alerts: alertsAt(provider) };
}

/** What stands in another place than all else: without Prometheus it is known, and without it all else is. */
async function askAlertmanager(
  alertmanager: Alertmanager | undefined,
  { wanted }: MetricsQuestion,
  signal: AbortSignal,
): Promise<{ silences: MetricsFacts['silences']; alerts: MetricsFacts['alerts'] | null }> {
  const [silences, alerts] = await Promise.all([
    wanted.has('silences') ? (alertmanager?.silences(signal) ?? noAlertmanager) : notAsked,
    wanted.has('alerts') ? (alertmanager?.alerts(signal) ?? null) : null,
  ]);
  return { silences, alerts };
}

function notConfigured(cluster: string): () => Promise<Opened> {
  const why = `the cluster ${cluster} is not in the configuration of canaryd any more`;
  return async () => ({ kind: 'broken', why });
}
