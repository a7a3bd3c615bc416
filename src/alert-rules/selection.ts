import type { Matcher, Selector } from './expression.ts';
import { refuse } from './refusal.ts';

/** Labels that say which service, workload or version a request went to. */
export const servedLabels = [
  'destination_service',
  'destination_service_name',
  'destination_service_namespace',
  'destination_workload',
  'destination_workload_namespace',
  'destination_version',
  'destination_app',
  'destination_canonical_service',
  'destination_canonical_revision',
  'namespace',
] as const;
export type ServedLabel = (typeof servedLabels)[number];

export type ServedMatcher = Matcher & { label: ServedLabel };

/** Whose counters a rule looks at: `any` where it adds up those of callers and of pods. */
export type Reporter = 'destination' | 'source' | 'any';

/** Which responses a selector counts. */
type Codes = 'all' | '5xx' | 'not5xx';

/** What a selector of a rule says: whose counters, of which service, and which responses. */
export type Selection = { reporter: Reporter; served: ServedMatcher[]; codes: Codes };

/** The label `namespace` comes from the scrape, and a caller may have been scraped. */
export const namespaceMend =
  'write reporter="destination" among the labels, or destination_service_namespace instead';

/** Reads the labels of a selector. Refuses every one that it does not know, because to drop it would be another rule. */
export function selectionOf({ matchers, metric, at }: Selector): Selection {
  const selection: Selection = { reporter: 'any', served: [], codes: 'all' };
  for (const matcher of matchers) {
    const { label } = matcher;
    const served = servedLabels.find((one) => one === label);
    if (label === 'response_code') selection.codes = codesOf(matcher, selection.codes);
    else if (label === 'reporter') selection.reporter = reporterOf(matcher, selection.reporter);
    else if (served !== undefined) selection.served.push({ ...matcher, label: served });
    else refuse(`${matcherText(matcher)} of ${metric}: ${unknownWords(label)}`, at);
  }
  if (selection.reporter !== 'destination' && selection.served.some(({ label }) => label === 'namespace')) {
    const why = `the label namespace of ${metric} is that of whoever counted: ${namespaceMend}`;
    return refuse(why, at);
  }
  return { ...selection, served: selection.served.toSorted(byText) };
}

/** A matcher as it is written in PromQL. */
export function matcherText({ label, operator, value }: Matcher): string {
  return `${label}${operator}${JSON.stringify(value)}`;
}

function byText(one: Matcher, other: Matcher): number {
  const [left, right] = [matcherText(one), matcherText(other)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function unknownWords(label: string): string {
  const known = {
    grpc_response_status: 'canaryd judges 5xx, and a gRPC status is none',
    response_flags: 'canaryd judges responses whatever their flags',
    job: 'canaryd looks at all jobs: leave it out',
    cluster: 'canaryd asks the Prometheus of the cluster itself: leave it out',
  };
  const isCaller = label.startsWith('source_');
  if (isCaller) return 'it looks at one caller, and canaryd judges the requests of all callers';
  const why = Object.entries(known).find(([one]) => one === label)?.[1];
  return why ?? 'canaryd does not judge by this label, and does not leave it out by itself';
}

const anyCode = new Set(['.*', '.+']);
/** `5` and two more digits, as people write it; a status has three digits. */
const all5xx = /^5(?:(?:\.|\\d|\[0-9\]){2}|(?:\.|\\d|\[0-9\])(?:\{2\}|[+*])|(?:\\d|\[0-9\])\.[*])$/;

function codesOf(matcher: Matcher, before: Codes): Codes {
  const { operator, value } = matcher;
  const pattern = bare(value);
  const codes = codesFor(operator, pattern);
  if (codes === null) {
    const why = 'canaryd counts every 5xx as an error and nothing else: write response_code=~"5.."';
    return refuse(`${matcherText(matcher)} selects other responses: ${why}`);
  }
  if (codes === 'all' || before === 'all' || codes === before) return codes === 'all' ? before : codes;
  return refuse(`${matcherText(matcher)} and another response_code select nothing together`);
}

function codesFor(operator: Matcher['operator'], pattern: string): Codes | null {
  if (operator === '=~' && anyCode.has(pattern)) return 'all';
  if (operator === '!=' && pattern === '') return 'all';
  if (operator === '=~' && all5xx.test(pattern)) return '5xx';
  return operator === '!~' && all5xx.test(pattern) ? 'not5xx' : null;
}

/** Prometheus anchors a pattern anyway, and one pair of parentheses around all of it changes nothing. */
function bare(pattern: string): string {
  const anchorless = pattern.replace(/^\^/, '').replace(/\$$/, '');
  return /^\((?:\?:)?([^()|]*)\)$/.exec(anchorless)?.[1] ?? anchorless;
}

function reporterOf(matcher: Matcher, before: Reporter): Reporter {
  const { operator, value } = matcher;
  const isEqual = operator === '=' || operator === '=~';
  const reporter = isEqual ? (['destination', 'source'] as const).find((one) => one === value) : undefined;
  const isBoth = operator === '=~' && /^(?:source\|destination|destination\|source)$/.test(value);
  if (reporter === undefined && !isBoth) {
    return refuse(`${matcherText(matcher)}: canaryd knows the reporters destination and source`);
  }
  if (before !== 'any' && reporter !== undefined && before !== reporter) {
    return refuse(`${matcherText(matcher)} and another reporter select nothing together`);
  }
  return reporter ?? before;
}
