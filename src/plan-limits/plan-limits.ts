import { readFile } from 'node:fs/promises';
import { type GroupedRule, type ReadRules, readRuleGroups } from '../alert-rules/rule-groups.ts';
import { ProblemError } from '../api/problem.ts';
import { parseYaml } from '../api/yaml-body.ts';
import { printable } from '../cli/client.ts';
import { wrapped } from '../cli/terminal.ts';
import { codeOf } from '../errors.ts';
import { checksText, nameOf } from './checks-text.ts';
import type { PlanLimitsOptions } from './options.ts';

/** What the program has of the outside. */
export type Surroundings = { out: (text: string) => void; err: (text: string) => void };

/** What the program ends with; the same numbers as in the command line client. */
const ends = { done: 0, refused: 2, usage: 2, invalid: 6 } as const;
type End = (typeof ends)[keyof typeof ends];

/**
 * Prints what alert rules are as checks of a plan, and says of each other one why it is none. Asks nobody.
 * @returns the exit code: 0 where every rule that was asked for is a check
 */
export async function planLimits({ rules, wanted }: PlanLimitsOptions, around: Surroundings): Promise<End> {
  const file = printable(rules);
  const text = await readText(rules);
  if ('why' in text) return said(around, `${file} cannot be read: ${text.why}`, ends.usage);
  const read = rulesIn(text.text);
  if (read.kind === 'faulty') {
    for (const fault of read.faults) said(around, `${file}: ${printable(fault)}`, ends.invalid);
    return ends.invalid;
  }
  const chosen = wanted.length === 0 ? read.rules : read.rules.filter((rule) => isWanted(rule, wanted));
  const missing = wanted.find((name) => !read.rules.some((rule) => isWanted(rule, [name])));
  if (missing !== undefined) return said(around, missingWords(missing, file, read.rules), ends.usage);
  if (chosen.length === 0) return said(around, `${file} has no alert rule in it`, ends.invalid);
  const { yaml, refused } = checksText(chosen);
  around.out(yaml);
  for (const why of refused) said(around, `no check of ${why}`, ends.refused);
  return refused.length === 0 ? ends.done : ends.refused;
}

async function readText(path: string): Promise<{ text: string } | { why: string }> {
  try {
    return { text: await readFile(path, 'utf8') };
  } catch (error) {
    return { why: codeOf(error) ?? 'unknown reason' };
  }
}

/** JSON is YAML, too. */
function rulesIn(text: string): ReadRules {
  if (text.trim() === '') return { kind: 'faulty', faults: ['is empty'] };
  try {
    return readRuleGroups(parseYaml(text, new Set()));
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const why = error.facts.errors?.[0]?.detail ?? error.message;
    return { kind: 'faulty', faults: [`is not taken as YAML: ${why}`] };
  }
}

function isWanted(grouped: GroupedRule, wanted: readonly string[]): boolean {
  return wanted.includes(grouped.rule.alert) || wanted.includes(nameOf(grouped));
}

const mostNames = 10;

function missingWords(name: string, file: string, rules: readonly GroupedRule[]): string {
  const names = rules.slice(0, mostNames).map(nameOf).join(', ');
  const more = rules.length > mostNames ? ` and ${rules.length - mostNames} more` : '';
  const there = rules.length === 0 ? 'it has none' : `it has ${names}${more}`;
  return `${file} has no alert rule ${printable(name)}: ${printable(there)}`;
}

function said({ err }: Surroundings, what: string, end: End): End {
  err(`${wrapped(`canaryd: ${what}`, 2)}\n`);
  return end;
}
