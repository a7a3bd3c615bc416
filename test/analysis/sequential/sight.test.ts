import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lookOf } from '../../../src/analysis/sequential/look.ts';
import { openJudge } from '../../../src/analysis/sequential/open-judge.ts';
import { detectableRate, logNeeded } from '../../../src/analysis/sequential/planning.ts';
import type { Increment } from '../../../src/analysis/sequential/poll.ts';
import { type JudgeSettings, usualSettings } from '../../../src/analysis/sequential/settings.ts';
import {
  leastRateSeen,
  leastSlowdownSeen,
  type PlannedTest,
  plannedTests,
  requestsToSee,
  stablePerCanary,
  warmSecondsOf,
} from '../../../src/analysis/sequential/sight.ts';
import { withPoll } from '../../../src/analysis/sequential/with-poll.ts';

const boundsMs = [50, 100, 250, 500, 1000];
const settings: JudgeSettings = {
  ...usualSettings,
  // Evidence alone is forecast.
  backstopSeconds: 1e9,
  limits: [
    { id: 'errors', metric: 'errorRate', max: 0.01 },
    { id: 'p99', metric: 'latency', quantile: 0.99, maxMs: 500 },
  ],
};
const stableRate = 0.001;
/** Of a thousand requests of stable. */
const usual: Increment = { requests: 1000, errors: 1, buckets: [500, 300, 150, 46, 3, 1] };
const opened = openJudge({ boundsMs, pods: [[usual]] }, settings);
const tests = plannedTests(opened, settings);
const ofErrors = tests.filter(({ slowerThanMs }) => slowerThanMs === null);

const times = ({ requests, errors, buckets }: Increment, factor: number): Increment => ({
  requests: requests * factor,
  errors: errors * factor,
  buckets: buckets.map((count) => count * factor),
});

/** Requests of the canary until the judge turns it back when both arms do exactly what is expected; null when never. */
function requestsUntilBack(canary: Increment, share: number): number | null {
  const perPoll = 40;
  const stable = times(usual, (perPoll * stablePerCanary(share)) / 1000);
  const increment = times(canary, perPoll / canary.requests);
  let state = opened;
  for (let look = 1; look <= 3000; look++) {
    const at = 1000 + look * 10;
    const poll = { at, step: 0, stepSeconds: 100 + look * 10, share, canary: increment, stable };
    const judged = withPoll(state, poll, settings, { seconds: 0 });
    if (judged.ruling.decision === 'rollback') return look * perPoll;
    state = judged.state;
  }
  return null;
}

const failing = (rate: number): Increment => ({ ...usual, errors: usual.requests * rate });

describe('what the judge is going to see', () => {
  it.each([
    [5, 0.01],
    [5, 0.05],
    [5, 0.5],
    [25, 0.01],
    [50, 0.01],
    [90, 0.02],
    [100, 0.02],
  ])('at %d %% takes about as many requests as the judge itself for %d of 5xx', (share, rate) => {
    const expected = requestsToSee(rate, ofErrors, stablePerCanary(share)) ?? Number.NaN;
    const taken = requestsUntilBack(failing(rate), share) ?? Number.NaN;
    // Two looks at least, and later stakes on the way.
    expect(taken).toBeGreaterThan(0.5 * expected);
    expect(taken).toBeLessThan(1.5 * expected + 80);
  });

  it.each([
    5, 50, 100,
  ])('sees a slowdown at %d %% with about as many requests as the judge itself', (share) => {
    const requests = 4000;
    const brought = { requests, warmRequests: requests, stablePerCanary: stablePerCanary(share) };
    const least = leastSlowdownSeen(brought, tests, { boundsMs, counts: usual.buckets }) ?? Number.NaN;
    expect(least).toBeGreaterThan(1.1);
    const slower = (factor: number) => {
      const taken = requestsUntilBack({ ...usual, buckets: slowed(factor) }, share);
      return taken ?? Number.POSITIVE_INFINITY;
    };
    expect(slower(1 + (least - 1) * 1.3)).toBeLessThan(requests);
    expect(slower(1 + (least - 1) * 0.6)).toBeGreaterThan(requests);
  });

  it('is what is forecast beside many requests of stable, in the live report, too', () => {
    const [comparison] = tests;
    const sight = {
      stableRate,
      tolerance: comparison?.tolerance ?? settings.errors,
      noise: 2,
      logNeeded: logNeeded(settings.falseRollbackRate, 4),
    };
    for (const requests of [200, 1000, 10_000, 100_000]) {
      const brought = { requests, warmRequests: requests, stablePerCanary: 1e6 };
      const least = leastRateSeen(brought, tests.slice(0, 1)) ?? Number.NaN;
      expect(least / (detectableRate(requests, sight) ?? Number.NaN)).toBeCloseTo(1, 1);
    }
  });

  it('is nothing where stable has no requests and no limit is asked, nor where there is nothing to look at', () => {
    const comparison = tests.filter(({ limit }) => limit === null);
    const brought = { requests: 1e6, warmRequests: 1e6, stablePerCanary: 0 };
    expect(requestsToSee(1, comparison, 0)).toBeNull();
    expect(leastRateSeen(brought, comparison.slice(0, 1))).toBeNull();
    expect(leastRateSeen({ ...brought, requests: 0 }, ofErrors)).toBeNull();
    expect(requestsToSee(1, [], 20)).toBeNull();
    expect(leastSlowdownSeen(brought, tests, { boundsMs, counts: [0, 0, 0, 0, 0, 0] })).toBeNull();
  });

  it('is never a limit above the histogram, nor one of 100 %, nor what stable does as well', () => {
    const wide: JudgeSettings = {
      ...settings,
      limits: [
        { id: 'high', metric: 'latency', quantile: 0.99, maxMs: 5000 },
        { id: 'all', metric: 'errorRate', max: 1 },
        { id: 'less', metric: 'errorRate', max: 0.0001 },
      ],
    };
    const planned = plannedTests(openJudge({ boundsMs, pods: [[failing(0.3)]] }, wide), wide);
    const limit = (id: string): PlannedTest[] => planned.filter((one) => one.limit?.id === id);
    expect(limit('high')).toEqual([]);
    expect(requestsToSee(1, limit('all'), 20)).toBeNull();
    expect(requestsToSee(0.3, limit('less'), 20)).toBeNull();
    expect(requestsToSee(0.6, limit('less'), 20)).toBeGreaterThan(0);
  });

  it('takes fewer requests the more of them are bad, and is always a number', () => {
    const rate = fc.double({ min: 0, max: 1, noNaN: true });
    const share = fc.double({ min: 0.01, max: 100, noNaN: true });
    const requests = fc.double({ min: 0, max: 1e300, noNaN: true });
    fc.assert(
      fc.property(rate, rate, share, requests, (usualRate, other, at, many) => {
        const planned = plannedTests(
          openJudge({ boundsMs, pods: [[failing(usualRate)]] }, settings),
          settings,
        );
        const perCanary = stablePerCanary(at);
        const [low, high] = [Math.min(usualRate, other), Math.max(usualRate, other)].map(
          (one) => requestsToSee(one, planned, perCanary) ?? Number.MAX_VALUE,
        );
        expect(high).toBeLessThanOrEqual((low ?? 0) * (1 + 1e-9));
        expect(high).toBeGreaterThan(0);
        const brought = { requests: many, warmRequests: many, stablePerCanary: perCanary };
        const seen = [
          leastRateSeen(brought, planned),
          leastSlowdownSeen(brought, planned, { boundsMs, counts: usual.buckets }),
        ];
        for (const one of seen) expect(one === null || Number.isFinite(one)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

/** Stable's histogram if each request took so many times as long, spread evenly in each bucket. */
function slowed(factor: number): number[] {
  const edges = [0, ...boundsMs, Number.POSITIVE_INFINITY];
  const atMost = (ms: number) => {
    let sum = 0;
    for (const [at, count] of usual.buckets.entries()) {
      const [from = 0, to = 0] = [edges[at], edges[at + 1]];
      if (to === Number.POSITIVE_INFINITY) continue;
      sum += count * Math.min(1, Math.max(0, (ms - from) / (to - from)));
    }
    return sum;
  };
  const cumulative = [...boundsMs.map((bound) => atMost(bound / factor)), usual.requests];
  return cumulative.map((count, at) => count - (cumulative[at - 1] ?? 0));
}

describe('the seconds in which latency is compared', () => {
  it('are those in which the judge takes the canary for warm', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 1, max: 600 }), (begins, seconds) => {
        let warm = 0;
        for (let second = 1; second <= seconds; second++) {
          const poll = { at: begins + second, step: 1, stepSeconds: second, share: 5 };
          const look = lookOf(opened, { ...poll, canary: usual, stable: usual }, settings, { seconds });
          if (look?.isWarm === true) warm += 1;
        }
        const expected = warmSecondsOf({ startsInSeconds: begins, bakeSeconds: seconds }, settings);
        expect(Math.abs(expected - warm)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 100 },
    );
  });
});
