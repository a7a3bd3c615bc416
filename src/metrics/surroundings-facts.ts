import type { Fact } from '../readiness/snapshot.ts';
import type { Answer, Row } from './answer.ts';

type Unread = Extract<Fact<never>, { kind: 'unread' }>;

const askAgain = "mend the cluster's metrics provider (`canaryd doctor` says what it answers) and ask again";
/** What makes the metrics of proxies readable. */
export const scrapeProxies =
  'let Prometheus scrape /stats/prometheus at port 15020 of the proxies, keeping the labels of Istio';

/** Silences stand in an Alertmanager. */
export const noAlertmanager = unread(
  'no Alertmanager is configured for this cluster',
  'set clusters[].alertmanager.url (CANARYD_ALERTMANAGER_URL) in the configuration of canaryd; until then look yourself: amtool silence query --alertmanager.url=<address>',
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
