import { durationSeconds } from './duration.ts';
import { evaluate } from './evaluate.ts';
import { comparisons, type Expression } from './expression.ts';
import { parse } from './parse.ts';
import { Refusal, refuse } from './refusal.ts';
import type { Reporter, ServedMatcher } from './selection.ts';
import { type Basis, type Measured, rounded, type Value } from './values.ts';

/** An alert rule as it is written, in a file or in a PrometheusRule object. */
export type AlertRule = {
  alert: string;
  expr: string;
  for?: string | undefined;
  labels?: Readonly<Record<string, string>> | undefined;
};

/** `errorRate` is a ratio 0..1 of 5xx responses, and the others are milliseconds; what is above `max` breaks the limit. */
export type RuleLimit =
  | { metric: 'errorRate'; max: number }
  | { metric: 'p99LatencyMs'; max: number }
  | { metric: 'latency'; quantile: number; maxMs: number };

/** Which requests the rule itself looks at. */
export type RuleSubject = {
  reporter: Reporter;
  /** Which service, workload or version it names; of none, it is about all of them. */
  served: ServedMatcher[];
  /** Labels by which it alerts for each service, workload or version on its own. */
  by: string[];
};

export type RecognisedLimit = {
  kind: 'limit';
  limit: RuleLimit;
  /** How far back the rule looks, in seconds. */
  windowSeconds: number;
  /** How long the breach lasts before it alerts, in seconds. */
  forSeconds: number;
  /** `critical` rolls back, `warning` pauses. */
  severity: 'critical' | 'warning';
  subject: RuleSubject;
  /** In what canaryd judges otherwise than the rule is written: sentences without a full stop. */
  notes: string[];
};

/** A rule as a limit, or in a sentence why it is none, and where there is something to write instead, what. */
export type RecognisedRule = RecognisedLimit | { kind: 'refused'; why: string };

/** Envoy's highest finite latency bucket in Istio. */
const highestBucketMs = 3_600_000;

/**
 * Reads an alert rule as a limit of a canary: the ratio of 5xx of `istio_requests_total`, or a quantile of
 * `istio_request_duration_milliseconds`, above a number. Everything else is refused, never guessed. Never throws, and
 * takes time in proportion to the length of the rule.
 */
export function recogniseRule(rule: AlertRule): RecognisedRule {
  try {
    return limitOf(rule);
  } catch (error) {
    if (error instanceof Refusal) return { kind: 'refused', why: error.message };
    throw error;
  }
}

function limitOf({ expr, for: held, labels }: AlertRule): RecognisedLimit {
  if (expr.includes('{{')) refuse('its expression is a template ({{): give the rule as Prometheus has it');
  const { measured, threshold, isInclusive } = breachOf(parse(expr));
  const max = rounded((threshold - measured.constant) / measured.slope);
  const forSeconds = durationSeconds(held ?? '0');
  if (forSeconds === null) refuse('for: is no duration such as 5m or 1h30m');
  const { windowSeconds, selection, by } = measured.basis;
  return {
    kind: 'limit',
    limit: limitAt(measured, max, isInclusive),
    windowSeconds,
    forSeconds,
    severity: severityOf(labels?.['severity']),
    subject: { reporter: selection.reporter, served: selection.served, by },
    notes: notesOf(measured.basis, isInclusive),
  };
}

function severityOf(severity: string | undefined): RecognisedLimit['severity'] {
  if (severity === 'critical' || severity === 'warning') return severity;
  const read =
    severity === undefined ? 'it has no label severity' : `severity is ${JSON.stringify(severity)}`;
  return refuse(`${read}: write "severity: critical" to roll back or "severity: warning" to pause`);
}

/** What is measured, and above which number of `constant + slope * measure` (below it, for a falling slope) it fires. */
type Breach = { measured: Measured; threshold: number; isInclusive: boolean };

const mirrored = new Map([
  ['>', '<'],
  ['>=', '<='],
  ['<', '>'],
  ['<=', '>='],
]);

function breachOf(expression: Expression): Breach {
  if (expression.kind !== 'binary' || !comparisons.has(expression.operator)) return refuseWhole(expression);
  const { operator, matching, at } = expression;
  const [left, right] = [evaluate(expression.left), evaluate(expression.right)];
  const isTurned = left.kind === 'scalar';
  const [value, threshold] = isTurned ? [right, left] : [left, right];
  const direction = isTurned ? mirrored.get(operator) : operator;
  if (
    matching !== null ||
    threshold.kind !== 'scalar' ||
    direction === undefined ||
    !mirrored.has(direction)
  ) {
    return refuse('a limit is a measure above (or below) a number: write >, >=, < or <= with one', at);
  }
  const measured = measuredIn(value, expression);
  if (measured.slope === 0) return refuse('it is the same whatever the requests are', at);
  const fires = (one: number) => isBeyond(one, direction, threshold.value);
  if (measured.absent.some(fires)) return refuse('it fires where there are no requests at all', at);
  if (measured.slope > 0 !== direction.startsWith('>')) {
    return refuse('it fires where the canary does well: turn the comparison round', at);
  }
  return { measured, threshold: threshold.value, isInclusive: direction.endsWith('=') };
}

function isBeyond(value: number, direction: string, threshold: number): boolean {
  if (direction.endsWith('=') && value === threshold) return true;
  return direction.startsWith('>') ? value > threshold : value < threshold;
}

function measuredIn(value: Value, { at }: Expression): Measured {
  if (value.kind === 'measured') return value;
  if (value.kind !== 'amount') return refuse('it compares numbers, and no series', at);
  return refuse('it limits how many requests there are: divide them by all requests', at);
}

/** Says what joins two conditions, which people write without knowing how weakly it binds. */
function refuseWhole(expression: Expression): never {
  const { at } = expression;
  if (expression.kind !== 'binary')
    return refuse('it compares nothing with a number, so it fires always', at);
  const { operator, left, right } = expression;
  if (operator === 'or' && isCompared(right) && !isCompared(left)) {
    return refuse('`or` binds more weakly than the comparison: put what stands before it in parentheses', at);
  }
  if (['and', 'or', 'unless'].includes(operator)) {
    return refuse(`${operator} joins two conditions, and a limit has one: write a rule for each`, at);
  }
  return refuse('it compares nothing with a number, so it fires always', at);
}

function isCompared(expression: Expression): boolean {
  return expression.kind === 'binary' && comparisons.has(expression.operator);
}

function limitAt({ measure }: Measured, max: number, isInclusive: boolean): RuleLimit {
  if (!Number.isFinite(max)) return refuse('its numbers come to no finite limit');
  if (max < 0 || (isInclusive && max === 0)) return refuse('it fires always: no ratio is below 0');
  if (measure.kind === 'errorRatio') {
    if (max < 1) return { metric: 'errorRate', max };
    return refuse(
      `it never fires: no ratio is above ${max}; for a percentage write * 100 before the comparison`,
    );
  }
  if (max === 0 || max >= highestBucketMs) {
    return refuse(`a latency limit lies above 0 and below ${highestBucketMs} ms, not at ${max} ms`);
  }
  const { quantile } = measure;
  return quantile === 0.99 ? { metric: 'p99LatencyMs', max } : { metric: 'latency', quantile, maxMs: max };
}

function notesOf({ selection, counting, by }: Basis, isInclusive: boolean): string[] {
  const { reporter, served } = selection;
  const whom =
    by.length === 0
      ? 'looks at all requests together: the canary alone is held to it'
      : `looks at each ${by.join(' and ')} on its own: the canary is held to it`;
  return [
    ...(served.length > 0 ? [] : [`the rule names no service and ${whom}`]),
    ...(reporter === 'any' ? ['the rule names no reporter, and adds up what callers and pods counted'] : []),
    ...(counting === 'irate'
      ? ['irate looks at the last two samples only, canaryd at the whole window']
      : []),
    ...(isInclusive ? ['the rule fires at just the limit, too, canaryd only above it'] : []),
  ];
}
