import { describe, expect, it } from 'vitest';
import { usualSettings } from '../../../src/analysis/sequential/settings.ts';
import { verdictOf } from '../../../src/analysis/sequential/verdict-of.ts';
import { answered, judgeAll, last, noHistory, pollsOf, settings } from './rollouts.ts';

const step = { seconds: 300 };
const verdictAfter = (...given: Parameters<typeof judgeAll>) =>
  verdictOf(last(judgeAll(...given)).state, given[1]?.with ?? settings, step);

describe('the verdict', () => {
  it('has a comparison with stable for errors and for latency, and one for each limit', () => {
    const { metrics, driver } = verdictAfter(pollsOf(10, () => ({})));
    expect(metrics.map(({ id, against }) => [id, against])).toEqual([
      ['errorRate', 'stable'],
      ['latency', 'stable'],
      ['errors', 'limit'],
      ['p99', 'limit'],
    ]);
    expect(driver).toBeNull();
  });

  it('has bands around both rates and around the excess', () => {
    const { metrics } = verdictAfter(pollsOf(20, () => ({ canary: answered(150, 2) })));
    for (const { canary, stable, excess } of metrics) {
      for (const { value, lower, upper } of [canary.rate, stable.rate, excess]) {
        expect(lower).toBeLessThanOrEqual(value);
        expect(upper).toBeGreaterThanOrEqual(value);
      }
    }
  });

  it('bounds the excess from below above nothing once a canary is clearly worse', () => {
    const { metrics } = verdictAfter(pollsOf(10, () => ({ canary: answered(150, 8) })));
    expect(metrics[0]?.excess.lower).toBeGreaterThan(0.01);
    expect(metrics[0]?.excess.value).toBeCloseTo(8 / 150 - 0.005, 9);
  });

  it('counts the requests that stable would have answered', () => {
    const { harmedRequests } = verdictAfter(pollsOf(4, () => ({ canary: answered(150, 15.75) })));
    expect(harmedRequests).toBeCloseTo(60, 6);
    expect(verdictAfter(pollsOf(4, () => ({ canary: answered(150, 0) }))).harmedRequests).toBe(0);
  });

  it('counts slow requests where latency drives it', () => {
    const slow = { canary: answered(1500, 7.5, 120), stable: answered(28_500, 142.5) };
    const verdict = verdictAfter(
      pollsOf(8, () => slow),
      { with: usualSettings },
    );
    expect(verdict.metrics[verdict.driver ?? -1]).toMatchObject({ id: 'latency', boundMs: 500 });
    expect(verdict.harmedRequests).toBeCloseTo(4 * (120 - 30), 6);
  });

  it('names the limit that holds or drives it', () => {
    const outage = { canary: answered(150, 12), stable: answered(2850, 228) };
    expect(verdictAfter(pollsOf(10, () => outage))).toMatchObject({
      ruling: { reason: 'environment' },
      driver: 2,
    });
    const slow = { requests: 150, errors: 1, buckets: [0, 0, 0, 0, 0, 150] };
    expect(verdictAfter(pollsOf(2, () => ({ canary: slow })))).toMatchObject({
      ruling: { reason: 'limit' },
      driver: 3,
    });
  });

  it('says what this share can see by the end of the step', () => {
    const at = (requests: number) =>
      verdictAfter(
        pollsOf(4, () => ({
          canary: answered(requests, 0),
          stable: answered(19 * requests, 0.1 * requests),
        })),
      ).detectableErrorRate;
    expect(at(1)).toBeGreaterThan(0.15);
    expect(at(1500)).toBeLessThan(0.015);
    expect(at(0)).toBeNull();
  });

  it('is whole before the first poll and without history', () => {
    const { metrics, detectableErrorRate } = verdictAfter(
      pollsOf(1, () => ({ canary: null })),
      { baseline: noHistory },
    );
    expect(metrics[0]?.canary.rate).toEqual({ value: 0, lower: 0, upper: 1 });
    expect(metrics[0]?.excess).toEqual({ value: 0, lower: -1, upper: 1 });
    expect(detectableErrorRate).toBeNull();
  });
});
