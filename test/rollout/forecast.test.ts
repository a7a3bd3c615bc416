import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Measurements, Reading } from '../../src/analysis/reading.ts';
import { bucketAdvice } from '../../src/rollout/bucket-advice.ts';
import { forecast, type Prospect } from '../../src/rollout/forecast.ts';
import { expectedIn, lowestWeight, shortestWindow, verdictIfLike } from '../../src/rollout/forecast-check.ts';
import { needsIn } from '../../src/rollout/forecast-needs.ts';
import { warningsOf, whyNotStarted } from '../../src/rollout/forecast-warnings.ts';
import { Plan } from '../../src/rollout/plan.ts';
import type { MetricsSurvey } from '../../src/rollout/ports/metrics.ts';
import { start } from '../fakes/rollouts.ts';

const istioBounds = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

function planWith({ minRequests = 100, window = 60, max = 2000, more = [] as object[] } = {}): Plan {
  return Plan.parse({
    judge: 'threshold',
    checks: { p99: { metric: 'p99LatencyMs', max, window, minRequests } },
    steps: [
      { type: 'setWeight', weight: 5 },
      { type: 'bake', duration: 60 },
      ...more,
      { type: 'promote', bake: 60 },
    ],
  });
}

function surveyOf(
  requests: Reading,
  p99: Reading = { kind: 'value', value: 180, requests: 2448, bucket: { lowerMs: 100, upperMs: 250 } },
  boundsMs: number[] | null = istioBounds,
): MetricsSurvey {
  const none: Reading = { kind: 'none' };
  const measurements: Measurements = {
    takenAt: start,
    checks: { p99: { canary: none, stable: p99 } },
    requests: { canary: none, stable: requests },
    increments: { canary: null, stable: null },
    unattributed: none,
  };
  const checks = { p99: { queries: [], boundsMs, stableHistogram: null } };
  return { measurements, checks, guards: [], latencyFrom: 'service' };
}

const counted = (requests: number): Reading => ({ kind: 'value', value: requests, requests });

function prospect(plan = planWith(), survey = surveyOf(counted(2448))): Prospect {
  return { plan, beginsAt: start, scrapeSeconds: 15, survey: { kind: 'survey', survey } };
}

const warnings = (of: Prospect, stableHasOtherRoutes = false) =>
  warningsOf(of, forecast(of), { stableHasOtherRoutes });

describe('the requests that a check is going to have', () => {
  it('are stable’s rate now, times the share, times the window', () => {
    const [, bake, promote] = forecast(prospect()).steps;
    expect(bake?.checks).toEqual([
      {
        check: 'p99',
        expectedRequests: expect.closeTo(122.4),
        risk: 'none',
        hint: 'at 40.8 requests/s, 5 % brings 122 requests in 60 s; 100 are needed',
      },
    ]);
    expect(promote?.checks[0]?.expectedRequests).toBeCloseTo(2448);
  });

  it('are too few when they do not reach minRequests, with a window or a weight that would', () => {
    const of = prospect(planWith({ minRequests: 300 }));
    expect(forecast(of).steps[1]?.checks[0]).toMatchObject({
      risk: 'inconclusive_likely',
      hint: 'at 40.8 requests/s, 5 % brings 122 requests in 60 s, and 300 are needed: use a window and a bake of at least 148 s or a weight of at least 12.3 %',
    });
    expect(warnings(of)).toContain(
      'Step 2 at 5 %, check p99: too few requests to judge, so that it is held until the deadline; at 40.8 requests/s, 5 % brings 122 requests in 60 s, and 300 are needed: use a window and a bake of at least 148 s or a weight of at least 12.3 %.',
    );
  });

  it.each([
    [99.9, 'inconclusive_likely'],
    [100, 'none'],
    [100.1, 'none'],
  ])('%d of 100 in one window: %s', (expected, risk) => {
    const of = prospect(planWith(), surveyOf(counted(expected * 20)));
    expect(forecast(of).steps[1]?.checks[0]?.risk).toBe(risk);
  });

  it('are none when stable has none, and no window is proposed then', () => {
    const of = prospect(planWith(), surveyOf({ kind: 'none' }, { kind: 'none' }, null));
    expect(forecast(of).steps[1]).toMatchObject({
      checks: [{ expectedRequests: 0, risk: 'inconclusive_likely', hint: /stable has no requests now/ }],
      exposure: null,
    });
  });

  it('are too few at 100 %: only a longer window helps, and of a rare request neither does', () => {
    const [, , promote] = forecast(prospect(planWith(), surveyOf(counted(50)))).steps;
    expect(promote?.checks[0]?.hint).toBe(
      'at 0.83 requests/s, 100 % brings 50 requests in 60 s, and 100 are needed: use a window and a bake of at least 120 s',
    );
    const rare = forecast(prospect(planWith(), surveyOf(counted(0.001)))).steps[1]?.checks[0];
    expect(rare?.hint).toMatch(/lower minRequests, or judge this service by hand$/);
  });

  it('are not known while metrics show nothing, and that is the first warning', () => {
    const why = 'Prometheus at p:9090 refused the connection';
    const of = prospect(
      planWith(),
      surveyOf({ kind: 'unavailable', why }, { kind: 'unavailable', why }, null),
    );
    expect(forecast(of)).toMatchObject({ rate: { kind: 'unknown', why } });
    expect(forecast(of).steps[1]).toMatchObject({
      checks: [{ expectedRequests: null, risk: 'unknown', hint: `not known: ${why}` }],
      exposure: null,
    });
    expect(warnings(of)).toEqual([`Metrics show nothing, so that no number here is a forecast: ${why}.`]);
  });

  it('are reached by the window and by the weight that are proposed', () => {
    const positive = fc.double({ min: 0.001, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(
        positive,
        fc.integer({ min: 1, max: 10_000_000 }),
        fc.integer({ min: 1, max: 10_000 }),
        (rate, needed, share) => {
          const window = shortestWindow(rate, share / 100, needed);
          const weight = lowestWeight(rate, 60, needed);
          const close = needed * (1 - 1e-9);
          if (window !== null) expect(expectedIn(rate, share / 100, window)).toBeGreaterThanOrEqual(close);
          if (weight !== null) expect(expectedIn(rate, weight, 60)).toBeGreaterThanOrEqual(close);
        },
      ),
    );
  });
});

describe('a forecast', () => {
  it('says when each step begins at the earliest, and when it ends', () => {
    const { steps, endsAt, seconds } = forecast(prospect());
    expect(steps.map(({ at }) => (at - start) / 1000)).toEqual([0, 0, 60]);
    expect([endsAt, seconds]).toEqual([start + 120_000, 120]);
  });

  it('warns that people have to act, since then no time is certain', () => {
    const approval = { type: 'approval' };
    const pause = { type: 'pause' };
    const people = (more: object[]) => warnings(prospect(planWith({ more, max: 1000 })));
    const late = 'Step 3 waits for people: the times after it are the earliest that are possible.';
    expect(people([approval])).toEqual([late]);
    expect(people([pause])).toEqual([late]);
    expect(people([{ type: 'pause', duration: 60 }])).toEqual([]);
  });

  it('says what a failing canary gets before the first check turns it back', () => {
    // 2.04 requests/s at 5 %: 100 for the count, then 2 polls of 10 s and one scrape of 15 s.
    const [weight, bake, promote] = forecast(prospect()).steps;
    expect(weight?.exposure).toEqual({
      seconds: expect.closeTo(100 / 2.04 + 35),
      requests: expect.closeTo(100 + 2.04 * 35),
    });
    expect(bake?.exposure).toEqual(weight?.exposure);
    expect(promote?.exposure?.requests).toBeCloseTo(100 + 40.8 * 35);
  });

  it('knows no end of it where no check has enough requests', () => {
    expect(forecast(prospect(planWith({ minRequests: 300 }))).steps[1]?.exposure).toBeNull();
  });

  it('has no number that is not finite, whatever the metrics say', () => {
    const wild = fc.oneof(fc.double(), fc.constantFrom(0, Number.MAX_VALUE, Number.MIN_VALUE));
    const reading: fc.Arbitrary<Reading> = fc.oneof(
      fc.record({ kind: fc.constant('value' as const), value: wild, requests: wild }),
      fc.record({ kind: fc.constant('tooFew' as const), requests: wild, needed: wild }),
      fc.constant({ kind: 'none' as const }),
      fc.constant({ kind: 'unavailable' as const, why: 'x' }),
    );
    const minRequests = fc.integer({ min: 1, max: 10_000_000 });
    fc.assert(
      fc.property(reading, reading, minRequests, (requests, p99, min) => {
        const of = prospect(planWith({ minRequests: min }), surveyOf(requests, p99));
        const expected = forecast(of);
        expect(unsound(expected)).toEqual([]);
        expect(
          [...warnings(of), ...expected.steps.flatMap(({ checks }) => checks.map(({ hint }) => hint))].join(),
        ).not.toMatch(/NaN|Infinity/);
      }),
      { numRuns: 300 },
    );
  });
});

/** A plan of the sequential judge: 5 % and 50 % for five minutes each, then all. */
function sequentialPlan({ max = 0.01, bake = 300, checks = {} as object } = {}): Plan {
  return Plan.parse({
    judge: 'sequential',
    deadline: '7d',
    checks: {
      errors: { metric: 'errorRate', max, minRequests: 10_000_000 },
      p99: { metric: 'p99LatencyMs', max: 2500 },
      ...checks,
    },
    steps: [
      { type: 'setWeight', weight: 5 },
      { type: 'bake', duration: bake },
      { type: 'setWeight', weight: 50 },
      { type: 'bake', duration: bake },
      { type: 'promote', bake },
    ],
  });
}

const healthy = {
  perSecond: 40,
  errorRate: 0.001,
  counts: [0, 0, 10, 100, 300, 600, 900, 450, 60, 20, 5, 2, 1, 0],
};

/** Stable as it is seen over the last minute. */
function stableOf({ perSecond = 40, errorRate = 0.001, counts = healthy.counts } = {}): MetricsSurvey {
  const survey = surveyOf(counted(60 * perSecond));
  const none: Reading = { kind: 'none' };
  const value: Reading = { kind: 'value', value: errorRate, requests: 60 * perSecond };
  const measured = { ...survey.measurements.checks, errors: { canary: none, stable: value } };
  const stableHistogram = counts.length === 0 ? null : { boundsMs: istioBounds, counts };
  return {
    ...survey,
    measurements: { ...survey.measurements, checks: measured },
    checks: { p99: { queries: [], boundsMs: istioBounds, stableHistogram } },
  };
}

const sightsOf = (of: Prospect) => forecast(of).steps.map(({ sight }) => sight);
const checkIn = (of: Prospect, step: number, id: string) =>
  sightsOf(of)[step]?.checks.find(({ check }) => check === id);

describe('what the sequential judge is going to see', () => {
  it('is the least rate of 5xx and the least slowdown of each bake, from its own requests', () => {
    const sights = sightsOf(prospect(sequentialPlan(), stableOf()));
    expect(sights.map((sight) => sight?.expectedRequests ?? null)).toEqual([null, 600, null, 6000, 12_000]);
    const [, five, , half, all] = sights;
    expect(five?.leastErrorRate).toBeCloseTo(0.0207, 3);
    expect(half?.leastErrorRate).toBeLessThan(five?.leastErrorRate ?? 0);
    expect(five?.leastSlowdown).toBeCloseTo(1.55, 1);
    expect(half?.leastSlowdown).toBeLessThan(five?.leastSlowdown ?? 0);
    expect(five?.hint).toBe(
      'at 40 requests/s, 5 % brings 600 in 5 min; 5xx show from 2.1 % of all requests on, a slowdown from 1.6 times as long on',
    );
    // Nobody is left to compare with, so only the limits speak.
    expect(all?.leastErrorRate).toBeGreaterThan(0.01);
    expect(all?.leastSlowdown).toBeGreaterThan(3);
  });

  it('is asked of no window and no minRequests: those are of the other judge', () => {
    const of = prospect(sequentialPlan(), stableOf());
    expect(forecast(of).steps.flatMap(({ checks }) => checks)).toEqual([]);
    expect(warnings(of).join()).not.toMatch(/minRequests|window of|too few requests/);
    expect(sightsOf(prospect())).toEqual([null, null, null]);
  });

  it('says how long a bake must be to see a limit, what is at risk, and what to type when it is too short', () => {
    const of = prospect(sequentialPlan(), stableOf());
    expect(checkIn(of, 1, 'errors')).toEqual({
      check: 'errors',
      rate: 0.01,
      requests: expect.closeTo(2036, -1),
      bakeSeconds: 1018,
      requestsAtRisk: expect.closeTo(20.8, 0),
      risk: 'unseen',
      hint: '1 % of 5xx, the limit, take 2036 requests to find, and at 40 requests/s, 5 % brings 600 in 5 min: use a bake of at least 1018 s or a weight of at least 27 %',
    });
    expect(warnings(of)).toContain(
      'Step 2 at 5 %, check errors: it cannot see what the limit says; 1 % of 5xx, the limit, take 2036 requests to find, and at 40 requests/s, 5 % brings 600 in 5 min: use a bake of at least 1018 s or a weight of at least 27 %.',
    );
    expect(checkIn(of, 3, 'errors')).toMatchObject({
      risk: 'none',
      hint: expect.stringContaining('are found'),
    });
  });

  it('sees with the bake that it proposes, and does not with a shorter one', () => {
    const riskOf = (bake: number) =>
      checkIn(prospect(sequentialPlan({ bake }), stableOf()), 1, 'errors')?.risk;
    expect([riskOf(1017), riskOf(1018)]).toEqual(['unseen', 'none']);
  });

  it('takes twice what a limit allows where a canary at the limit does not show beside stable', () => {
    const of = prospect(sequentialPlan(), stableOf({ errorRate: 0.009 }));
    expect(checkIn(of, 1, 'errors')).toMatchObject({ rate: 0.02, risk: 'unseen' });
    expect(checkIn(of, 1, 'p99')).toMatchObject({
      rate: 0.02,
      hint: expect.stringContaining('2 % of requests slower than 2500 ms, where the limit allows 1 %, take'),
    });
    expect(checkIn(of, 4, 'errors')?.rate).toBe(0.02);
  });

  it('is said of no check that is only observed: nobody acts on it', () => {
    const checks = { p99: { metric: 'p99LatencyMs', max: 5, mode: 'observe' } };
    const of = prospect(sequentialPlan({ checks }), stableOf());
    expect(sightsOf(of)[1]?.checks.map(({ check }) => check)).toEqual(['errors']);
    expect(needsIn(of.plan, { step: 1, share: 5 }).map(({ check }) => check)).toEqual(['errors']);
    const observed = { ...planWith({ minRequests: 300 }) };
    const p99 = {
      metric: 'p99LatencyMs',
      max: 1000,
      window: 60,
      failures: 2,
      minRequests: 300,
      mode: 'observe',
    } as const;
    expect(warnings(prospect({ ...observed, checks: { p99 } }))).toEqual([]);
  });

  it('is never a limit that stable breaks itself, and then stable is what the warning is about', () => {
    const of = prospect(sequentialPlan(), stableOf({ errorRate: 0.2 }));
    expect(checkIn(of, 1, 'errors')).toMatchObject({ requests: null, bakeSeconds: null, risk: 'unseen' });
    expect(warnings(of).filter((text) => text.includes('check errors'))).toEqual([]);
    expect(warnings(of)[0]).toMatch(
      /^Check errors: the 5xx ratio of stable itself is 20 %, and the limit is 1 %/,
    );
    const all = prospect(sequentialPlan({ max: 1 }), stableOf());
    expect(checkIn(all, 4, 'errors')?.hint).toBe('nothing is above a limit of 100 %');
  });

  it('knows no slowdown without a histogram of stable, and says so', () => {
    const of = prospect(sequentialPlan(), stableOf({ counts: [] }));
    expect(sightsOf(of)[1]).toMatchObject({ leastSlowdown: null, leastErrorRate: expect.any(Number) });
    expect(sightsOf(of)[1]?.hint).toMatch(/, and stable shows no latency histogram$/);
    expect(checkIn(of, 1, 'p99')).toMatchObject({
      risk: 'unknown',
      hint: 'not known: stable shows no latency histogram that reaches 2500 ms',
    });
    for (const counts of [[1, 2], istioBounds.map(() => 0), [...istioBounds.map(() => 1), Number.NaN]]) {
      expect(sightsOf(prospect(sequentialPlan(), stableOf({ counts })))[1]?.leastSlowdown).toBeNull();
    }
  });

  it('is taken from the last increments where no window has enough requests', () => {
    const survey = stableOf();
    const { measurements } = survey;
    const tooFew: Reading = { kind: 'tooFew', requests: 60, needed: 100 };
    const checks = { ...measurements.checks, errors: { canary: { kind: 'none' } as const, stable: tooFew } };
    const increments = { canary: null, stable: { requests: 50, errors: 1 } };
    const judge = (measured: Partial<Measurements>) =>
      forecast(prospect(sequentialPlan(), { ...survey, measurements: { ...measurements, ...measured } }))
        .judge;
    expect(judge({ checks, increments })).toMatchObject({ kind: 'known', stableErrorRate: 0.02 });
    const why = 'stable has too few requests to tell how many of them fail';
    expect(judge({ checks })).toEqual({ kind: 'unknown', why });
  });

  it('goes by the noise of stable’s own pods where its history was read, and assumes 2 where not', () => {
    const survey = stableOf();
    const minute = { requests: 1000, errors: 10, buckets: healthy.counts };
    const pods = [0, 1].map((pod) =>
      Array.from({ length: 30 }, (_, at) => ({ ...minute, errors: (at + pod) % 2 ? 20 : 0 })),
    );
    const measurements = {
      ...survey.measurements,
      history: { kind: 'history' as const, boundsMs: istioBounds, pods },
    };
    const judge = forecast(prospect(sequentialPlan(), { ...survey, measurements })).judge;
    expect(judge).toMatchObject({ kind: 'known', noise: { from: 'pods' }, stableErrorRate: 0.01 });
    expect(judge?.kind === 'known' && judge.noise.factor).toBeGreaterThan(2);
    expect(forecast(prospect(sequentialPlan(), survey)).judge).toMatchObject({
      noise: { factor: 2, from: 'assumed' },
    });
  });

  it('is unknown with the reason while metrics show nothing, or stable has no requests', () => {
    const why = 'Prometheus at p:9090 refused the connection';
    const down = prospect(sequentialPlan(), surveyOf({ kind: 'unavailable', why }));
    const unknown = { check: 'errors', rate: null, requests: null, bakeSeconds: null, requestsAtRisk: null };
    expect(sightsOf(down)[1]).toMatchObject({
      expectedRequests: null,
      leastErrorRate: null,
      leastSlowdown: null,
      checks: [{ ...unknown, risk: 'unknown', hint: `not known: ${why}` }, { check: 'p99' }],
      hint: `not known: ${why}`,
    });
    expect(forecast(down).steps[1]?.exposure).toBeNull();
    expect(warnings(down)).toEqual([`Metrics show nothing, so that no number here is a forecast: ${why}.`]);
    const idle = prospect(sequentialPlan(), surveyOf({ kind: 'none' }, { kind: 'none' }, null));
    expect(warnings(idle)).toEqual([
      'What each step can see is not known: stable has no requests now, so that none can be expected of the canary.',
    ]);
  });

  it('turns a canary that fails each request back after a few requests, two polls and one scrape', () => {
    const [weight, bake, , , promote] = forecast(prospect(sequentialPlan(), stableOf())).steps;
    expect(weight?.exposure).toEqual(bake?.exposure);
    // 2 requests/s at 5 %: five for the count, then 2 polls of 10 s and one scrape of 15 s.
    expect(bake?.exposure?.requests).toBeCloseTo(5 + 2 * 35, -1);
    expect(promote?.exposure?.requests).toBeGreaterThan(40 * 35);
  });

  it('has no number that is not finite, and says none, whatever the metrics say', () => {
    const wild = fc.oneof(fc.double(), fc.constantFrom(0, 1, Number.MAX_VALUE, Number.MIN_VALUE));
    const counts = fc.array(fc.oneof(wild, fc.nat()), { minLength: 14, maxLength: 14 });
    const limits = fc.record({
      max: fc.double({ min: 0, max: 1, noNaN: true }),
      bake: fc.integer({ min: 60, max: 200_000 }),
    });
    const of = fc.record({ perSecond: wild, errorRate: wild, counts });
    fc.assert(
      fc.property(limits, of, (plan, stable) => {
        const about = prospect(sequentialPlan(plan), stableOf(stable));
        const expected = forecast(about);
        expect(unsound(expected)).toEqual([]);
        const hints = expected.steps.flatMap(({ sight }) => [sight, ...(sight?.checks ?? [])]);
        const said = [...warnings(about), ...hints.map((one) => one?.hint ?? '')].join();
        expect(said).not.toMatch(/NaN|Infinity|undefined|null/);
      }),
      { numRuns: 300 },
    );
  });

  it('is seen with what it proposes to type', () => {
    const of = fc.record({
      perSecond: fc.double({ min: 0.01, max: 1000, noNaN: true }),
      errorRate: fc.double({ min: 0, max: 0.05, noNaN: true }),
    });
    fc.assert(
      fc.property(of, fc.double({ min: 0.001, max: 0.3, noNaN: true }), (stable, max) => {
        const found = checkIn(prospect(sequentialPlan({ max }), stableOf(stable)), 1, 'errors');
        const bake = found?.bakeSeconds ?? null;
        if (found?.risk !== 'unseen' || bake === null || bake > 200_000) return;
        const after = checkIn(prospect(sequentialPlan({ max, bake }), stableOf(stable)), 1, 'errors');
        expect(after).toMatchObject({ risk: 'none', rate: found.rate });
      }),
      { numRuns: 100 },
    );
  });
});

describe('what a step needs to see a limit, whatever the service', () => {
  const needs = (plan: Plan) =>
    [1, 3, 4].map((step) => needsIn(plan, { step, share: [0, 5, 0, 50, 100][step] ?? 0 }));

  it('is the least traffic of a stable without bad requests', () => {
    const [five = 0, half, all] = needs(sequentialPlan()).map((of) => of[0]?.perSecond ?? 0);
    expect(five).toBeCloseTo(59.9, 0);
    expect(half).toBeLessThan(five);
    expect(all).toBeGreaterThan(0);
    const perSecond = five * 1.001;
    const enough = stableOf({ perSecond, errorRate: 0, counts: istioBounds.map(() => 0).concat(0) });
    expect(checkIn(prospect(sequentialPlan(), enough), 1, 'errors')?.risk).toBe('none');
  });

  it('is not said of the threshold judge, nor of a step that watches nothing', () => {
    expect(needsIn(planWith(), { step: 1, share: 5 })).toEqual([]);
    expect(needsIn(sequentialPlan(), { step: 0, share: 5 })).toEqual([]);
    expect(needsIn(sequentialPlan({ max: 1 }), { step: 4, share: 100 })[0]).toMatchObject({
      rate: null,
      perSecond: null,
    });
  });
});

/** Every number in some data that is not finite. */
function unsound(data: unknown): unknown[] {
  if (typeof data === 'number') return Number.isFinite(data) ? [] : [data];
  return typeof data === 'object' && data !== null ? Object.values(data).flatMap(unsound) : [];
}

describe('a canary that is like stable', () => {
  const check = { metric: 'errorRate', max: 0.01, window: 60, failures: 2, minRequests: 100 } as const;
  it.each([
    [{ kind: 'value', value: 0.01, requests: 1000 }, 'pass'],
    [{ kind: 'value', value: 0.0101, requests: 1000 }, 'fail'],
    [{ kind: 'tooFew', requests: 3, needed: 100 }, null],
    [{ kind: 'none' }, null],
    [{ kind: 'unavailable', why: 'x' }, null],
    [null, null],
  ] as const)('%j: %s', (stable, verdict) => expect(verdictIfLike(stable, check)).toBe(verdict));

  it('is warned of when stable is above the limit itself, in words and numbers', () => {
    const slow: Reading = {
      kind: 'value',
      value: 2400,
      requests: 2448,
      bucket: { lowerMs: 1000, upperMs: 2500 },
    };
    expect(warnings(prospect(planWith({ max: 1000 }), surveyOf(counted(2448), slow)))).toEqual([
      'Check p99: the P99 latency of stable itself is 2400 ms, and the limit is 1000 ms: a canary that is no better is held, and goes back after 5 min.',
    ]);
  });
});

describe('a latency limit', () => {
  it('that is a bound of the histogram needs no advice', () => {
    expect(bucketAdvice(2500, istioBounds)).toBeNull();
    expect(bucketAdvice(300, [])).toBeNull();
  });

  it('inside a bucket gets the annotation that adds a bound at the limit', () => {
    const value = '{"istiocustom.istio_request_duration_milliseconds":[100,250,300,500]}';
    expect(bucketAdvice(300, [100, 250, 500])).toEqual({
      lowerMs: 250,
      upperMs: 500,
      annotation: { name: 'sidecar.istio.io/statsHistogramBuckets', value },
    });
    const survey = surveyOf(counted(2448), undefined, [100, 250, 500]);
    expect(warnings(prospect(planWith({ max: 300 }), survey))).toEqual([
      `Check p99: the limit of 300 ms lies inside the histogram bucket from 250 to 500 ms, where a P99 is only interpolated: annotate the pod templates of both versions with sidecar.istio.io/statsHistogramBuckets: '${value}'.`,
    ]);
    expect(warnings(prospect(planWith({ max: 300 }), { ...survey, latencyFrom: 'callers' }))[0]).toContain(
      'annotate the pod templates of the callers, who time the requests, with',
    );
  });

  it('below the lowest or above the highest bound gets one too', () => {
    expect(bucketAdvice(0.1, [1, 5])).toMatchObject({ lowerMs: 0, upperMs: 1 });
    expect(bucketAdvice(20, [1, 5])).toMatchObject({ lowerMs: 5, upperMs: null });
    expect(warnings(prospect(planWith(), surveyOf(counted(2448), undefined, [100])))[0]).toContain(
      'lies above the highest histogram bucket, 100 ms, where nothing can be judged',
    );
  });
});

describe('what a forecast is worth', () => {
  it('is less when other routes bring stable requests too', () => {
    expect(warnings(prospect(planWith({ max: 1000 })), true)).toEqual([
      'Other routes bring stable requests too, and the canary gets its share of this route only: expect fewer requests than shown.',
    ]);
  });

  it('is less when a GitOps tool may move the weights back', () => {
    const of = prospect(planWith({ max: 1000 }));
    const gitOps = { tool: 'argoCd' as const, name: 'shop' };
    const [warning, ...more] = warningsOf(of, forecast(of), { stableHasOtherRoutes: false, gitOps });
    expect(warning).toMatch(
      /^Argo CD application shop manages this VirtualService: if it heals what differs from Git it will move the weights back in the middle of the rollout; .* RespectIgnoreDifferences=true\.$/,
    );
    expect(more).toEqual([]);
  });
});

describe('why a rollout would not start', () => {
  it.each([
    [{ why: 'it is gone.', patienceMs: 0 }, 'It is gone.'],
    [{ why: 'no metrics', patienceMs: 60_000 }, 'No metrics; it would wait at most 60 s.'],
    [{ why: 'ann stopped it', patienceMs: null }, 'Ann stopped it; it would wait until that has passed.'],
  ])('%j: %s', (obstacle, sentence) => expect(whyNotStarted(obstacle)).toBe(sentence));
});
