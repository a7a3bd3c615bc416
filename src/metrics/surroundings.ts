import { type Fact, notAsked, type Provider } from '../readiness/snapshot.ts';
import { type MetricsFacts, metricsFacts, nothingRead } from '../readiness/sources.ts';
import type { MetricsQuestion } from '../rollout/ports/readiness.ts';
import type { PrometheusClient, PrometheusLists } from './client.ts';
import { providerClock, selectService } from './promql.ts';
import { alertsWithRules } from './surroundings-alerts.ts';
import { openAsking } from './surroundings-asking.ts';
import { budgetQuery, budgetsFrom } from './surroundings-budgets.ts';
import { found, fromRows, noAlertmanager, unread } from './surroundings-facts.ts';
import { alertRulesFrom, alertsFrom } from './surroundings-lists.ts';
import * as platform from './surroundings-platform.ts';
import * as service from './surroundings-service.ts';

type Asked = service.Asked;
type Prometheus = { client: PrometheusClient & PrometheusLists; scrapeSeconds: number };

/**
 * Asks the provider what is wanted of a target's surroundings: each question by itself, with 3 s to answer and eight at a
 * time, at the provider's own present. Never throws; what fails leaves the others.
 */
export async function askSurroundings(
  { client, scrapeSeconds }: Prometheus,
  { wanted, ...question }: MetricsQuestion,
  signal: AbortSignal,
): Promise<MetricsFacts> {
  const asking = openAsking(client, signal);
  const asked = { ...question, asking, scrapeSeconds, selector: selectService(question.target) };
  const names = metricsFacts.filter((name) => wanted.has(name));
  const read = await Promise.all(names.map(async (name) => [name, await readers[name](asked)] as const));
  return { ...nothingRead(metricsFacts, notAsked), ...Object.fromEntries(read) };
}

/** How each fact is read. Those that ask the same share the answer. */
const readers: { [Name in keyof MetricsFacts]: (asked: Asked) => Promise<MetricsFacts[Name]> } = {
  provider: readProvider,
  metricLabels: service.ofService(service.readMetricLabels),
  scrape: service.ofService(service.readScrape),
  requestSeries: service.ofService(service.readRequestSeries),
  callers: service.ofService(service.readCallers),
  callees: service.ofService(service.readCallees),
  forbidden: service.ofService(service.readForbidden),
  proxyCertificates: platform.readProxyCertificates,
  meshCertificates: platform.readMeshCertificates,
  throttling: platform.readThrottling,
  proxySync: platform.readProxySync,
  errorBudgets: readErrorBudgets,
  alertRules: readAlertRules,
  alerts: readAlerts,
  // Prometheus does not know them: whoever has an Alertmanager asks that.
  silences: async () => noAlertmanager,
};

async function readProvider({ asking, now }: Asked): Promise<Fact<Provider>> {
  const before = performance.now();
  const answer = await asking.rows(providerClock);
  const seconds = (performance.now() - before) / 1000;
  return fromRows(answer, ([row]) => {
    if (row === undefined || !Number.isFinite(row.value)) return unread('Prometheus did not tell its time');
    const clockOffset = row.value - (now / 1000 + seconds / 2);
    return found({ clockOffset: Math.round(clockOffset * 1000) / 1000, seconds });
  });
}

async function readErrorBudgets({ asking, errorBudgets }: Asked): Promise<MetricsFacts['errorBudgets']> {
  const answers = errorBudgets.map(async (budget) => {
    const query = budgetQuery(budget);
    return { min: budget.min, query, answer: await asking.rows(query) };
  });
  return budgetsFrom(await Promise.all(answers));
}

async function readAlertRules({ asking }: Asked): Promise<MetricsFacts['alertRules']> {
  const rules = await asking.list('rules', [
    ['type', 'alert'],
    ['exclude_alerts', 'true'],
  ]);
  return alertRulesFrom(rules);
}

async function readAlerts(asked: Asked): Promise<MetricsFacts['alerts']> {
  const alerts = alertsFrom(await asked.asking.list('alerts'));
  if (alerts.kind === 'unread' || alerts.value.length > 0) return alerts;
  return alertsWithRules(alerts, await readAlertRules(asked));
}
