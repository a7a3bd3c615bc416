import type { Fact } from '../readiness/snapshot.ts';
import type { MetricsFacts } from '../rollout/ports/readiness.ts';
import type { Answer, Row } from './answer.ts';

type Unread = Extract<Fact<never>, { kind: 'unread' }>;

const askAgain = "mend the cluster's metrics provider (`canaryd doctor` says what it answers) and ask again";
/** What makes the metrics of proxies readable. */
export const scrapeProxies =
  'let Prometheus scrape /stats/prometheus at port 15020 of the proxies, keeping the labels of Istio';

const noAlertmanager = 'no Alertmanager is configured in canaryd, which knows Prometheus only';

/** Silences stand in the Alertmanager, whose address canaryd is not told. */
export const silences = unread(
  noAlertmanager,
  'look yourself: amtool silence query --alertmanager.url=<address>, or the page Silences of the Alertmanager',
);

/** @param mend What makes it readable. */
export function unread(why: string, mend = askAgain): Unread {
  return { kind: 'unread', why, mend };
}

/** A fact that was read; `gaps` are left out where there are none. */
export function found<Value>(value: Value, gaps: string[] = []): Fact<Value> {
  return gaps.length === 0 ? { kind: 'read', value } : { kind: 'read', value, gaps };
}

/** What the rows of an answer say; unread with the provider's own reason where there are none. */
export function fromRows<Value>(answer: Answer, read: (rows: Row[]) => Fact<Value>): Fact<Value> {
  return answer.kind === 'failed' ? unread(answer.why) : read(answer.rows);
}

/** All facts unread for one reason, such as credentials that cannot be read. */
export function nothingRead(why: string): MetricsFacts {
  const one = unread(why);
  return {
    provider: one,
    metricLabels: one,
    scrape: one,
    requestSeries: one,
    callers: one,
    callees: one,
    forbidden: one,
    proxyCertificates: one,
    meshCertificates: one,
    throttling: one,
    alertRules: one,
    alerts: one,
    silences,
  };
}
