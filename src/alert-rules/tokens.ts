import { durationSeconds } from './duration.ts';
import { type Place, refuse } from './refusal.ts';

/** A piece of an expression. `text` is what stands there; of a string it is what the string says. */
export type Token = { at: Place; text: string } & (
  | { kind: 'number'; value: number }
  | { kind: 'duration'; seconds: number }
  | { kind: 'string' | 'word' | 'symbol' | 'end' }
);

/** What comes next at a place; the first that fits is taken. Of each the parts exclude each other, so none goes back. */
const blank = /(?:\s|#[^\n]*)+/y;
const timed = /\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*(?![\w.])/y;
const counted = /(?:0[xX][\da-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])/y;
const quoted = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/y;
const named = /[a-zA-Z_:][\w:]*/y;
const sign = /[=!]~|[=!<>]=|[-+*/%^=<>(){}[\],@]/y;

/**
 * Cuts a PromQL expression into tokens, without blanks and comments; the last one is its end. Refuses what is none:
 * https://prometheus.io/docs/prometheus/latest/querying/basics/#literals
 */
export function tokensOf(expression: string): Token[] {
  const tokens: Token[] = [];
  let offset = 0;
  while (true) {
    offset += lengthAt(blank, expression, offset);
    const token = tokenAt(expression, offset);
    tokens.push(token);
    if (token.kind === 'end') return tokens;
    offset += token.at.token.length;
  }
}

function tokenAt(expression: string, offset: number): Token {
  const piece = (pattern: RegExp) => expression.slice(offset, offset + lengthAt(pattern, expression, offset));
  if (offset >= expression.length) return { kind: 'end', at: { offset, token: '' }, text: '' };
  const [duration, number, string] = [piece(timed), piece(counted), piece(quoted)];
  if (duration !== '') return durationToken({ offset, token: duration });
  if (number !== '') {
    return { kind: 'number', at: { offset, token: number }, text: number, value: Number(number) };
  }
  if (string !== '') return stringToken({ offset, token: string });
  const [word, symbol] = [piece(named), piece(sign)];
  if (word !== '') return { kind: 'word', at: { offset, token: word }, text: word };
  if (symbol !== '') return { kind: 'symbol', at: { offset, token: symbol }, text: symbol };
  const rest = /^\S+/.exec(expression.slice(offset, offset + 20))?.[0] ?? '';
  return refuse('this is no PromQL', { offset, token: rest });
}

function durationToken(at: Place): Token {
  const seconds = durationSeconds(at.token);
  if (seconds === null) return refuse('this is no duration: write one such as 5m or 1h30m', at);
  return { kind: 'duration', at, text: at.token, seconds };
}

const escapes = new Map([
  ['\\', '\\'],
  ['"', '"'],
  ["'", "'"],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

/** Prometheus refuses escapes that it does not know, such as `\d`: a pattern needs `\\d` there. */
function stringToken(at: Place): Token {
  const inner = at.token.slice(1, -1);
  if (at.token.startsWith('`')) return { kind: 'string', at, text: inner };
  const text = inner.replaceAll(/\\(.)/gs, (written, letter: string) => {
    return escapes.get(letter) ?? refuse(`the escape ${written} is not read in a string`, at);
  });
  return { kind: 'string', at, text };
}

function lengthAt(pattern: RegExp, text: string, offset: number): number {
  pattern.lastIndex = offset;
  return pattern.exec(text)?.[0].length ?? 0;
}
