import type { CheckReadings, Measurements, Reading } from '../analysis/reading.ts';
import {
  type CheckTemplate,
  type CheckTemplates,
  filledIn,
  isLabelValue,
  type TemplateValue,
} from '../rollout/check-template.ts';
import type { Check, CustomCheck } from '../rollout/plan-parts.ts';
import type { CheckProvider } from '../rollout/ports/check-provider.ts';
import type { MeasureRequest, MetricsSurvey } from '../rollout/ports/metrics.ts';
import type { Arm } from '../rollout/target.ts';

/** The templates that are approved, and who answers them. */
export type CustomChecks = {
  templates: CheckTemplates;
  providers: ReadonlyMap<string, CheckProvider>;
};

type Queries = {
  kind: 'queries';
  template: CheckTemplate;
  provider: CheckProvider;
  canary: string;
  stable: string;
};

/** What the custom checks of a plan find at the poll's instant, and what they asked for that. */
export type CustomFound = { readings: CheckReadings; queries: string[] };

/**
 * Asks each custom check of a plan for one number of each arm. No answer, several rows, and what is no number from 0 on
 * are `unavailable` with the reason; a query without a row is `none`. Never throws.
 */
export async function askCustom(
  custom: CustomChecks,
  request: MeasureRequest,
  signal: AbortSignal,
): Promise<Record<string, CustomFound>> {
  const asked = Object.entries(request.checks).flatMap(([id, check]) =>
    check.metric === 'custom'
      ? [askOne(custom, check, request, signal).then((found) => [id, found] as const)]
      : [],
  );
  return Object.fromEntries(await Promise.all(asked));
}

/** A poll with what its custom checks found. */
export function withCustom(measurements: Measurements, found: Record<string, CustomFound>): Measurements {
  const readings = Object.entries(found).map(([id, { readings: both }]) => [id, both] as const);
  return { ...measurements, checks: { ...measurements.checks, ...Object.fromEntries(readings) } };
}

/** The same before a rollout starts, with the queries. */
export function surveyWithCustom(survey: MetricsSurvey, found: Record<string, CustomFound>): MetricsSurvey {
  const shown = Object.entries(found).map(([id, { queries }]) => {
    const asked = queries.map((query) => ({ purpose: 'value' as const, query }));
    return [id, { queries: asked, boundsMs: null, stableHistogram: null }] as const;
  });
  return {
    ...survey,
    measurements: withCustom(survey.measurements, found),
    checks: { ...survey.checks, ...Object.fromEntries(shown) },
  };
}

/** The queries of one check, or why there are none. */
function queriesFor(
  { templates, providers }: CustomChecks,
  check: CustomCheck,
  { target }: Pick<MeasureRequest, 'target'>,
): Queries | { kind: 'refused'; why: string } {
  const filled = filledIn(check, templates);
  if (filled.kind === 'refused') return filled;
  const { template, values } = filled;
  const provider = providers.get(template.provider);
  if (provider === undefined) return { kind: 'refused', why: `nobody is called ${template.provider} to ask` };
  const unsafe = [target.canary, target.stable].flatMap(namesIn).find((name) => !isLabelValue(name));
  if (unsafe !== undefined) {
    return {
      kind: 'refused',
      why: `${JSON.stringify(unsafe)} is no label value, so it is not put into a query`,
    };
  }
  const of = (arm: Arm) => rendered(template.query, valuesFor(arm, check, values), provider);
  return { kind: 'queries', template, provider, canary: of(target.canary), stable: of(target.stable) };
}

async function askOne(
  custom: CustomChecks,
  check: CustomCheck,
  request: MeasureRequest,
  signal: AbortSignal,
): Promise<CustomFound> {
  const asked = queriesFor(custom, check, request);
  if (asked.kind === 'refused') {
    const reading = { kind: 'unavailable' as const, why: `template ${check.template}: ${asked.why}` };
    return { readings: { canary: reading, stable: reading }, queries: [] };
  }
  const { template, provider } = asked;
  const read = async (query: string): Promise<Reading> =>
    readingOf(check, template, await provider.ask({ query, at: request.at }, signal));
  const [canary, stable] = await Promise.all([read(asked.canary), read(asked.stable)]);
  return { readings: { canary, stable }, queries: [asked.canary, asked.stable] };
}

function readingOf(
  { template: name }: CustomCheck,
  { unit }: CheckTemplate,
  answer: Awaited<ReturnType<CheckProvider['ask']>>,
): Reading {
  const unclear = (what: string): Reading => ({ kind: 'unavailable', why: `template ${name}: ${what}` });
  if (answer.kind === 'unavailable') return unclear(answer.why);
  const [value, ...others] = answer.values;
  if (value === undefined) return { kind: 'none' };
  if (others.length > 0)
    return unclear(`its query found ${others.length + 1} rows instead of one: write sum(...)`);
  if (!Number.isFinite(value) || value < 0)
    return unclear(`its query found ${value}, which is nothing to judge`);
  return { kind: 'value', value, requests: 0, unit };
}

function namesIn({ service, version }: Arm): string[] {
  return [service.namespace, service.name, version];
}

function valuesFor(
  { service, version }: Arm,
  { window }: Check,
  args: ReadonlyMap<string, TemplateValue>,
): Map<string, TemplateValue> {
  return new Map<string, TemplateValue>([
    ['namespace', { type: 'label', text: service.namespace }],
    ['service', { type: 'label', text: service.name }],
    ['version', { type: 'label', text: version }],
    ['window', { type: 'duration', seconds: window }],
    ...[...args].map(([name, value]) => [`args.${name}`, value] as const),
  ]);
}

/** The configuration refuses a template whose placeholders are unknown, so that each has its value here. */
function rendered(
  query: CheckTemplate['query'],
  values: ReadonlyMap<string, TemplateValue>,
  provider: CheckProvider,
): string {
  return query
    .map((part) => (part.kind === 'text' ? part.text : textOf(values.get(part.name), provider)))
    .join('');
}

function textOf(value: TemplateValue | undefined, provider: CheckProvider): string {
  if (value === undefined) return '';
  switch (value.type) {
    case 'label':
      return provider.escaped(value.text);
    case 'number':
      return String(value.value);
    case 'duration':
      return provider.duration(value.seconds);
  }
}
