import type { FiringAlert, PolledAlerts } from '../rollout/ports/alerts.ts';
import { bytesOfOne, type PrometheusLists } from './client.ts';
import { alertsFrom } from './surroundings-lists.ts';

type Found = Awaited<ReturnType<PolledAlerts['firing']>>;
type Options = { deadlineMs?: number; freshMs?: number; now?: () => number };

/**
 * Reads what fires in a provider: `GET /api/v1/alerts` within `deadlineMs`, answered to all who ask within `freshMs` of
 * each other. Never throws. `now` is a clock in ms that never goes back.
 * Source: https://prometheus.io/docs/prometheus/latest/querying/api/#alerts
 */
export function firingAlerts(client: PrometheusLists, options: Options = {}): () => Promise<Found> {
  const { deadlineMs = 2500, freshMs = 2000, now = () => performance.now() } = options;
  let last: { at: number; found: Promise<Found> } | null = null;
  return () => {
    if (last === null || now() - last.at >= freshMs)
      last = { at: now(), found: read(client, AbortSignal.timeout(deadlineMs)) };
    return last.found;
  };
}

async function read(client: PrometheusLists, signal: AbortSignal): Promise<Found> {
  const listed = await client.list({ list: 'alerts', parameters: [], maxBytes: 16 * bytesOfOne }, signal);
  const alerts = alertsFrom(listed);
  if (alerts.kind === 'unread') return { kind: 'unread', why: alerts.why };
  const firing = alerts.value.flatMap(({ state, labels, since }): FiringAlert[] =>
    state === 'firing' ? [{ labels, startsAt: since, receivedBy: { kind: 'prometheus' } }] : [],
  );
  return { kind: 'read', alerts: firing };
}
