import { defineCheck } from '../check.ts';
import type { Failure } from '../finding.ts';
import { bounded, info, orPass, warn } from '../judgement.ts';
import type { AlertRule, Millis, Silence, Subject } from '../snapshot.ts';
import { momentOf, spanOf } from '../time-words.ts';
import { isMet, type Matcher } from './pattern.ts';
import { rulesOf, type Target, targetOf } from './target.ts';

/** Source: https://prometheus.io/docs/alerting/latest/alertmanager/#silences */
export const nothingIsSilenced = defineCheck({
  id: 'PF-AL-03',
  title: 'No silence hides alerts of the service',
  family: 'alerts',
  priority: 'P1',
  codes: [],
  again: false,
  severity: 'warn',
  needs: ['silences', 'alertRules', 'pods'],
  judge: ({ silences, alertRules, pods }, subject, at) => {
    const target = targetOf(subject, pods);
    const rules = rulesOf(target, alertRules);
    const active = silences.filter(({ endsAt }) => !(endsAt <= at));
    const failures = active
      .filter((silence) => hides(silence, rules, target))
      .map((silence) => hidden(silence, { target, subject, at }));
    const none =
      active.length === 0 ? 'there is no active silence' : `none of ${active.length} active silences`;
    return orPass(bounded(failures), active.length === 0 ? none : `${none} hides alerts of ${target.name}`);
  },
});

/** A silence holds for an alert that meets all of its matchers. */
function hides({ matchers }: Silence, rules: readonly AlertRule[], { known }: Target): boolean {
  const alerts = rules.map(({ name, labels }) => {
    const own = Object.entries({ ...labels, alertname: name }).filter(([, value]) => !value.includes('{{'));
    return new Map([...known, ...own.map(([label, value]) => [label, new Set([value])] as const)]);
  });
  return [...alerts, known].some((labels) => isHidden(matchers, labels));
}

/** True when nothing speaks against it and something for it: labels that nobody knows yet do neither. */
function isHidden(matchers: readonly Matcher[], labels: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  const answers = matchers.map((matcher) => {
    const values = labels.get(matcher.name);
    return values === undefined ? null : isMet(matcher, values);
  });
  return answers.includes(true) && !answers.includes(false);
}

type Place = { target: Target; subject: Subject; at: Millis };

/** One that says it is for planned work is told, and is no fault. */
function hidden(
  { id, matchers, endsAt, createdBy, comment }: Silence,
  { target, subject, at }: Place,
): Failure {
  const isPlanned = /\b(maintenance|planned)\b/i.test(comment) && !/\bunplanned\b/i.test(comment);
  const what = matchers.map(words).join(', ');
  const why = comment.trim() === '' ? '' : `: "${comment.trim().slice(0, 80)}"`;
  return (isPlanned ? info : warn)({
    read: `silence ${id} of ${createdBy} hides alerts of ${target.name} until ${momentOf(endsAt)}${why} (${what})`,
    means: `for ${spanOf((endsAt - at) / 1000)} nobody is told by these alerts what ${subject.canary.version} does to users`,
    mend: `end it: amtool silence expire ${id}; or start after ${momentOf(endsAt)}`,
  });
}

function words({ name, value, isRegex, isEqual }: Matcher): string {
  return `${name}${isEqual ? '=' : '!'}${isRegex ? '~' : isEqual ? '' : '='}"${value}"`;
}
