import type { AlertMemory, RememberedAlert } from './alert-memory.ts';
import type { Alerts } from './plan-alerts.ts';
import type { FiringAlert, Heard, Labels } from './ports/alerts.ts';
import { begunAt, type Rollout } from './rollout.ts';
import type { Millis } from './units.ts';

/** What is remembered of them: a rollout needs one to hold, and people few to look at. */
const mostRemembered = 20;
const longestName = 200;

/**
 * What a rollout remembers of alerts after a poll. A list that cannot be read is no alert and ends none: what fired before
 * goes on firing until it can be read. `heard` is null when nobody listened.
 */
export function alertsAfter(rollout: Rollout, heard: Heard | null, now: Millis): AlertMemory | null {
  const { alerts: before } = rollout.watch;
  if (heard === null) return before;
  const firing = heard.firing.flatMap((alert) => meaningOf(rollout, alert, now) ?? []);
  const silent = new Set(heard.unread.map(({ from }) => from));
  const kept = (before?.firing ?? []).filter(({ receivedBy }) => silent.has(receivedBy.kind));
  const all = [...firing, ...kept].toSorted(byWeight).slice(0, mostRemembered);
  return { firing: all, unread: unreadAfter(before, heard, now) };
}

/** Those that are meant by a plan. */
export function meantBy(plan: Alerts, alerts: readonly FiringAlert[]): FiringAlert[] {
  return alerts.filter(({ labels }) => plan.some(({ match }) => hasAll(labels, match)));
}

/**
 * What was sent, and what was found besides. An alert that is in both began when the first of them says: Prometheus tells
 * when its condition began, Alertmanager when it began to fire
 * (`activeAt` and `FiredAt` of https://github.com/prometheus/prometheus/blob/main/rules/alerting.go), and what
 * Prometheus sends has its external labels, too.
 */
export function heardTogether(
  received: readonly FiringAlert[],
  polled: readonly FiringAlert[],
): FiringAlert[] {
  const byName = new Map<string, FiringAlert[]>();
  for (const alert of polled) byName.set(nameOf(alert), [...(byName.get(nameOf(alert)) ?? []), alert]);
  const known = new Set<FiringAlert>();
  const told = received.map((alert) => {
    const same = byName.get(nameOf(alert))?.find(({ labels }) => hasAll(alert.labels, labels));
    if (same === undefined) return alert;
    known.add(same);
    return { ...alert, startsAt: earlier(alert.startsAt, same.startsAt) };
  });
  return [...told, ...polled.filter((alert) => !known.has(alert))];
}

function hasAll(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

function nameOf({ labels }: FiringAlert): string {
  return labels['alertname'] ?? '';
}

/** What is not known may be earlier than anything. */
function earlier(one: Millis | null, other: Millis | null): Millis | null {
  return one === null || other === null ? null : Math.min(one, other);
}

/** What an alert means to this rollout; null when the plan does not listen to it. The rule that goes back counts first. */
function meaningOf(rollout: Rollout, alert: FiringAlert, now: Millis): RememberedAlert | null {
  const rules = (rollout.plan.alerts ?? []).filter(({ match }) => hasAll(alert.labels, match));
  const rule = rules.find(({ then }) => then === 'rollback') ?? rules[0];
  if (rule === undefined) return null;
  const { startsAt, receivedBy } = alert;
  const about = { name: nameOf(alert).slice(0, longestName), labels: rule.match, receivedBy };
  const known = { ...about, since: sinceIn(rollout.watch.alerts, about) ?? now };
  if (rule.then === 'hold') return { means: 'hold', ...known, startsAt, only: 'plan' };
  if (startsAt === null) return { means: 'hold', ...known, startsAt, only: 'beginningUnknown' };
  const hasBegunBefore = startsAt < (rollout.startedAt ?? begunAt(rollout));
  if (hasBegunBefore) return { means: 'hold', ...known, startsAt, only: 'beganBefore' };
  return { means: 'rollback', ...known, startsAt };
}

type About = Pick<RememberedAlert, 'name' | 'labels'>;

function sinceIn(before: AlertMemory | null, alert: About): Millis | null {
  return before?.firing.find((one) => isSameAlert(one, alert))?.since ?? null;
}

/** Whether both are the same to a plan. */
export function isSameAlert(one: About, other: About): boolean {
  return one.name === other.name && hasAll(one.labels, other.labels) && hasAll(other.labels, one.labels);
}

function byWeight(one: RememberedAlert, other: RememberedAlert): number {
  const weight = ({ means }: RememberedAlert) => (means === 'rollback' ? 0 : 1);
  return weight(one) - weight(other) || one.since - other.since || (one.name < other.name ? -1 : 1);
}

function unreadAfter(before: AlertMemory | null, { unread }: Heard, now: Millis): AlertMemory['unread'] {
  if (unread.length === 0) return null;
  return { why: unread.map(({ why }) => why).join('; '), since: before?.unread?.since ?? now };
}
