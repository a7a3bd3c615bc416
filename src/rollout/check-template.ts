import type { PlanFault } from './plan-fault.ts';
import type { Check, CustomCheck } from './plan-parts.ts';
import * as say from './say.ts';
import { Seconds } from './units.ts';

type ArgRule =
  | { type: 'label'; oneOf?: string[] | undefined }
  | { type: 'number'; min?: number | undefined; max?: number | undefined }
  /** In seconds. */
  | { type: 'duration'; min: number; max: number };

/** A part of a query: text as it stands, or the place of a value such as `version` or `args.shop`. */
type TemplatePart = { kind: 'text'; text: string } | { kind: 'placeholder'; name: string };

/** A query that an operator has approved, with places for typed values. */
export type CheckTemplate = {
  provider: string;
  query: TemplatePart[];
  args: Record<string, ArgRule>;
  unit: 'ratio' | 'ms' | 'count';
  /** On which side of its limit a value is a breach. */
  breach: 'above' | 'below';
};
export type CheckTemplates = Readonly<Record<string, CheckTemplate>>;

/** A value that may stand in a query; durations are seconds. */
export type TemplateValue =
  | { type: 'label'; text: string }
  | { type: 'number'; value: number }
  | { type: 'duration'; seconds: number };

const limitOf = { above: 'max', below: 'min' } as const;

/** What about the custom checks of a plan the approved templates do not allow; paths begin at the plan. */
export function templateFaults(checks: Record<string, Check>, templates: CheckTemplates): PlanFault[] {
  return Object.entries(checks).flatMap(([id, check]) => {
    if (check.metric !== 'custom') return [];
    return faultsOf(check, templates).map(({ at, message }) => {
      return { path: ['checks', id, ...at], code: 'plan-inconsistent', message };
    });
  });
}

/** The template of a check with the values of its arguments, or why they do not go together, as a phrase. */
export function filledIn(
  check: CustomCheck,
  templates: CheckTemplates,
):
  | { kind: 'filled'; template: CheckTemplate; values: Map<string, TemplateValue> }
  | { kind: 'refused'; why: string } {
  const template = templateOf(check, templates);
  const [fault] = faultsOf(check, templates);
  if (template === null || fault !== undefined) {
    return { kind: 'refused', why: fault?.message ?? unknownTemplate(check, templates) };
  }
  const values = Object.entries(template.args).flatMap(([name, rule]) => {
    const read = readValue(rule, check.args[name]);
    return read.kind === 'value' ? [[name, read.value] as const] : [];
  });
  return { kind: 'filled', template, values: new Map(values) };
}

/** A text that may stand in a query: nothing that could end a string or be more than a value. */
export function isLabelValue(text: string): boolean {
  return /^[A-Za-z0-9_.-]{1,63}$/.test(text);
}

type Fault = { at: string[]; message: string };

function faultsOf(check: CustomCheck, templates: CheckTemplates): Fault[] {
  const template = templateOf(check, templates);
  if (template === null) return [{ at: ['template'], message: unknownTemplate(check, templates) }];
  return [...limitFaults(check, template), ...argFaults(check, template)];
}

function templateOf({ template }: CustomCheck, templates: CheckTemplates): CheckTemplate | null {
  return Object.hasOwn(templates, template) ? (templates[template] ?? null) : null;
}

function unknownTemplate({ template }: CustomCheck, templates: CheckTemplates): string {
  const names = Object.keys(templates).toSorted();
  const known =
    names.length === 0 ? 'this canaryd has none' : `those of this canaryd are ${names.join(', ')}`;
  return `no template is called ${template}: ${known}`;
}

function limitFaults(check: CustomCheck, { breach }: CheckTemplate): Fault[] {
  const wanted = limitOf[breach];
  if (check[wanted] !== undefined) return [];
  const message = `the values of ${check.template} are bad ${breach} their limit: write "${wanted}"`;
  return [{ at: [wanted === 'max' ? 'min' : 'max'], message }];
}

function argFaults({ template, args }: CustomCheck, { args: rules }: CheckTemplate): Fault[] {
  const known = Object.keys(rules);
  const unknown = Object.keys(args).filter((name) => !Object.hasOwn(rules, name));
  return [
    ...unknown.map((name) => {
      const all = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`;
      return { at: ['args', name], message: `${template} has no argument ${name}: ${all}` };
    }),
    ...Object.entries(rules).flatMap(([name, rule]) => {
      const read = readValue(rule, Object.hasOwn(args, name) ? args[name] : undefined);
      return read.kind === 'value' ? [] : [{ at: ['args', name], message: `${name} ${read.says}` }];
    }),
  ];
}

type ValueRead = { kind: 'value'; value: TemplateValue } | { kind: 'faulty'; says: string };

function readValue(rule: ArgRule, written: string | number | undefined): ValueRead {
  if (written === undefined) return faulty('is missing');
  switch (rule.type) {
    case 'label':
      return labelOf(rule, written);
    case 'number':
      return numberOf(rule, written);
    case 'duration':
      return durationOf(rule, written);
  }
}

function labelOf({ oneOf }: Extract<ArgRule, { type: 'label' }>, written: string | number): ValueRead {
  if (typeof written !== 'string' || !isLabelValue(written))
    return faulty('is text of 1 to 63 of A-Z, a-z, 0-9, "_", "." and "-"');
  if (oneOf !== undefined && !oneOf.includes(written)) return faulty(`is one of ${oneOf.join(', ')}`);
  return { kind: 'value', value: { type: 'label', text: written } };
}

function numberOf(rule: Extract<ArgRule, { type: 'number' }>, written: string | number): ValueRead {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = rule;
  if (typeof written !== 'number' || !Number.isFinite(written)) return faulty('is a number');
  if (written < min) return faulty(`is at least ${min}`);
  if (written > max) return faulty(`is at most ${max}`);
  return { kind: 'value', value: { type: 'number', value: written } };
}

function durationOf(
  { min, max }: Extract<ArgRule, { type: 'duration' }>,
  written: string | number,
): ValueRead {
  const read = Seconds.safeParse(written);
  if (!read.success) return faulty('is a duration such as 5m');
  if (read.data < min) return faulty(`lasts at least ${say.seconds(min)}`);
  if (read.data > max) return faulty(`lasts at most ${say.seconds(max)}`);
  return { kind: 'value', value: { type: 'duration', seconds: read.data } };
}

function faulty(says: string): ValueRead {
  return { kind: 'faulty', says };
}
