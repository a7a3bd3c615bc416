import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, orPass, unknown, warn } from '../judgement.ts';
import type { AlertRule, Millis } from '../snapshot.ts';
import { spanOf } from '../time-words.ts';
import { rulesOf, targetOf } from './target.ts';
import { shellWord, short } from './words.ts';

/** A rule that missed three evaluations, and two minutes at least, is not being evaluated. */
const missed = 3;
const leastAge = 120;

/** Source: https://prometheus.io/docs/prometheus/latest/querying/api/#rules */
export const rulesWatch = defineCheck({
  id: 'PF-AL-01',
  title: 'Alert rules watch the service, and they are evaluated',
  family: 'alerts',
  priority: 'P1',
  codes: [],
  again: false,
  severity: 'warn',
  needs: ['alertRules', 'pods'],
  judge: ({ alertRules, pods }, subject, at) => {
    const target = targetOf(subject, pods);
    if (alertRules.length === 0) {
      const read =
        'Prometheus has no alert rule at all: they may be in a ruler elsewhere, such as Mimir, Thanos or Grafana';
      return [
        unknown(read, `see there whether a rule watches ${target.name}, and waive PF-AL-01 with its name`),
      ];
    }
    const ours = rulesOf(target, alertRules);
    if (target.work.isSpent()) return [tooMany(target.name, alertRules.length)];
    if (ours.length === 0) return [unwatched(target.name, alertRules.length, subject.canary.version)];
    const failures = ours.flatMap((rule) => judgeOne(rule, target.name, at));
    const names = [...new Set(ours.map(({ name }) => name))];
    const shown = `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
    return orPass(
      bounded(failures),
      `${ours.length} alert rules watch ${target.name} and are evaluated: ${shown}`,
    );
  },
});

function tooMany(name: string, count: number): Judgement {
  return unknown(
    `the expressions of ${count} alert rules are more than canaryd compares with ${name}`,
    `see yourself whether one watches ${name}, and waive PF-AL-01 with its name`,
  );
}

function unwatched(name: string, count: number, version: string): Failure {
  return warn({
    read: `alert rules that Prometheus has: ${count}; none watches ${name}`,
    means: `nobody would be told if ${version} hurts users in a way that the checks of the plan do not measure`,
    mend: `add rules for its errors and its latency, or one for all services by (destination_service_namespace, destination_service_name); what there is: kubectl get prometheusrules -A`,
  });
}

function judgeOne(rule: AlertRule, service: string, at: Millis): Failure[] {
  const fault = faultOf(rule, at);
  if (fault === null) return [];
  return [
    warn({
      read: `alert rule ${rule.name} (group ${rule.group}) for ${service} ${fault}`,
      means: 'it would not fire during the rollout, whatever happens',
      mend: `mend its query, and try it: promtool query instant <address> ${shellWord(rule.query)}; its state: /api/v1/rules?type=alert`,
    }),
  ];
}

function faultOf({ health, lastError, lastEvaluation, interval }: AlertRule, at: Millis): string | null {
  if (health === 'err') return `fails: ${short(lastError ?? 'without saying why')}`;
  if (lastEvaluation === null) return 'was never evaluated';
  if (health !== 'ok') return `has the health ${health}, not ok`;
  const age = (at - lastEvaluation) / 1000;
  const limit = Math.max(leastAge, missed * interval);
  return age <= limit
    ? null
    : `was last evaluated ${spanOf(age)} ago; every ${spanOf(interval)} is its interval, and ${spanOf(limit)} the limit`;
}
