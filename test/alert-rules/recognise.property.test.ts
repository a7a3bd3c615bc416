import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recogniseRule } from '../../src/alert-rules/recognise.ts';

const words = [
  'sum',
  'rate',
  'irate',
  'increase',
  'by',
  'without',
  'on',
  'le',
  'or',
  'and',
  'bool',
  'offset',
  'vector',
  'Inf',
  'NaN',
  'histogram_quantile',
  'istio_requests_total',
  'istio_request_duration_milliseconds_bucket',
  'response_code',
  'reporter',
  'destination_service_name',
  '(',
  ')',
  '{',
  '}',
  '[',
  ']',
  '[5m]',
  '[1h]',
  ',',
  '=',
  '!=',
  '=~',
  '!~',
  '"5.."',
  '"a"',
  "'destination'",
  '`x`',
  '"',
  '+',
  '-',
  '*',
  '/',
  '^',
  '%',
  '>',
  '>=',
  '<',
  '<=',
  '==',
  '0',
  '0.01',
  '100',
  '1e400',
  '.5',
  '5m',
  '5m5m',
  '0x1F',
  '@',
  '#',
  '\n',
  '\\',
  '{{',
  '$',
  'é',
  '\u0000',
  ':1m',
]; // prettier-ignore

const tokens = fc.array(fc.constantFrom(...words), { maxLength: 60 });
const spaced = fc.tuple(tokens, fc.constantFrom('', ' ')).map(([all, blank]) => all.join(blank));
const anything = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), spaced);
const labels = { severity: 'critical' };

/** A right rule in pieces, of which some are lost, doubled or exchanged. */
const right =
  'sum ( rate ( istio_requests_total { response_code =~ "5.." } [5m] ) ) by ( reporter ) / sum ( rate ( istio_requests_total [5m] ) ) by ( reporter ) * 100 > 1'.split(
    ' ',
  );
const spoiled = fc
  .array(fc.tuple(fc.nat(right.length - 1), fc.constantFrom('', ...words)), { maxLength: 4 })
  .map((changes) => right.map((word, index) => changes.find(([at]) => at === index)?.[1] ?? word).join(' '));

describe('a rule that anybody may have written', () => {
  it('is recognised with finite numbers, or refused with a reason, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(anything, spoiled), (expr) => {
        const found = recogniseRule({ alert: 'Rule', expr, labels });
        if (found.kind === 'refused') {
          expect(found.why.length).toBeGreaterThan(5);
          return;
        }
        const { limit, windowSeconds } = found;
        const max = limit.metric === 'latency' ? limit.maxMs : limit.max;
        expect(Number.isFinite(max) && max >= 0 && windowSeconds > 0).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    '(',
    '-',
    '1+',
    '1^',
    'sum by (',
    'a{b="c",',
    '"',
    '\\"',
    '5',
    '5m',
    '#',
    ' ',
    'a{b="\\\\',
    'rate(',
    '(1 or ',
    'vector(0) or ',
  ])('is read at once when it is 100 kB of %j', { timeout: 2000 }, (piece) => {
    for (const length of [9_999, 100_000]) {
      const expr = piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
      expect(recogniseRule({ alert: 'Rule', expr, labels }).kind).toBe('refused');
    }
  });

  it('is read whatever its duration and its severity are', () => {
    const expr =
      'sum(rate(istio_requests_total{response_code=~"5.."}[5m])) / sum(rate(istio_requests_total[5m])) > 0.01';
    fc.assert(
      fc.property(fc.string(), fc.string(), (held, severity) => {
        const found = recogniseRule({ alert: 'Rule', expr, for: held, labels: { severity } });
        if (found.kind === 'limit') expect(found.forSeconds).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('has the same limit in whatever arithmetic it is written', () => {
    const change = fc.record({
      operator: fc.constantFrom('+', '-', '*', '/', 'swap', 'negate'),
      by: fc.constantFrom(0.5, 2, 3, 100),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 999 }),
        fc.array(change, { maxLength: 6 }),
        (thousandths, changes) => {
          const max = thousandths / 1000;
          const expr = changes.reduce<Written>(changed, { value: ratio, threshold: max, sign: '>' });
          const written = `${expr.value} ${expr.sign} ${expr.threshold.toPrecision(17)}`;
          const found = recogniseRule({ alert: 'Rule', expr: written, labels });
          expect(found).toMatchObject({ limit: { metric: 'errorRate', max: expect.closeTo(max, 9) } });
        },
      ),
    );
  });
});

const ratio =
  '(sum(rate(istio_requests_total{response_code=~"5.."}[5m])) / sum(rate(istio_requests_total[5m])))';

type Written = { value: string; threshold: number; sign: '>' | '<' };

function changed(
  { value, threshold, sign }: Written,
  { operator, by }: { operator: string; by: number },
): Written {
  const turned = sign === '>' ? '<' : '>';
  switch (operator) {
    case '+':
      return { value: `(${value} + ${by})`, threshold: threshold + by, sign };
    case '-':
      return { value: `(${value} - ${by})`, threshold: threshold - by, sign };
    case '*':
      return { value: `${by} * ${value}`, threshold: threshold * by, sign };
    case '/':
      return { value: `(${value}) / ${by}`, threshold: threshold / by, sign };
    case 'swap':
      return { value: `(${by} - ${value})`, threshold: by - threshold, sign: turned };
    default:
      return { value: `-(${value})`, threshold: -threshold, sign: turned };
  }
}
