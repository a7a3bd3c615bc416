import { z } from 'zod';
import type { AlertRule } from './recognise.ts';

/** A template may stand wherever a text does; a duration of 0 needs no unit, and YAML makes a number of it. */
const Duration = z.union([z.string(), z.literal(0).transform(() => '0')], {
  error: 'write a duration such as 5m',
});
const Label = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const Rule = z.looseObject({
  alert: z.string().min(1).optional(),
  record: z.string().optional(),
  expr: z.union([z.string(), z.number()], { error: 'has no expr' }).transform(String),
  for: Duration.nullish(),
  labels: z.record(z.string(), Label).nullish(),
});

const Group = z.looseObject({
  name: z.string({ error: 'has no name' }).min(1, { error: 'has no name' }),
  rules: z.array(z.unknown(), { error: 'has no list of rules' }).nullish(),
});

const Groups = z.looseObject({ groups: z.array(z.unknown()) });
const RuleObject = z.looseObject({
  kind: z.literal('PrometheusRule'),
  spec: z.looseObject({ groups: z.array(z.unknown()).nullish() }),
});
const RuleList = z.looseObject({ items: z.array(z.unknown()) });

/** An alert rule, and the group that it stands in. */
export type GroupedRule = { group: string; rule: AlertRule };

export type ReadRules =
  | { kind: 'read'; rules: GroupedRule[] }
  /** Each fault names its group and its rule. */
  | { kind: 'faulty'; faults: string[] };

/**
 * Reads alert rules from what a rule file holds, from a PrometheusRule object or from a list of those, after its YAML or
 * JSON was parsed. Recording rules are left out. Like Prometheus it takes no file with a broken rule in it:
 * https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
 */
export function readRuleGroups(document: unknown): ReadRules {
  const groups = groupsIn(document);
  if (groups === null) {
    return { kind: 'faulty', faults: ['is neither a rule file (groups: at its top) nor a PrometheusRule'] };
  }
  const read = groups.map((group, index) => rulesIn(group, `group ${index + 1}`));
  const faults = read.flatMap((group) => group.faults);
  return faults.length > 0
    ? { kind: 'faulty', faults }
    : { kind: 'read', rules: read.flatMap((group) => group.rules) };
}

function groupsIn(document: unknown): unknown[] | null {
  const file = Groups.safeParse(document);
  if (file.success) return file.data.groups;
  const list = RuleList.safeParse(document);
  if (!list.success) return groupsOfObject(document);
  const all = list.data.items.map(groupsOfObject);
  return all.some((groups) => groups === null) ? null : all.flatMap((groups) => groups ?? []);
}

function groupsOfObject(document: unknown): unknown[] | null {
  const object = RuleObject.safeParse(document);
  return object.success ? (object.data.spec.groups ?? []) : null;
}

type GroupRead = { rules: GroupedRule[]; faults: string[] };

function rulesIn(document: unknown, place: string): GroupRead {
  const group = Group.safeParse(document);
  if (!group.success)
    return { rules: [], faults: group.error.issues.map(({ message }) => `${place} ${message}`) };
  const { name, rules } = group.data;
  const read = (rules ?? []).map((rule, index) => ruleIn(rule, name, index + 1));
  return { rules: read.flatMap((one) => one.rules), faults: read.flatMap((one) => one.faults) };
}

const Named = z.looseObject({ alert: z.string() });

function ruleIn(document: unknown, group: string, number: number): GroupRead {
  const called = Named.safeParse(document).data?.alert;
  const place = `group ${JSON.stringify(group)}, rule ${number}${called === undefined ? '' : ` (${called})`}`;
  const rule = Rule.safeParse(document);
  if (!rule.success)
    return { rules: [], faults: rule.error.issues.map((issue) => `${place}: ${faultWords(issue)}`) };
  const { alert, record, expr, for: held, labels } = rule.data;
  if (alert === undefined && record !== undefined) return { rules: [], faults: [] };
  if (alert === undefined) return { rules: [], faults: [`${place}: has neither alert nor record`] };
  if (record !== undefined) return { rules: [], faults: [`${place}: has alert and record`] };
  return {
    rules: [{ group, rule: { alert, expr, for: held ?? undefined, labels: labels ?? undefined } }],
    faults: [],
  };
}

function faultWords({ path, message }: { path: PropertyKey[]; message: string }): string {
  return path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`;
}
