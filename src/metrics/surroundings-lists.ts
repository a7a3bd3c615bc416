import { z } from 'zod';
import type { AlertRule, Fact, FiringAlert } from '../readiness/snapshot.ts';
import type { Answer, Listed, Row } from './answer.ts';
import { found, unread } from './surroundings-facts.ts';

const Labels = z.record(z.string(), z.string());
const Names = z.array(z.string());

/** Label names of the requests and, where latency has buckets, `le`; null when there are no requests to look at. */
export function metricLabelsFrom(requests: Listed, buckets: Listed): Fact<string[]> | null {
  if (requests.kind === 'failed') return unread(requests.why);
  const names = Names.safeParse(requests.data);
  if (!names.success) return unread('Prometheus answered with something that is no list of labels');
  if (names.data.length === 0) return null;
  const ofBuckets = buckets.kind === 'listed' ? Names.safeParse(buckets.data).data : undefined;
  const why = buckets.kind === 'failed' ? buckets.why : 'Prometheus answered with no list';
  const gaps = ofBuckets === undefined ? [`the buckets of the latency could not be looked for: ${why}`] : [];
  const partial = [requests, buckets].flatMap((one) => (one.kind === 'listed' ? one.partial : []));
  const le = ofBuckets?.includes('le') ? ['le'] : [];
  return found([...names.data.filter((name) => name !== '__name__'), ...le], [...gaps, ...partial]);
}

const Targets = z.looseObject({ activeTargets: z.array(z.unknown()) });
const Scraped = z.looseObject({ labels: Labels, scrapeInterval: z.string() });

/**
 * The longest interval of the targets that the service's own series come from, in seconds; null when it is not told,
 * as by a provider that scrapes nothing itself.
 */
export function scrapeIntervalIn(targets: Listed, series: readonly Row[]): number | null {
  const active = targets.kind === 'listed' ? Targets.safeParse(targets.data).data?.activeTargets : undefined;
  const intervals = (active ?? []).flatMap((one) => {
    const { data: scraped } = Scraped.safeParse(one);
    const seconds = scraped === undefined ? null : secondsOf(scraped.scrapeInterval);
    if (scraped === undefined || seconds === null) return [];
    return series.some((row) => isOfTarget(row, scraped.labels)) ? [seconds] : [];
  });
  return intervals.length === 0 ? null : Math.max(...intervals);
}

function isOfTarget({ labels }: Row, target: Record<string, string>): boolean {
  const { job, instance } = labels;
  return (
    job !== undefined && job === target['job'] && (instance ?? target['instance']) === target['instance']
  );
}

const secondsPer: Record<string, number> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  y: 31_536_000,
};

/** Seconds of a duration such as `15s` or `1m30s`: https://prometheus.io/docs/prometheus/latest/querying/basics/#float-literals-and-time-durations */
function secondsOf(text: string): number | null {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|[smhdwy]))+$/.test(text)) return null;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwy])/g)];
  const seconds = parts.reduce(
    (sum, [, amount, unit = '']) => sum + Number(amount) * (secondsPer[unit] ?? 0),
    0,
  );
  return seconds > 0 ? seconds : null;
}

/**
 * Seconds between two scrapes: as the provider is configured or, where it does not tell, as its samples lie apart; else
 * as canaryd is configured, which nobody compared with what is so.
 */
export function scrapeFrom(
  told: number | null,
  samples: Answer,
  { scrapeSeconds, lookedBack }: { scrapeSeconds: number; lookedBack: number },
): Fact<number> {
  if (told !== null) return found(told);
  const count = samples.kind === 'rows' ? (samples.rows[0]?.value ?? 0) : 0;
  if (count > 1) return found(Math.round((10 * lookedBack) / count) / 10);
  const why =
    'the provider does not tell how often it scrapes the service, so that this is what canaryd is configured with';
  return found(scrapeSeconds, [why]);
}

const Group = z.looseObject({ name: z.string(), interval: z.number(), rules: z.array(z.unknown()) });
const Rules = z.looseObject({ groups: z.array(z.unknown()).nullish() });
const Typed = z.looseObject({ type: z.string(), name: z.string() });
const Alerting = z.looseObject({
  name: z.string(),
  query: z.string(),
  labels: Labels.nullish(),
  health: z.string(),
  lastError: z.string().nullish(),
  lastEvaluation: z.string().nullish(),
  duration: z.number().nonnegative().optional().catch(undefined),
});

/** One thing of a list, or what could not be understood of it. */
export type Part<One> = { one: One } | { gap: string };

/** Alert rules of all groups. Source: https://prometheus.io/docs/prometheus/latest/querying/api/#rules */
export function alertRulesFrom(listed: Listed): Fact<AlertRule[]> {
  if (listed.kind === 'failed') return unread(listed.why);
  const rules = Rules.safeParse(listed.data);
  if (!rules.success) return unread('Prometheus answered with something that is no list of rules');
  return collected((rules.data.groups ?? []).flatMap(rulesOf), listed.partial);
}

function rulesOf(group: unknown): Part<AlertRule>[] {
  const parsed = Group.safeParse(group);
  if (!parsed.success) return [{ gap: `a group of rules is not understood: ${pathOf(parsed.error)}` }];
  const { name, interval, rules } = parsed.data;
  return rules.flatMap((rule): Part<AlertRule>[] => {
    const typed = Typed.safeParse(rule);
    if (typed.success && typed.data.type !== 'alerting') return [];
    const alerting = Alerting.safeParse(rule);
    if (alerting.success) return [{ one: { group: name, interval, ...ruleOf(alerting.data) } }];
    const which = typed.success ? typed.data.name : 'without a name';
    return [{ gap: `the rule ${which} of the group ${name} is not understood: ${pathOf(alerting.error)}` }];
  });
}

function ruleOf(rule: z.infer<typeof Alerting>): Omit<AlertRule, 'group' | 'interval'> {
  return {
    name: rule.name,
    query: rule.query,
    labels: rule.labels ?? {},
    health: rule.health,
    lastError: rule.lastError || null,
    lastEvaluation: instantOf(rule.lastEvaluation),
    ...(rule.duration !== undefined && { forSeconds: rule.duration }),
  };
}

const Alerts = z.looseObject({ alerts: z.array(z.unknown()).nullish() });
const Alert = z.looseObject({
  labels: Labels,
  state: z.enum(['firing', 'pending', 'inactive']),
  activeAt: z.string().nullish(),
});

/** Alerts that fire or are about to. Source: https://prometheus.io/docs/prometheus/latest/querying/api/#alerts */
export function alertsFrom(listed: Listed): Fact<FiringAlert[]> {
  if (listed.kind === 'failed') return unread(listed.why);
  const alerts = Alerts.safeParse(listed.data);
  if (!alerts.success) return unread('Prometheus answered with something that is no list of alerts');
  return collected((alerts.data.alerts ?? []).flatMap(alertOf), listed.partial);
}

function alertOf(alert: unknown): Part<FiringAlert>[] {
  const parsed = Alert.safeParse(alert);
  if (!parsed.success) return [{ gap: `an alert is not understood: ${pathOf(parsed.error)}` }];
  const { labels, state, activeAt } = parsed.data;
  if (state === 'inactive') return [];
  return [{ one: { name: labels['alertname'] ?? '', labels, state, since: instantOf(activeAt) } }];
}

/** What was understood of a list, with gaps for the rest. */
export function collected<One>(parts: readonly Part<One>[], partial: string[]): Fact<One[]> {
  const gaps = parts.flatMap((part) => ('gap' in part ? [part.gap] : []));
  const all = parts.flatMap((part) => ('one' in part ? [part.one] : []));
  return found(all, [...gaps, ...partial]);
}

/** The year 1 is Go's way to say never. */
function instantOf(text: string | null | undefined): number | null {
  const instant = Date.parse(text ?? '');
  return Number.isFinite(instant) && instant > 0 ? instant : null;
}

/** Where something is not as it is expected, and how. */
export function pathOf({ issues: [first] }: z.ZodError): string {
  return first === undefined ? 'its form' : `${first.path.join('.') || 'it'} (${first.message})`;
}
