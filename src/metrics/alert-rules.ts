import type { RulesRead } from '../rollout/ports/alert-rules.ts';
import { bytesOfOne, type PrometheusLists } from './client.ts';
import { alertRulesFrom } from './surroundings-lists.ts';

const mostBytes = 32 * bytesOfOne;

/**
 * All alert rules of a provider, as it evaluates them. Never throws.
 * Source: https://prometheus.io/docs/prometheus/latest/querying/api/#rules
 */
export async function readAlertRules(client: PrometheusLists, signal: AbortSignal): Promise<RulesRead> {
  const parameters: [string, string][] = [
    ['type', 'alert'],
    ['exclude_alerts', 'true'],
  ];
  const found = alertRulesFrom(await client.list({ list: 'rules', parameters, maxBytes: mostBytes }, signal));
  if (found.kind === 'unread') return { kind: 'unread', why: found.why };
  const rules = found.value.map(({ group, name, query, labels, forSeconds = 0 }) => {
    return { group, alert: name, expr: query, labels, forSeconds };
  });
  return { kind: 'read', rules, gaps: found.gaps ?? [] };
}
