import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RequestMatch, TextMatch } from '../../src/rollout/managed-route.ts';
import type { JsonObject } from '../../src/sandbox/json.ts';
import { paymentMesh } from '../../src/sandbox/payment-mesh.ts';
import { isTaken, type SimulatedRequest } from '../../src/sandbox/route-match.ts';
import { cookieRegex } from '../../src/traffic/cookie-match.ts';
import { narrowedMatch } from '../../src/traffic/request-match.ts';
import { isMisshapen } from '../../src/traffic/virtual-service.ts';

const paths = ['/', '/pay', '/Pay', '/pay/now', '/payments', '/refund'];
const words = ['a', 'A', 'ab', 'b'];

const conditionOn = (texts: string[]): fc.Arbitrary<TextMatch> =>
  fc.constantFrom(...texts).chain((text) => fc.constantFrom({ exact: text }, { prefix: text }));
const orPresent = fc.oneof(conditionOn(words), fc.constant({}));
const headersOf = <Value>(value: fc.Arbitrary<Value>) =>
  fc.dictionary(fc.constantFrom('x-a', 'x-b'), value, { maxKeys: 2, noNullPrototype: true });

const ownBlock = fc.record(
  {
    uri: conditionOn(paths),
    ignoreUriCase: fc.boolean(),
    method: conditionOn(['GET', 'POST']),
    headers: headersOf(orPresent),
    withoutHeaders: headersOf(orPresent),
    port: fc.constantFrom(8080, 1),
  },
  { requiredKeys: [] },
);
const askedBlock = fc.record(
  {
    uri: conditionOn(paths),
    method: conditionOn(['GET', 'POST']),
    headers: headersOf(conditionOn(words)),
  },
  { requiredKeys: [] },
);
const request: fc.Arbitrary<SimulatedRequest> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT'),
  path: fc.constantFrom(...paths, '/PAY', '/other'),
  headers: headersOf(fc.constantFrom(...words, '', 'abc')),
});

const own = fc.option(fc.array(ownBlock, { maxLength: 3 }), { nil: undefined });
const asked = fc.array(askedBlock, { minLength: 1, maxLength: 3 });
const requests = fc.array(request, { minLength: 20, maxLength: 20 });

const [service] = paymentMesh().services;

/** As the simulated mesh reads a match, which shares no code with what is tested. */
function isMatched(match: unknown, one: SimulatedRequest): boolean {
  if (service === undefined) throw new Error('the mesh of this test has no service');
  const route: JsonObject = JSON.parse(JSON.stringify({ match }));
  return isTaken(route, { service, request: one });
}

function narrowed(match: unknown, steps: RequestMatch[]) {
  const at = ['spec', 'http', 0];
  return narrowedMatch({ route: match === undefined ? {} : { match }, at, by: 'canaryd-x' }, steps);
}

describe('for every match of a route and every match of a step', () => {
  it('the managed route takes exactly the requests that both match', () => {
    fc.assert(
      fc.property(own, asked, requests, (match, steps, sent) => {
        const both = narrowed(match, steps);
        fc.pre(!isMisshapen(both));
        const is = sent.map((one) => isMatched(both, one));
        expect(is).toEqual(sent.map((one) => isMatched(match ?? [], one) && isMatched(steps, one)));
      }),
      { numRuns: 2000 },
    );
  });

  it('what is refused because no request matches both is matched by none', () => {
    fc.assert(
      fc.property(own, asked, requests, (match, steps, sent) => {
        const both = narrowed(match, steps);
        fc.pre(isMisshapen(both) && !both.fault.message.includes('which Istio cannot ask'));
        expect(sent.filter((one) => isMatched(match ?? [], one) && isMatched(steps, one))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});

describe('for every cookie header', () => {
  const names = ['a', 'b', 'aa'];
  const values = ['1', '2', '12', '.', ''];
  const pair = fc.tuple(fc.constantFrom(...names), fc.constantFrom(...values));
  const header = fc.uniqueArray(pair, { selector: ([name]) => name, maxLength: 4 });
  const wanted = fc.uniqueArray(fc.tuple(fc.constantFrom(...names), conditionOn(['1', '12', '.'])), {
    selector: ([name]) => name,
    minLength: 1,
    maxLength: 3,
  });

  it('the expression matches when all cookies have the values that are asked for, and else never', () => {
    fc.assert(
      fc.property(header, wanted, fc.constantFrom('; ', ';'), (cookies, conditions, separator) => {
        const text = cookies.map(([name, value]) => `${name}=${value}`).join(separator);
        const found = new RegExp(`^(?:${cookieRegex(conditions)})$`).test(text);
        expect(found).toBe(conditions.every(([name, match]) => fits(match, new Map(cookies).get(name))));
      }),
      { numRuns: 2000 },
    );
  });
});

function fits(match: TextMatch, value: string | undefined): boolean {
  if (value === undefined) return false;
  return 'exact' in match ? value === match.exact : 'prefix' in match && value.startsWith(match.prefix);
}
