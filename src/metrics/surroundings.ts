import type { Fact, Provider } from '../readiness/snapshot.ts';
import type { MetricsFacts } from '../rollout/ports/readiness.ts';
import type { Target } from '../rollout/target.ts';
import type { Millis } from '../rollout/units.ts';
import type { PrometheusClient, PrometheusLists } from './client.ts';
import { providerClock, type ServiceSelector, selectService } from './promql.ts';
import { type Asking, openAsking } from './surroundings-asking.ts';
import { found, fromRows, silences, unread } from './surroundings-facts.ts';
import { alertRulesFrom, alertsFrom } from './surroundings-lists.ts';
import {
  armPods,
  meshCertificatesFrom,
  proxyCertificatesFrom,
  throttlingFrom,
} from './surroundings-proxies.ts';
import * as queries from './surroundings-queries.ts';
import { type AboutService, askService, nothingOf } from './surroundings-service.ts';

type SurroundingsAsked = AboutService & { client: PrometheusClient & PrometheusLists };

/**
 * Reads what the provider tells of a target beside the checks of its plan: each question by itself, with 3 s to answer
 * and eight at a time, at the provider's own present. Never throws; what fails leaves the others.
 */
export async function metricsFacts(asked: SurroundingsAsked, signal: AbortSignal): Promise<MetricsFacts> {
  const asking = openAsking(asked.client, signal);
  const selector = selectService(asked.target);
  const [provider, ofService, ofProxies, ofMesh, ofRules] = await Promise.all([
    askProvider(asking, asked.now),
    selector.kind === 'refused' ? nothingOf(selector.why) : askService(asking, asked, selector),
    askProxies(asking, asked.target, selector.kind === 'refused' ? null : selector),
    askMesh(asking),
    askRules(asking),
  ]);
  return { provider, ...ofService, ...ofProxies, ...ofMesh, ...ofRules, silences };
}

async function askProvider(asking: Asking, now: Millis): Promise<Fact<Provider>> {
  const before = performance.now();
  const answer = await asking.rows(providerClock);
  const seconds = (performance.now() - before) / 1000;
  return fromRows(answer, ([row]) => {
    if (row === undefined || !Number.isFinite(row.value)) return unread('Prometheus did not tell its time');
    const clockOffset = row.value - (now / 1000 + seconds / 2);
    return found({ clockOffset: Math.round(clockOffset * 1000) / 1000, seconds });
  });
}

type OfProxies = Pick<MetricsFacts, 'proxyCertificates' | 'throttling'>;

async function askProxies(
  asking: Asking,
  target: Target,
  selector: ServiceSelector | null,
): Promise<OfProxies> {
  if (target.stable.podLabels === null && target.canary.podLabels === null) {
    return { proxyCertificates: found({ ttl: 86_400, pods: [] }), throttling: found([]) };
  }
  const [pods, certificates, ttl, throttled, measured] = await Promise.all([
    asking.rows(queries.podsQuery(target, selector)),
    asking.rows(queries.proxyCertificatesQuery(target)),
    asking.rows(queries.certificateTtlQuery(target)),
    asking.rows(queries.throttlingQuery(target)),
    asking.rows(queries.measuredProxiesQuery(target)),
  ]);
  if (pods.kind === 'failed') return { proxyCertificates: unread(pods.why), throttling: unread(pods.why) };
  const known = armPods(pods.rows, target);
  return {
    proxyCertificates: fromRows(certificates, (rows) => proxyCertificatesFrom(rows, ttl, known)),
    throttling: fromRows(throttled, (rows) => throttlingFrom(rows, measured, { target, known })),
  };
}

async function askMesh(asking: Asking): Promise<Pick<MetricsFacts, 'meshCertificates'>> {
  const [root, chain, changed, errors] = await Promise.all([
    asking.rows(queries.meshExpiryQuery('root_cert')),
    asking.rows(queries.meshExpiryQuery('cert_chain')),
    asking.rows(queries.rootChangeQuery()),
    asking.rows(queries.signingErrorsQuery()),
  ]);
  return { meshCertificates: meshCertificatesFrom({ root, chain, changed, errors }) };
}

async function askRules(asking: Asking): Promise<Pick<MetricsFacts, 'alertRules' | 'alerts'>> {
  const [rules, alerts] = await Promise.all([
    asking.list('rules', [
      ['type', 'alert'],
      ['exclude_alerts', 'true'],
    ]),
    asking.list('alerts'),
  ]);
  return { alertRules: alertRulesFrom(rules), alerts: alertsFrom(alerts) };
}
