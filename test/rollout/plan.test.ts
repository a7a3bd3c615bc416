import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Plan } from '../../src/rollout/plan.ts';
import { Ratio, Seconds } from '../../src/rollout/units.ts';

const weight = (share: unknown) => ({ type: 'setWeight', weight: share });
const bake = (duration: unknown) => ({ type: 'bake', duration });
const promote = { type: 'promote' };
const good = { steps: [weight(5), bake('5m'), promote] };

/** The faults of a written plan: where, and which. */
function faultsOf(written: unknown): { path: string; code: unknown; message: string }[] {
  const parsed = Plan.safeParse(written);
  if (parsed.success) return [];
  return parsed.error.issues.map((issue) => ({
    path: issue.path.join('/'),
    code: issue.code === 'custom' ? (issue.params?.['code'] ?? 'custom') : issue.code,
    message: issue.message,
  }));
}

const errorCheck = (over: object) => ({ ...good, checks: { errors: { metric: 'errorRate', ...over } } });
const latencyCheck = (over: object) => ({ ...good, checks: { p99: { metric: 'p99LatencyMs', ...over } } });

describe('a duration', () => {
  it.each<[unknown, number]>([
    [90, 90],
    ['90s', 90],
    ['5m', 300],
    ['1h30m', 5400],
    ['1.5m', 90],
    ['1d', 86_400],
    ['7d', 604_800],
  ])('written as %j is %d seconds', (written, seconds) => {
    expect(Seconds.parse(written)).toBe(seconds);
  });

  it.each([
    0,
    -5,
    '0s',
    '',
    '5',
    'm',
    '5 m',
    '-5m',
    '5x',
    '7d1s',
    604_801,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
  ])('is not %j', (written) => {
    const parsed = Seconds.safeParse(written);
    expect(parsed.error?.issues[0]?.message).toMatch(/seconds \(90\) or text such as "5m"/);
  });
});

describe('a ratio', () => {
  it.each<[unknown, number]>([
    ['1%', 0.01],
    ['1 %', 0.01],
    ['0.5%', 0.005],
    ['100%', 1],
    [0.01, 0.01],
    [0, 0],
    [1, 1],
  ])('written as %j is %d', (written, ratio) => {
    expect(Ratio.parse(written)).toBeCloseTo(ratio, 12);
  });

  it.each(['1', '101%', '-1%', '%', -0.1, Number.NaN, null])('is not %j', (written) => {
    expect(Ratio.safeParse(written).error?.issues[0]?.message).toContain('0.01 or "1%"');
  });

  it.each([2, 1.5])('as a bare %d asks whether a percentage was meant', (written) => {
    const message = Ratio.safeParse(written).error?.issues[0]?.message;
    expect(message).toBe(`a ratio lies between 0 and 1: did you mean "${written}%"?`);
  });
});

describe('a plan with nothing but steps', () => {
  const plan = Plan.parse({ steps: [weight(5), bake('5m'), promote] });

  it('is judged by the two limits of a bank: 1 % errors and a P99 of 2 s', () => {
    const judging = { window: 60, failures: 2, minRequests: 100 };
    expect(plan.checks).toEqual({
      errorRate: { metric: 'errorRate', max: 0.01, ...judging },
      p99: { metric: 'p99LatencyMs', max: 2000, ...judging },
    });
  });

  it('is measured every 10 s, ends within 2 h, and waits a day for a person', () => {
    expect(plan).toMatchObject({ interval: 10, deadline: 7200, pauseExpiry: 86_400 });
  });

  it('goes back when metrics stay away', () => {
    expect(plan.metricsDown).toBe('rollback');
  });

  it('fills what a check leaves out', () => {
    const { checks } = Plan.parse(errorCheck({ max: '2%' }));
    expect(checks['errors']).toEqual({
      metric: 'errorRate',
      max: 0.02,
      window: 60,
      failures: 2,
      minRequests: 100,
    });
  });
});

describe('a plan that reaches 100 % by a weight', () => {
  it('gets the promote that ends it', () => {
    const plan = Plan.parse({ steps: [weight(50), bake(60), weight(100), bake(60)] });
    expect(plan.steps.map((step) => step.type)).toEqual([
      'setWeight',
      'bake',
      'setWeight',
      'bake',
      'promote',
    ]);
  });

  it('keeps the promote that it has', () => {
    expect(Plan.parse({ steps: [weight(50), bake(60), { ...promote, bake: '2m' }] }).steps.at(-1)).toEqual({
      type: 'promote',
      bake: 120,
    });
  });
});

const headerRoute = (...match: unknown[]) => ({ type: 'setHeaderRoute', match });

describe('a plan is refused, with the path of the fault,', () => {
  it.each<[string, unknown, string, string]>([
    ['without steps', { steps: [] }, 'steps', 'too_small'],
    [
      'with more than 50 steps',
      { steps: Array.from({ length: 51 }, (_, i) => weight(i + 1)) },
      'steps',
      'too_big',
    ],
    [
      'when a weight falls',
      { steps: [weight(20), weight(5), promote] },
      'steps/1/weight',
      'weight-not-increasing',
    ],
    [
      'when a weight stays',
      { steps: [weight(5), weight(5), promote] },
      'steps/1/weight',
      'weight-not-increasing',
    ],
    ['when it sets a weight of 0', { steps: [weight(0), promote] }, 'steps/0/weight', 'custom'],
    ['when a weight is above 100', { steps: [weight(100.01)] }, 'steps/0/weight', 'too_big'],
    ['when a weight is finer than 0.01', { steps: [weight(0.005), promote] }, 'steps/0/weight', 'custom'],
    ['when a weight is text', { steps: [weight('5'), promote] }, 'steps/0/weight', 'invalid_type'],
    [
      'when something follows promote',
      { steps: [weight(5), promote, bake('5m')] },
      'steps/1',
      'promote-not-last',
    ],
    [
      'when it waives a readiness check that does not exist',
      {
        steps: [weight(5), bake('5m'), promote],
        readiness: { waivers: [{ check: 'PF-AZ-22', reason: 'a slip', until: '2026-12-31T18:00:00Z' }] },
      },
      'readiness/waivers/0/check',
      'check-unknown',
    ],
    ['when it ends below 100 %', { steps: [weight(5), bake('5m')] }, 'steps', 'plan-does-not-reach-100'],
    [
      'when it bakes before any weight',
      { steps: [bake('5m'), weight(5), promote] },
      'steps/0',
      'plan-inconsistent',
    ],
    [
      'when it bakes and sets no weight at all',
      { steps: [bake('5m'), promote] },
      'steps/0',
      'plan-inconsistent',
    ],
    [
      'when a bake is shorter than a window',
      { steps: [weight(5), bake(59), promote] },
      'steps/1/duration',
      'plan-inconsistent',
    ],
    [
      'when the last bake is shorter than a window',
      { steps: [weight(5), { ...promote, bake: 59 }] },
      'steps/1/bake',
      'plan-inconsistent',
    ],
    [
      'when it raises without a bake',
      { steps: [weight(5), weight(20), bake('5m'), promote] },
      'steps/1',
      'plan-inconsistent',
    ],
    ['when it promotes without a bake', { steps: [weight(5), promote] }, 'steps/1', 'plan-inconsistent'],
    [
      'when it goes on from a weight after nothing but a pause',
      { steps: [weight(5), { type: 'pause', duration: '1h' }, promote] },
      'steps/2',
      'plan-inconsistent',
    ],
    [
      'when it has baked before the last weight only',
      { steps: [weight(5), bake('5m'), weight(20), promote] },
      'steps/3',
      'plan-inconsistent',
    ],
    [
      'when it reaches 100 % without a bake',
      { steps: [weight(5), weight(100)] },
      'steps/1',
      'plan-inconsistent',
    ],
    ['when its steps outlast its deadline', { ...good, deadline: '5m' }, 'deadline', 'plan-inconsistent'],
    [
      'when it measures more seldom than a window reaches',
      { ...good, interval: '61s' },
      'checks/errorRate/window',
      'plan-inconsistent',
    ],
    ['when it measures more than once a second', { ...good, interval: 0.9 }, 'interval', 'custom'],
    ['with a bake and without checks', { ...good, checks: {} }, 'checks', 'plan-inconsistent'],
    [
      'that raises without checks and without a stop',
      { checks: {}, steps: [{ type: 'approval' }, weight(5), promote] },
      'steps/2',
      'plan-inconsistent',
    ],
    ['without checks that stops at no time', { checks: {}, steps: [promote] }, 'steps', 'plan-inconsistent'],
    [
      'with a check of no known metric',
      { ...good, checks: { a: { metric: 'cpu' } } },
      'checks/a/metric',
      'invalid_union',
    ],
    [
      'with a check named like no word',
      { ...good, checks: { 'a b': { metric: 'errorRate' } } },
      'checks/a b',
      'invalid_key',
    ],
    [
      'with a check named like a thing every object has',
      { ...good, checks: { toString: { metric: 'errorRate' } } },
      'checks/toString',
      'invalid_key',
    ],
    ['with a bare 2 for an error rate', errorCheck({ max: 2 }), 'checks/errors/max', 'custom'],
    ['with a latency limit of 0', latencyCheck({ max: 0 }), 'checks/p99/max', 'too_small'],
    [
      'with a latency limit at the highest bucket',
      latencyCheck({ max: 3_600_000 }),
      'checks/p99/max',
      'too_big',
    ],
    ['with 0 failures', errorCheck({ failures: 0 }), 'checks/errors/failures', 'too_small'],
    ['with 0 requests', errorCheck({ minRequests: 0 }), 'checks/errors/minRequests', 'too_small'],
    ['with half a request', errorCheck({ minRequests: 0.5 }), 'checks/errors/minRequests', 'invalid_type'],
    ['with an unknown key', { ...good, onSucess: 'x' }, '', 'unrecognized_keys'],
    [
      'with an unknown key in a step',
      { steps: [{ ...weight(5), to: 5 }, promote] },
      'steps/0',
      'unrecognized_keys',
    ],
    ['with an unknown key in a check', errorCheck({ maximum: 1 }), 'checks/errors', 'unrecognized_keys'],
    [
      'with an unknown kind of step',
      { steps: [{ type: 'analyse' }, promote] },
      'steps/0/type',
      'invalid_union',
    ],
    ['with a name that Kubernetes would refuse', { ...good, name: 'Bank Plan' }, 'name', 'invalid_format'],
    [
      'with a regular expression that RE2 cannot take',
      { steps: [headerRoute({ headers: { 'x-user': { regex: '(a' } } }), promote] },
      'steps/0/match/0/headers/x-user/regex',
      'plan-inconsistent',
    ],
    [
      'with a look ahead',
      { steps: [headerRoute({ uri: { regex: 'a(?!b)' } }), promote] },
      'steps/0/match/0/uri/regex',
      'plan-inconsistent',
    ],
    [
      'with a back-reference in a cookie',
      {
        steps: [headerRoute({ method: { exact: 'GET' } }, { cookies: { id: { regex: '(a)\\1' } } }), promote],
      },
      'steps/0/match/1/cookies/id/regex',
      'plan-inconsistent',
    ],
    ...['method', 'uri', 'scheme', 'authority'].map((name): [string, unknown, string, string] => [
      `with a header named ${name}, which Istio ignores`,
      { steps: [headerRoute({ headers: { [name]: { exact: 'a' } } }), promote] },
      `steps/0/match/0/headers/${name}`,
      'plan-inconsistent',
    ]),
    [
      'with four cookies in one match of a mirror',
      {
        steps: [
          {
            type: 'setMirrorRoute',
            percentage: 5,
            match: [
              { cookies: Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, { exact: '1' }])) },
            ],
          },
          promote,
        ],
      },
      'steps/0/match/0/cookies',
      'plan-inconsistent',
    ],
    ['that never watches the canary', { steps: [promote] }, 'steps', 'plan-inconsistent'],
    ['with a minReady of 0', { ...good, stable: { minReady: 0 } }, 'stable/minReady', 'too_small'],
  ])('%s', (_name, written, path, code) => {
    expect(faultsOf(written)).toContainEqual(expect.objectContaining({ path, code }));
  });

  it('says what is wrong in words that help', () => {
    expect(faultsOf({ steps: [bake('5m'), weight(5), promote] })[0]?.message).toBe(
      'a bake before the first setWeight or setHeaderRoute has no canary to watch (mirrored requests are not measured)',
    );
    expect(faultsOf({ steps: [weight(20), weight(5), promote] })[0]?.message).toBe(
      'step 2 sets 5 % after 20 % was reached; each weight is above the one before; write "reduce": true if it is meant to fall',
    );
    expect(faultsOf({ steps: [weight(5), promote] })[0]?.message).toBe(
      'goes on from 5 % without proof: put a bake before it',
    );
    expect(faultsOf({ steps: [promote] })[0]?.message).toBe(
      'watches the canary at no time: add a bake, or give promote one',
    );
    expect(faultsOf(errorCheck({ max: 2 }))[0]?.message).toContain('did you mean "2%"?');
  });

  it('names every fault at once', () => {
    const faults = faultsOf({ steps: [bake(59), weight(20), weight(5)], deadline: 30 });
    expect(faults.map(({ code }) => code)).toEqual([
      'weight-not-increasing',
      'plan-inconsistent',
      'plan-inconsistent',
      'plan-does-not-reach-100',
      'plan-inconsistent',
      'plan-inconsistent',
    ]);
  });
});

describe('a plan just inside its limits is accepted', () => {
  it.each<[string, unknown]>([
    ['a weight of 0.01', { steps: [weight(0.01), bake(60), promote] }],
    ['weights of 0.07 and 0.29', { steps: [weight(0.07), bake(60), weight(0.29), bake(60), promote] }],
    ['a weight of 100', { steps: [weight(100), bake(60)] }],
    [
      '50 steps',
      {
        steps: Array.from({ length: 25 }, (_, i) => [weight(i + 1), bake(60)])
          .flat()
          .with(-2, weight(100)),
      },
    ],
    ['a weight of 100 with no bake after it', { steps: [weight(5), bake(60), weight(100)] }],
    ['a bake and then a pause before a raise', { steps: [weight(5), bake(60), { type: 'pause' }, promote] }],
    ['a pause and then a bake before a raise', { steps: [weight(5), { type: 'pause' }, bake(60), promote] }],
    ['a promote with no weight before it', { steps: [{ ...promote, bake: '60s' }] }],
    ['a bake as long as its windows', { steps: [weight(5), bake(60), promote] }],
    ['an interval as long as its windows', { ...good, interval: 60 }],
    ['an interval of a second', { ...good, interval: 1 }],
    ['a deadline one second after its steps', { ...good, deadline: 301 }],
    ['a pause before the first weight', { steps: [{ type: 'pause' }, weight(5), bake(60), promote] }],
    ['an error rate that must be 0', errorCheck({ max: 0 })],
    ['a latency limit just below the highest bucket', latencyCheck({ max: 3_599_999 })],
  ])('%s', (_name, written) => {
    expect(faultsOf(written)).toEqual([]);
  });
});

describe('any accepted plan', () => {
  const steps = fc
    .uniqueArray(fc.integer({ min: 1, max: 10_000 }), { minLength: 1, maxLength: 10 })
    .map((hundredths) => hundredths.sort((a, b) => a - b))
    .chain((hundredths) =>
      fc.tuple(
        ...hundredths.map((share) =>
          fc.record({ share: fc.constant(share / 100), seconds: fc.constantFrom('1m', 90, '2m', 61.5) }),
        ),
      ),
    )
    .map((raises) => [...raises.flatMap(({ share, seconds }) => [weight(share), bake(seconds)]), promote]);
  const ratios = fc.oneof(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.integer({ min: 0, max: 100 }).map((n) => `${n}%`),
  );

  it('parses to itself when it is parsed again, as a stored plan is', () => {
    fc.assert(
      fc.property(steps, ratios, (written, max) => {
        const plan = Plan.parse({ steps: written, checks: { errors: { metric: 'errorRate', max } } });
        expect(Plan.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
        expect(plan.steps.at(-1)?.type).toBe('promote');
      }),
      { numRuns: 300 },
    );
  });
});

describe('a weight that falls', () => {
  const bake = { type: 'bake', duration: '60s' };
  const faultsOf = (steps: unknown[]) => {
    const parsed = Plan.safeParse({ steps });
    return parsed.success ? [] : parsed.error.issues.map(({ message }) => message);
  };

  it('is accepted when it says so', () => {
    const fall = { type: 'setWeight', weight: 5, reduce: true };
    const steps = [{ type: 'setWeight', weight: 50 }, bake, fall, bake, { type: 'promote', bake: '60s' }];
    expect(faultsOf(steps)).toEqual([]);
  });

  it('is refused when it does not fall', () => {
    const steps = [{ type: 'setWeight', weight: 5 }, bake, { type: 'setWeight', weight: 20, reduce: true }];
    expect(faultsOf([...steps, bake, { type: 'promote' }])).toEqual([
      'step 3 sets 20 % after 5 % was reached, and "reduce" says that it falls: take it out, or set a lower weight',
    ]);
  });

  it('is what later weights are compared with', () => {
    const fall = { type: 'setWeight', weight: 5, reduce: true };
    const rise = { type: 'setWeight', weight: 20 };
    const steps = [{ type: 'setWeight', weight: 50 }, bake, fall, bake, rise, bake, { type: 'promote' }];
    expect(faultsOf(steps)).toEqual([]);
  });

  it('needs a bake before the weight is raised again', () => {
    const fall = { type: 'setWeight', weight: 5, reduce: true };
    const steps = [{ type: 'setWeight', weight: 50 }, bake, fall, { type: 'setWeight', weight: 20 }, bake];
    expect(faultsOf([...steps, { type: 'promote' }])).toEqual([
      'goes on from 5 % without proof: put a bake before it',
    ]);
  });
});
