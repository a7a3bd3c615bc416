import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, info, orPass, unknown, warn } from '../judgement.ts';
import type { AlertRule, Millis, Silence, Subject } from '../snapshot.ts';
import { momentOf, spanOf } from '../time-words.ts';
import { hidingOf } from './hiding.ts';
import type { Matcher } from './pattern.ts';
import { rulesOf, type Target, targetOf } from './target.ts';
import { shellWord, short } from './words.ts';

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
    const active = silences.filter(({ endsAt }) => !(endsAt <= at));
    if (active.length === 0) return orPass([], 'there is no active silence');
    const rules = rulesOf(target, alertRules);
    const judged = hidingOf(active, rules, target);
    const these = (hiding: string) =>
      judged.filter((one) => one.hiding === hiding).map(({ silence }) => silence);
    const failures = these('yes').map((silence) => hidden(silence, { target, subject, at }));
    const read = `none of ${active.length} active silences hides alerts of ${target.name}`;
    return orPass([...bounded(failures), ...untold(these('perhaps'), rules, target)], read);
  },
});

/** How many are named of those that nobody can judge. */
const mostNamed = 5;

/** What nothing speaks against, and nobody knows to hide nothing. */
function untold(
  silences: readonly Silence[],
  rules: readonly AlertRule[],
  { name, work }: Target,
): Judgement[] {
  if (silences.length === 0) return [];
  const named = silences
    .slice(0, mostNamed)
    .map(({ id, matchers }) => `${short(id)} (${matchersOf(matchers)})`);
  const more = silences.length - named.length;
  const why = work.isSpent()
    ? 'they are more, or longer, than canaryd compares with the alerts'
    : rules.length === 0
      ? 'Prometheus has no rule of the service to compare with'
      : 'an expression in them is none that canaryd understands';
  return [
    unknown(
      `silences that may hide alerts of ${name}: ${named.join('; ')}${more > 0 ? ` and ${more} more` : ''}; ${why}`,
      `see what they hide: amtool silence query --alertmanager.url=<address>; an expression of names, "|", ".*" and ".+" is understood`,
    ),
  ];
}

type Place = { target: Target; subject: Subject; at: Millis };

/** One that says it is for planned work is told, and is no fault. */
function hidden(
  { id, matchers, endsAt, createdBy, comment }: Silence,
  { target, subject, at }: Place,
): Failure {
  const isPlanned = /\b(maintenance|planned)\b/i.test(comment) && !/\bunplanned\b/i.test(comment);
  const why = comment.trim() === '' ? '' : `: "${short(comment)}"`;
  return (isPlanned ? info : warn)({
    read: `silence ${short(id)} of ${short(createdBy)} hides alerts of ${target.name} until ${momentOf(endsAt)}${why} (${matchersOf(matchers)})`,
    means: `for ${spanOf((endsAt - at) / 1000)} nobody is told by these alerts what ${subject.canary.version} does to users`,
    mend: `end it: amtool silence expire --alertmanager.url=<address> ${shellWord(short(id))}; or start after ${momentOf(endsAt)}`,
  });
}

function matchersOf(matchers: readonly Matcher[]): string {
  return short(matchers.map(words).join(', '));
}

function words({ name, value, isRegex, isEqual }: Matcher): string {
  return `${name}${isEqual ? '=' : '!'}${isRegex ? '~' : isEqual ? '' : '='}"${value}"`;
}
