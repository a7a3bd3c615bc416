import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Measurements, Reading } from '../../src/analysis/reading.ts';
import { bucketAdvice } from '../../src/rollout/bucket-advice.ts';
import { forecast, type Prospect } from '../../src/rollout/forecast.ts';
import { expectedIn, lowestWeight, shortestWindow, verdictIfLike } from '../../src/rollout/forecast-check.ts';
import { warningsOf, whyNotStarted } from '../../src/rollout/forecast-warnings.ts';
import { Plan } from '../../src/rollout/plan.ts';
import type { MetricsSurvey } from '../../src/rollout/ports/metrics.ts';
import { start } from '../fakes/rollouts.ts';

const istioBounds = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

function planWith({ minRequests = 100, window = 60, max = 2000, more = [] as object[] } = {}): Plan {
  return Plan.parse({
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
  return { measurements, checks: { p99: { queries: [], boundsMs } }, guards: [], latencyFrom: 'service' };
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
