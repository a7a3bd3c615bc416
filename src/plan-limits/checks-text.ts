import { type RecognisedLimit, recogniseRule } from '../alert-rules/recognise.ts';
import type { GroupedRule } from '../alert-rules/rule-groups.ts';
import { printable } from '../cli/client.ts';
import { wrapped } from '../cli/terminal.ts';
import { Check, CheckId } from '../rollout/plan-parts.ts';

/** The `checks:` of a plan as YAML, empty where no rule is one, and a sentence for each rule that is none. */
export type ChecksText = { yaml: string; refused: string[] };

/** Makes checks of alert rules. A check is on 5xx or on the P99: what a rule says beyond is refused. */
export function checksText(rules: readonly GroupedRule[]): ChecksText {
  const taken = new Set<string>();
  const read = rules.map((grouped) => checkOf(grouped, taken));
  const lines = read.flatMap((one) => ('lines' in one ? one.lines : []));
  return {
    yaml: lines.length === 0 ? '' : ['checks:', ...lines].map((line) => `${line}\n`).join(''),
    refused: read.flatMap((one) => ('why' in one ? [one.why] : [])),
  };
}

/** How a rule is told from others. */
export function nameOf({ group, rule }: GroupedRule): string {
  return `${group}/${rule.alert}`;
}

function checkOf(grouped: GroupedRule, taken: Set<string>): { lines: string[] } | { why: string } {
  const name = printable(nameOf(grouped));
  const found = recogniseRule(grouped.rule);
  const why = found.kind === 'refused' ? found.why : misfitOf(found);
  if (found.kind === 'refused' || why !== null) return { why: `${name}: ${printable(why ?? '')}` };
  const { limit, windowSeconds } = found;
  const id = idOf(grouped.rule.alert, taken);
  taken.add(id);
  const { metric } = limit;
  const max = 'max' in limit ? limit.max : limit.maxMs;
  const asks = found.severity === 'warning' ? ', severity: warning' : '';
  const check = `  ${id}: { metric: ${metric}, max: ${max}, window: ${durationText(windowSeconds)}${asks} }`;
  return { lines: [...commentsOf(name, found), check] };
}

function misfitOf({ limit, windowSeconds }: RecognisedLimit): string | null {
  if (limit.metric === 'latency') {
    return `it limits the ${limit.quantile} quantile of the latency, and a check of a plan is on the P99`;
  }
  const check = Check.safeParse({ ...limit, window: windowSeconds });
  return check.success ? null : (check.error.issues[0]?.message ?? 'it is no check of a plan');
}

function commentsOf(name: string, { forSeconds, subject, notes, severity }: RecognisedLimit): string[] {
  const held = forSeconds === 0 ? '' : `, for: ${durationText(forSeconds)}`;
  const about = subject.served.map(
    ({ label, operator, value }) => `${label}${operator}${JSON.stringify(value)}`,
  );
  const whose = about.length === 0 ? [] : [`is about ${about.join(', ')}: see that this is the service`];
  return [`${name} (${severity}${held})`, ...whose, ...notes].flatMap((text) =>
    wrapped(`  # ${printable(text)}`, 4)
      .split('\n')
      .map((line, index) => (index === 0 ? line : `  #${line.slice(3)}`)),
  );
}

/** The name of the alert as the id of a check, which takes fewer characters and is written once only. */
function idOf(alert: string, taken: ReadonlySet<string>): string {
  const bare = alert
    .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^[-_]+/, '')
    .slice(0, 36);
  const base = CheckId.safeParse(bare).success ? bare : 'limit';
  let id = base;
  for (let number = 2; taken.has(id); number += 1) id = `${base}-${number}`;
  return id;
}

function durationText(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600}h`;
  if (seconds % 60 === 0) return `${seconds / 60}m`;
  return `${seconds}s`;
}
