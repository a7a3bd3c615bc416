import type { Fact, Silence } from '../readiness/snapshot.ts';
import { type Check, ok, warn } from './report.ts';

/** Judges what the Alertmanager of one cluster answers when it is asked for its silences. */
export function checkAlertmanager(cluster: string, silences: Fact<Silence[]>): Check {
  const what = `alertmanager ${cluster}`;
  if (silences.kind === 'unread') {
    const says = `${silences.why}. Whether a silence hides alerts stays unknown: check its address and credentials.`;
    return warn(what, says);
  }
  const { value, gaps = [] } = silences;
  if (gaps[0] !== undefined) return warn(what, `answers, but ${gaps[0]}: ask somebody who knows it.`);
  return ok(what, `answers; active silences: ${value.length}.`);
}
