import { type Expression, type Grouping, type Matcher, type Matching, strengths } from './expression.ts';
import { type Place, refuse } from './refusal.ts';
import { type Token, tokensOf } from './tokens.ts';

/** Longer than any rule that people write, and short enough to be read at once. */
const longestExpression = 10_000;
/** Whoever reads what the parser made calls itself for each operation, and the parser for each level. */
const mostTokens = 1000;
const deepest = 100;

const aggregators = new Set(
  'sum min max avg group stddev stdvar count count_values bottomk topk quantile limitk limit_ratio'.split(
    ' ',
  ),
);

/**
 * Reads a PromQL expression, of which only what the shape of an alert rule needs: no subqueries, no `offset`, no `@`, no
 * `bool` and no `group_left`. Refuses the rest, and names the place.
 */
export function parse(expression: string): Expression {
  if (expression.length > longestExpression) {
    return refuse(`the expression has ${expression.length} characters, and ${longestExpression} are read`);
  }
  const tokens = tokensOf(expression);
  if (tokens.length > mostTokens) return refuse(`the expression has more than ${mostTokens} parts`);
  const reader = readerOf(tokens);
  const whole = readOperation(reader, 0, 0);
  const { kind, at } = reader.next();
  return kind === 'end' ? whole : refuse('the expression should end here', at);
}

/** Tokens one by one. `peek` looks at the next one, `next` takes it, `takes` takes it if it is that word or symbol. */
type Reader = { peek(): Token; next(): Token; takes(text: string): Token | null };

function readerOf(tokens: readonly Token[]): Reader {
  let index = 0;
  const end: Token = { kind: 'end', at: { offset: 0, token: '' }, text: '' };
  const peek = () => tokens[index] ?? tokens.at(-1) ?? end;
  const next = () => {
    const token = peek();
    index += 1;
    return token;
  };
  return { peek, next, takes: (text) => (isWritten(peek(), text) ? next() : null) };
}

/** Keywords may be written in capitals. */
function isWritten({ kind, text }: Token, wanted: string): boolean {
  return (kind === 'word' || kind === 'symbol') && text.toLowerCase() === wanted;
}

/** Operations that bind more strongly than `weakest`, the left ones first. */
function readOperation(reader: Reader, weakest: number, depth: number): Expression {
  let left = readSigned(reader, depth);
  while (true) {
    const found = operationAt(reader.peek());
    if (found === null || found.strength <= weakest) return left;
    const { at } = reader.next();
    const { operator, strength } = found;
    const matching = readMatching(reader);
    // Only a power belongs to what follows it first.
    const right = readOperation(reader, operator === '^' ? strength - 1 : strength, depth + 1);
    left = { kind: 'binary', at, operator, matching, left, right };
  }
}

function operationAt({ kind, text }: Token): { operator: string; strength: number } | null {
  const operator = text.toLowerCase();
  const strength = kind === 'word' || kind === 'symbol' ? strengths.get(operator) : undefined;
  return strength === undefined ? null : { operator, strength };
}

function readMatching(reader: Reader): Matching | null {
  const bool = reader.takes('bool');
  if (bool !== null) return refuse('a comparison with bool has a value always, so it fires always', bool.at);
  const kind = (['on', 'ignoring'] as const).find((word) => reader.takes(word) !== null);
  const labels = kind === undefined ? [] : readLabels(reader);
  const { text, at } = reader.peek();
  if (/^group_(?:left|right)$/i.test(text)) return refuse('series are joined', at);
  return kind === undefined ? null : { kind, labels };
}

function readSigned(reader: Reader, depth: number): Expression {
  if (depth > deepest) return refuse(`nested more than ${deepest} deep`, reader.peek().at);
  if (reader.takes('+') !== null) return readSigned(reader, depth + 1);
  const minus = reader.takes('-');
  if (minus === null) return readOne(reader, depth);
  // A sign binds like a product: what it stands before may have a power.
  return { kind: 'negative', at: minus.at, of: readOperation(reader, 5, depth + 1) };
}

function readOne(reader: Reader, depth: number): Expression {
  const one = readBare(reader, depth);
  const { kind, text, at } = reader.peek();
  if (kind === 'symbol' && text === '[') return refuse('only the name of a series has a range behind it', at);
  if (isWritten(reader.peek(), 'offset')) return refuse('an offset looks at another time', at);
  return kind === 'symbol' && text === '@' ? refuse('@ looks at another time', at) : one;
}

function readBare(reader: Reader, depth: number): Expression {
  const token = reader.next();
  const { at, text } = token;
  if (token.kind === 'number') return { kind: 'number', at, value: token.value };
  if (token.kind === 'word') return readNamed(reader, token, depth);
  if (token.kind === 'duration') return refuse('a duration stands where a value should', at);
  if (token.kind === 'string') return refuse('a text stands where a value should', at);
  if (token.kind === 'end') return refuse('the expression ends too early', at);
  if (text === '{') return refuse('write the name of the series before the braces', at);
  if (text !== '(') return refuse('a value should stand here', at);
  const inner = readOperation(reader, 0, depth + 1);
  expect(reader, ')');
  return inner;
}

function readNamed(reader: Reader, { at, text }: Token, depth: number): Expression {
  const operator = text.toLowerCase();
  if (aggregators.has(operator)) {
    const before = readGrouping(reader);
    const inputs = readInputs(reader, depth);
    const after = readGrouping(reader);
    if (before !== null && after !== null) return refuse('it is grouped twice', at);
    return { kind: 'aggregate', at, operator, grouping: before ?? after, inputs };
  }
  if (/^(?:inf|nan)$/i.test(text)) return refuse('this is no finite number', at);
  if (isWritten(reader.peek(), '('))
    return { kind: 'call', at, name: text, inputs: readInputs(reader, depth) };
  if (strengths.has(operator)) return refuse('a value should stand here', at);
  const matchers = reader.takes('{') === null ? [] : readList(reader, '}', readMatcher);
  return { kind: 'selector', at, metric: text, matchers, rangeSeconds: readRange(reader) };
}

function readGrouping(reader: Reader): Grouping | null {
  const kind = (['by', 'without'] as const).find((word) => reader.takes(word) !== null);
  return kind === undefined ? null : { kind, labels: readLabels(reader) };
}

function readLabels(reader: Reader): string[] {
  expect(reader, '(');
  return readList(reader, ')', () => readLabel(reader));
}

function readLabel(reader: Reader): string {
  const { kind, text, at } = reader.next();
  return kind === 'word' && !text.includes(':') ? text : refuse('the name of a label should stand here', at);
}

function readInputs(reader: Reader, depth: number): Expression[] {
  expect(reader, '(');
  return readList(reader, ')', () => readOperation(reader, 0, depth + 1));
}

const operators = ['=', '!=', '=~', '!~'] as const;

function readMatcher(reader: Reader): Matcher {
  const label = readLabel(reader);
  const sign = reader.next();
  const operator = operators.find((one) => one === sign.text);
  if (operator === undefined || sign.kind !== 'symbol') return refuse('write =, !=, =~ or !~', sign.at);
  const { kind, text, at } = reader.next();
  return kind === 'string' ? { label, operator, value: text } : refuse('a text should stand here', at);
}

/** Parts with commas between them, up to `close`; one comma too many at the end is allowed, as in Prometheus. */
function readList<Part>(reader: Reader, close: string, read: (reader: Reader) => Part): Part[] {
  const parts: Part[] = [];
  while (reader.takes(close) === null) {
    parts.push(read(reader));
    if (reader.takes(',') === null && !isWritten(reader.peek(), close)) expect(reader, close);
  }
  return parts;
}

function readRange(reader: Reader): number | null {
  if (reader.takes('[') === null) return null;
  const token = reader.next();
  const seconds = secondsOf(token);
  if (seconds === null || seconds <= 0) return refuse('write a range such as [5m]', token.at);
  const { text, at } = reader.peek();
  if (text.startsWith(':')) return refuse('this is a subquery', at);
  expect(reader, ']');
  return seconds;
}

/** Prometheus 3 takes a number as seconds. */
function secondsOf(token: Token): number | null {
  if (token.kind === 'duration') return token.seconds;
  return token.kind === 'number' && Number.isFinite(token.value) ? token.value : null;
}

function expect(reader: Reader, symbol: string): Place {
  const { kind, text, at } = reader.next();
  return kind === 'symbol' && text === symbol ? at : refuse(`${symbol} should stand here`, at);
}
