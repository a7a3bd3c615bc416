import { defineCheck } from '../check.ts';
import { bounded, info, orPass, skip, unknown } from '../judgement.ts';
import type { AlertRule, PlannedCheck } from '../snapshot.ts';
import { isCritical, rulesOf, targetOf } from './target.ts';

type Metric = PlannedCheck['metric'];
/** A limit of a rule in the unit of the plan: a ratio 0..1 or milliseconds. */
type Threshold = { rule: AlertRule; metric: Metric; limit: number };

/** As far as a rule's query can be read: one comparison with one number, of 5xx answers or of a P99. */
export const limitsAreStricter = defineCheck({
  id: 'PF-AL-04',
  title: "No limit of the plan is laxer than the service's paging alerts",
  family: 'alerts',
  priority: 'P2',
  codes: [],
  again: false,
  severity: 'info',
  needs: ['alertRules', 'pods'],
  judge: ({ alertRules, pods }, subject) => {
    const target = targetOf(subject, pods);
    const paging = rulesOf(target, alertRules).filter(({ labels }) => isCritical(labels));
    if (target.work.isSpent()) {
      const read = `the expressions of ${alertRules.length} alert rules are more than canaryd compares with ${target.name}`;
      return [unknown(read, `compare the limits of its paging alerts with those of the plan yourself`)];
    }
    const thresholds = paging.flatMap(thresholdOf);
    const pairs = subject.checks.flatMap((check) =>
      thresholds.filter(({ metric }) => metric === check.metric).map((threshold) => ({ check, threshold })),
    );
    if (pairs.length === 0) {
      return [
        skip(
          `no paging alert of ${target.name} has a threshold for a metric of the plan that can be read from its query`,
        ),
      ];
    }
    const failures = pairs
      .filter(({ check, threshold }) => check.max > threshold.limit)
      .map(({ check, threshold }) => laxer(check, threshold, subject.canary.version));
    const read = `the limits of the plan are as strict as ${[...new Set(thresholds.map(({ rule }) => rule.name))].slice(0, 5).join(', ')}`;
    return orPass(bounded(failures), read);
  },
});

function laxer({ id, metric, max }: PlannedCheck, { rule, limit }: Threshold, version: string) {
  return info({
    read: `check ${id} allows ${limitWords(metric, max)}, and alert ${rule.name} pages above ${limitWords(metric, limit)}`,
    means: `people are woken because of ${version} before canaryd turns it back`,
    mend: `in the plan, set the limit of check ${id} to at most ${limitWords(metric, limit)}`,
  });
}

function limitWords(metric: Metric, value: number): string {
  return metric === 'p99LatencyMs' ? `${value} ms` : `${Number((value * 100).toPrecision(6))} %`;
}

/** In characters: a string that does not end costs the square of its length. */
const longestQuery = 10_000;

function thresholdOf(rule: AlertRule): Threshold[] {
  if (rule.query.length > longestQuery) return [];
  const bare = rule.query
    .replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""')
    .replaceAll(/\{[^{}]*\}/g, '');
  const metric = metricOf(rule.query);
  const number = /^[^<>=!]*>=?\s*(\d+(?:\.\d+)?(?:e-?\d+)?)\s*$/i.exec(bare)?.[1];
  if (metric === null || number === undefined) return [];
  return [{ rule, metric, limit: inPlanUnit(Number(number), metric, bare) }];
}

function metricOf(query: string): Metric | null {
  if (/histogram_quantile\(\s*0?\.99\s*,/.test(query)) return 'p99LatencyMs';
  const labels = [...query.matchAll(/\b(\w+)\s*=~?\s*"5/g)].map(([, name = '']) => name);
  return labels.some((name) => /code|status/.test(name)) && query.includes('/') ? 'errorRate' : null;
}

/** Rules count in percent or as a ratio, in seconds or in milliseconds. */
function inPlanUnit(value: number, metric: Metric, bare: string): number {
  if (metric === 'errorRate') return /\b100\s*\*|\*\s*100\b/.test(bare) || value > 1 ? value / 100 : value;
  return /_seconds(_bucket)?\b|\/\s*1000\b/.test(bare) ? value * 1000 : value;
}
