import type { AlertRule, Silence } from '../snapshot.ts';
import { type Matcher, readMatcher } from './pattern.ts';
import type { Target } from './target.ts';

/** Whether a silence hides alerts of a target: `perhaps` when nothing that was understood speaks against it. */
type Hiding = 'yes' | 'no' | 'perhaps';

/** What is known of an alert before it fires, beside what the target is called. */
type Labels = ReadonlyMap<string, string>;

/**
 * Whether each of these silences hides an alert of the target: one of these rules, or another that bears its names.
 * Each matcher is read once, and compared once with each value.
 * @param rules those that watch the target; without any, nothing tells what its alerts are called
 */
export function hidingOf(
  silences: readonly Silence[],
  rules: readonly AlertRule[],
  target: Target,
): { silence: Silence; hiding: Hiding }[] {
  const alerts = [...rules.map(labelsOf), new Map<string, string>()];
  return silences.map((silence) => ({ silence, hiding: hidingBy(silence, alerts, target) }));
}

/** A template fills in what stands in braces when the alert fires. */
function labelsOf({ name, labels }: AlertRule): Labels {
  const own = Object.entries({ ...labels, alertname: name });
  return new Map(own.filter(([, value]) => !value.includes('{{')));
}

/** A silence holds for an alert that meets all of its matchers. */
function hidingBy({ matchers }: Silence, alerts: readonly Labels[], target: Target): Hiding {
  if (!target.work.spend(alerts.length * matchers.length)) return 'perhaps';
  const asked = matchers.map((matcher) => askOnce(matcher, target));
  // The last is that of whatever else bears the target's names.
  const hasRules = alerts.length > 1;
  const each = new Set(
    alerts.map((labels) =>
      hidden(
        asked.map((answer) => answer(labels)),
        hasRules,
      ),
    ),
  );
  if (each.has('yes')) return 'yes';
  return each.has('perhaps') ? 'perhaps' : 'no';
}

/** What a matcher says of an alert: null where that is not understood, `unsaid` of a label that nobody knows yet. */
type Answer = boolean | null | 'unsaid';

function askOnce(matcher: Matcher, { known, work }: Target): (labels: Labels) => Answer {
  const meets = readMatcher(matcher, work);
  const values = known.get(matcher.name);
  const ofTarget = values === undefined ? 'unsaid' : meets(values);
  const answers = new Map<string, Answer>();
  return (labels) => {
    const value = labels.get(matcher.name);
    if (value === undefined) return ofTarget;
    const answer = answers.get(value) ?? meets(new Set([value]));
    answers.set(value, answer);
    return answer;
  };
}

/** Labels that nobody knows yet speak neither for it nor against it, as long as others of the alert are known. */
function hidden(answers: readonly Answer[], hasRules: boolean): Hiding {
  if (answers.includes(false)) return 'no';
  if (answers.includes(null)) return 'perhaps';
  if (answers.includes(true)) return 'yes';
  return hasRules ? 'no' : 'perhaps';
}
