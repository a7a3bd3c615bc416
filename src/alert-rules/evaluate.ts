import type { Aggregate, Binary, Call, Expression, Matching, Selector } from './expression.ts';
import { comparisons } from './expression.ts';
import { type Place, refuse } from './refusal.ts';
import { matcherText, namespaceMend, type Reporter, selectionOf, servedLabels } from './selection.ts';
import type { Amount, Basis, Measured, Value } from './values.ts';

const requests = 'istio_requests_total';
const latency = 'istio_request_duration_milliseconds_bucket';

/**
 * What the side of a comparison comes to, by arithmetic alone: whatever way a ratio is written, it ends as
 * `constant + slope * measure`. Refuses what is neither requests, nor their ratio of errors, nor a quantile of their
 * latency.
 */
export function evaluate(expression: Expression): Value {
  switch (expression.kind) {
    case 'number':
      return { kind: 'scalar', value: expression.value };
    case 'negative':
      return times(evaluate(expression.of), -1, expression.at);
    case 'selector':
      return refuse(`${expression.metric} stands alone: ${sumWords}`, expression.at);
    case 'aggregate':
      return amountOf(expression);
    case 'call':
      return called(expression);
    case 'binary':
      return combined(expression);
  }
}

const sumWords = 'write sum(rate(...)) around it';

function amountOf(aggregate: Aggregate): Amount {
  const { selector, counting } = countedBy(aggregate);
  if (selector.metric !== requests) {
    return refuse(`${selector.metric} is not judged: ${metricWords(selector.metric)}`, selector.at);
  }
  const { codes, ...selection } = selectionOf(selector);
  const by = groupsOf(aggregate, selection.reporter);
  const basis = { selection, windowSeconds: rangeOf(selector), counting, by };
  const [total, bad] = { all: [1, 0] as const, '5xx': [0, 1] as const, not5xx: [1, -1] as const }[codes];
  return { kind: 'amount', basis, total, bad };
}

function metricWords(metric: string): string {
  if (metric === latency) return 'a histogram is looked at by histogram_quantile';
  if (metric.includes(':')) return 'it is recorded by another rule: write what that one sums up';
  return `canaryd counts ${requests}`;
}

/** `sum(rate(series[range]))`: the series, and how its counters are read. */
function countedBy(aggregate: Aggregate): { selector: Selector; counting: Basis['counting'] } {
  const { operator, inputs, at } = aggregate;
  if (operator !== 'sum') return refuse(`${operator} is not read: a limit is on a sum over all requests`, at);
  const [input, ...more] = inputs;
  if (input === undefined || more.length > 0) return refuse('sum takes one input', at);
  const inner = input.kind === 'call' ? input : null;
  const counting = (['rate', 'increase', 'irate'] as const).find((one) => one === inner?.name);
  const [selector, ...others] = inner?.inputs ?? [];
  if (counting === undefined || selector?.kind !== 'selector' || others.length > 0) {
    return refuse('inside the sum canaryd reads rate, increase or irate of one series', input.at);
  }
  return { selector, counting };
}

function rangeOf({ rangeSeconds, metric, at }: Selector): number {
  return rangeSeconds ?? refuse(`${metric} has no range such as [5m] behind it`, at);
}

/** By these there is one series for the canary, or one for each of those that count it. */
const groups = new Set<string>([...servedLabels, 'reporter']);

function groupsOf(
  { grouping, at }: Aggregate,
  reporter: Reporter,
  besides: readonly string[] = [],
): string[] {
  if (grouping?.kind === 'without') return refuse('write by instead of without, which keeps all labels', at);
  const labels = [...new Set(grouping?.labels ?? [])].filter((label) => !besides.includes(label));
  const other = labels.find((label) => !groups.has(label));
  if (other !== undefined)
    return refuse(`by (${other}) splits the requests of one service, and canaryd judges them together`, at);
  if (!labels.includes('namespace') || reporter === 'destination') return labels.toSorted();
  return refuse(`by (namespace) is by that of whoever counted: ${namespaceMend}`, at);
}

function called({ name, inputs, at }: Call): Value {
  if (name === 'histogram_quantile') return quantileOf(inputs, at);
  if (name === 'rate' || name === 'irate' || name === 'increase') {
    return refuse(`${name} is not summed up: ${sumWords}`, at);
  }
  if (name !== 'vector') return refuse(`the function ${name} is not read`, at);
  const value = inputs.length === 1 && inputs[0] !== undefined ? evaluate(inputs[0]) : null;
  return value?.kind === 'scalar' ? { ...value, kind: 'vector' } : refuse('vector takes a number', at);
}

function quantileOf([first, buckets, ...more]: Expression[], at: Place): Measured {
  if (first === undefined || buckets?.kind !== 'aggregate' || more.length > 0) {
    return refuse('write histogram_quantile(0.99, sum by (le) (rate(...)))', at);
  }
  const level = evaluate(first);
  const quantile = level.kind === 'scalar' ? level.value : Number.NaN;
  if (!(quantile > 0 && quantile < 1))
    return refuse('a quantile lies between 0 and 1, such as 0.99', first.at);
  const { selector, counting } = countedBy(buckets);
  if (selector.metric !== latency) return refuse(histogramWords(selector.metric), selector.at);
  const { codes, ...selection } = selectionOf(selector);
  if (codes !== 'all') {
    return refuse(
      'response_code: canaryd judges how long all responses take, whatever their code',
      selector.at,
    );
  }
  if (buckets.grouping?.kind === 'by' && !buckets.grouping.labels.includes('le')) {
    return refuse('by (...) needs le among its labels: without it no quantile comes out', buckets.at);
  }
  if (buckets.grouping === null) {
    return refuse('sum needs by (le): without it no quantile comes out', buckets.at);
  }
  const basis = {
    selection,
    windowSeconds: rangeOf(selector),
    counting,
    by: groupsOf(buckets, selection.reporter, ['le']),
  };
  const measure = { kind: 'quantile' as const, quantile };
  return { kind: 'measured', measure, basis, slope: 1, constant: 0, absent: [] };
}

function histogramWords(metric: string): string {
  const why = metric.startsWith('istio_request_duration_seconds')
    ? 'Istio counts milliseconds since 1.5, and has no series of this name'
    : 'it is not judged';
  return `${metric}: ${why}; canaryd reads ${latency}`;
}

function combined(binary: Binary): Value {
  const { operator, left, right, at } = binary;
  if (operator === 'or') return withAbsent(binary);
  if (operator === 'and' || operator === 'unless') {
    const why = `${operator} adds a second condition, and a limit has one; that there be enough requests is minRequests of a check`;
    return refuse(why, at);
  }
  if (comparisons.has(operator)) return refuse('a comparison stands inside another one', at);
  return calculated(binary, evaluate(left), evaluate(right));
}

/** `x or vector(0)`: the number stands in where there is no series. */
function withAbsent({ matching, left, right, at }: Binary): Value {
  const [value, other] = [evaluate(left), evaluate(right)];
  const isPlain = matching === null || (matching.kind === 'on' && matching.labels.length === 0);
  if (other.kind !== 'vector' || !isPlain) return refuse('of `or` canaryd reads `or vector(0)` alone', at);
  if (value.kind === 'measured') return { ...value, absent: [...value.absent, other.value] };
  if (value.kind === 'amount' && other.value === 0) return value;
  return refuse('of `or` canaryd reads `or vector(0)` behind a sum or a ratio', at);
}

function calculated({ operator, matching, at }: Binary, left: Value, right: Value): Value {
  if (left.kind === 'amount' && right.kind === 'amount') {
    refuseDifference(left.basis, right.basis, at);
    refuseMatching(matching, left.basis, at);
    return ofRequests(left, operator, right, at);
  }
  if (matching !== null) return refuse('a number has no labels to match by', at);
  if (right.kind === 'scalar') return withNumber(left, operator, right.value, at);
  if (left.kind === 'scalar') return ofNumber(left.value, operator, right, at);
  return refuse('canaryd reads requests divided by requests, and arithmetic with numbers', at);
}

function ofNumber(value: number, operator: string, right: Value, at: Place): Value {
  if (operator === '*') return times(right, value, at);
  if (operator === '+') return plus(right, value, at);
  return operator === '-'
    ? plus(times(right, -1, at), value, at)
    : refuse('canaryd reads no such arithmetic', at);
}

function ofRequests(left: Amount, operator: string, right: Amount, at: Place): Value {
  if (operator === '/') return ratioOf(left, right, at);
  if (operator !== '+' && operator !== '-') return refuse(`requests ${operator} requests is no ratio`, at);
  const sign = operator === '-' ? -1 : 1;
  return { ...left, total: left.total + sign * right.total, bad: left.bad + sign * right.bad };
}

function withNumber(left: Value, operator: string, value: number, at: Place): Value {
  if (operator === '*') return times(left, value, at);
  if (operator === '/' && value !== 0) return divided(left, value, at);
  if (operator === '+') return plus(left, value, at);
  return operator === '-' ? plus(left, -value, at) : refuse('canaryd reads no such arithmetic', at);
}

function divided(value: Value, divisor: number, at: Place): Value {
  if (value.kind === 'scalar') return { kind: 'scalar', value: value.value / divisor };
  return times(value, 1 / divisor, at);
}

function times(value: Value, factor: number, at: Place): Value {
  switch (value.kind) {
    case 'scalar':
      return { kind: 'scalar', value: value.value * factor };
    case 'vector':
      return refuse('canaryd reads vector only behind `or`', at);
    case 'amount':
      return { ...value, total: value.total * factor, bad: value.bad * factor };
    case 'measured':
      return {
        ...value,
        slope: value.slope * factor,
        constant: value.constant * factor,
        absent: value.absent.map((one) => one * factor),
      };
  }
}

function plus(value: Value, summand: number, at: Place): Value {
  if (value.kind === 'scalar') return { kind: 'scalar', value: value.value + summand };
  if (value.kind !== 'measured') return refuse('a number is added to what is no ratio', at);
  const absent = value.absent.map((one) => one + summand);
  return { ...value, constant: value.constant + summand, absent };
}

/** `(total * all + bad * errors) / (number * all)`. */
function ratioOf(left: Amount, right: Amount, at: Place): Measured {
  if (right.bad !== 0 || right.total === 0) {
    return refuse('below the line canaryd reads all requests, whatever their response_code', at);
  }
  return {
    kind: 'measured',
    measure: { kind: 'errorRatio' },
    basis: left.basis,
    slope: left.bad / right.total,
    constant: left.total / right.total,
    absent: [],
  };
}

/** Matching by the labels of `by` is what happens anyway. */
function refuseMatching(matching: Matching | null, { by }: Basis, at: Place): void {
  if (matching === null) return;
  const isUsual = matching.kind === 'on' && [...new Set(matching.labels)].toSorted().join() === by.join();
  if (!isUsual)
    refuse(`${matching.kind} (${matching.labels.join(', ')}) matches other series than by does`, at);
}

function refuseDifference(left: Basis, right: Basis, at: Place): void {
  const difference = differenceBetween(left, right);
  if (difference !== null) refuse(`the two sides do not count the same requests: ${difference}`, at);
}

function differenceBetween(left: Basis, right: Basis): string | null {
  if (left.counting !== right.counting) return `${left.counting} and ${right.counting}`;
  if (left.windowSeconds !== right.windowSeconds) {
    return `[${left.windowSeconds}s] and [${right.windowSeconds}s]`;
  }
  if (left.by.join() !== right.by.join()) return `by (${left.by.join(', ')}) and by (${right.by.join(', ')})`;
  const [ours, theirs] = [left, right].map(textsOf);
  const lone = [...(ours ?? [])].filter((text) => theirs?.has(text) !== true);
  const others = [...(theirs ?? [])].filter((text) => ours?.has(text) !== true);
  const [first] = [...lone, ...others];
  return first === undefined ? null : `${first} stands on one side only`;
}

function textsOf({ selection: { reporter, served } }: Basis): Set<string> {
  return new Set([`reporter ${reporter}`, ...served.map(matcherText)]);
}
