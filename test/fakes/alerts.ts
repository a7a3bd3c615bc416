import type { AlertSources, FiringAlert, ReceivedAlerts, ToldAlert } from '../../src/rollout/ports/alerts.ts';
import type { Actor } from '../../src/rollout/reasons.ts';
import type { Millis } from '../../src/rollout/units.ts';

type Kept = ToldAlert & { cluster: string; by: Actor; receivedAt: Millis; seenAt: Millis };

const repeatedMs = 12 * 3_600_000;

/** Alerts that were sent, in memory. */
export function memoryAlerts(now: () => Millis): ReceivedAlerts {
  const kept = new Map<string, Kept>();
  return {
    receive: async ({ cluster, by, alerts }) => {
      const before = kept.size;
      for (const alert of alerts) {
        const key = JSON.stringify([cluster, alert.fingerprint, alert.startsAt]);
        const first = kept.get(key) ?? { cluster, by, receivedAt: now() };
        kept.set(key, { ...first, ...alert, seenAt: now() });
      }
      return kept.size - before;
    },
    firing: async (cluster, matches) =>
      [...kept.values()]
        .filter((alert) => alert.cluster === cluster && alert.endsAt === null)
        .filter(({ seenAt }) => seenAt > now() - repeatedMs)
        .filter(({ labels }) =>
          matches.some((match) => Object.entries(match).every(([name, value]) => labels[name] === value)),
        )
        .toSorted(
          (one, other) => other.startsAt - one.startsAt || (one.fingerprint < other.fingerprint ? -1 : 1),
        )
        .slice(0, 100)
        .map(({ labels, startsAt, receivedAt, by }): FiringAlert => {
          const began = startsAt > 0 ? Math.min(startsAt, receivedAt) : null;
          return { labels, startsAt: began, receivedBy: { kind: 'hook', by } };
        }),
  };
}

/** Alerts that a test sets. */
export function settableAlerts(): AlertSources & {
  found: Awaited<ReturnType<AlertSources['polled']['firing']>>;
} {
  const sources: ReturnType<typeof settableAlerts> = {
    found: { kind: 'read', alerts: [] },
    received: memoryAlerts(() => 0),
    polled: { firing: async () => sources.found },
  };
  return sources;
}
