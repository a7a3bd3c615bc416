import { z } from 'zod';
import type { AlertRule, Fact, FiringAlert } from '../readiness/snapshot.ts';
import { found, noAlertmanager, unread } from './surroundings-facts.ts';
import { collected, type Part, pathOf } from './surroundings-lists.ts';

type Alerts = Fact<FiringAlert[]>;
type Labels = FiringAlert['labels'];

const Active = z.looseObject({
  labels: z.record(z.string(), z.string()),
  startsAt: z.iso.datetime({ offset: true }).optional().catch(undefined),
  status: z.looseObject({ state: z.string() }).optional(),
});

/**
 * Alerts that an Alertmanager tells people of.
 * Source: `gettableAlert` of https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
 */
export function activeAlertsFrom(alerts: readonly unknown[]): Alerts {
  return collected(alerts.flatMap(alertOf), []);
}

function alertOf(alert: unknown): Part<FiringAlert>[] {
  const { data: active, error } = Active.safeParse(alert);
  if (active === undefined) return [{ gap: `an alert of Alertmanager is not understood: ${pathOf(error)}` }];
  const { labels, startsAt, status } = active;
  if (status?.state === 'suppressed') return [];
  const since = startsAt === undefined ? null : Date.parse(startsAt);
  return [{ one: { name: labels['alertname'] ?? '', labels, state: 'firing', since } }];
}

/**
 * The alerts of a Prometheus that has none, as far as that says anything: without a rule nobody looks for any.
 * @param none what it answered, without an alert in it
 */
export function alertsWithRules(none: Alerts, rules: Fact<AlertRule[]>): Alerts {
  if (rules.kind === 'read' && (rules.value.length > 0 || rules.gaps !== undefined)) return none;
  const why =
    rules.kind === 'read'
      ? 'Prometheus has no alert rule, so that it has no alert either: they may be in a ruler elsewhere, such as Mimir, Thanos or Grafana'
      : `Prometheus has no alert, and whether it has an alert rule is not known: ${rules.why}`;
  return unread(why, noAlertmanager.mend);
}

/**
 * The alerts of a Prometheus and of its Alertmanager, each once. All that people are told of goes through an Alertmanager:
 * with it nothing is missing of a Prometheus that tells nothing.
 */
export function togetherWith(ofPrometheus: Alerts, ofAlertmanager: Alerts): Alerts {
  if (ofAlertmanager.kind === 'unread') {
    if (ofPrometheus.kind === 'read')
      return found(ofPrometheus.value, [...(ofPrometheus.gaps ?? []), ofAlertmanager.why]);
    return unread(`${ofPrometheus.why}; ${ofAlertmanager.why}`, ofAlertmanager.mend);
  }
  if (ofPrometheus.kind === 'unread') return ofAlertmanager;
  const isKnown = knownIn(ofPrometheus.value);
  const others = ofAlertmanager.value.filter((alert) => !isKnown(alert));
  const gaps = [...(ofPrometheus.gaps ?? []), ...(ofAlertmanager.gaps ?? [])];
  return found([...ofPrometheus.value, ...others], gaps);
}

/**
 * Whether an alert is one of these: it has all labels of one of them, and may have those that Prometheus adds when it
 * sends it.
 */
function knownIn(alerts: readonly FiringAlert[]): (alert: FiringAlert) => boolean {
  // By name, and by the names of the labels: most alerts of one name have the same.
  const forms = new Map<string, Map<string, { names: string[]; keys: Set<string> }>>();
  for (const { name, labels, state } of alerts) {
    if (state !== 'firing') continue;
    const ofName = forms.get(name) ?? new Map<string, { names: string[]; keys: Set<string> }>();
    forms.set(name, ofName);
    const names = Object.keys(labels).toSorted();
    const form = ofName.get(JSON.stringify(names)) ?? { names, keys: new Set<string>() };
    ofName.set(JSON.stringify(names), form);
    form.keys.add(keyOf(labels, names));
  }
  return ({ name, labels }) =>
    [...(forms.get(name)?.values() ?? [])].some(({ names, keys }) => keys.has(keyOf(labels, names)));
}

function keyOf(labels: Labels, names: readonly string[]): string {
  return JSON.stringify(names.map((name) => labels[name] ?? null));
}

/**
 * Without the alerts of other clusters, which a provider of several clusters tells, too. The label `cluster` is set by
 * whoever runs Prometheus, and canaryd knows it only by its own names: an alert is of another cluster when its label
 * names another one of the configuration or, where some alert's label is this one's name, any other.
 */
export function ofThisCluster(alerts: Alerts, own: string, configured: readonly string[]): Alerts {
  if (alerts.kind === 'unread') return alerts;
  return found(onlyOf(own, configured, alerts.value), alerts.gaps);
}

/** Likewise, of a list. */
export function onlyOf<Alert extends { labels: Labels }>(
  own: string,
  configured: readonly string[],
  alerts: readonly Alert[],
): Alert[] {
  const isNamed = alerts.some(({ labels }) => labels['cluster'] === own);
  return alerts.filter(({ labels: { cluster: label } }) => {
    return label === undefined || label === '' || label === own || !(isNamed || configured.includes(label));
  });
}
