import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  inAllBuckets,
  slowerThan,
  slowerThanBounds,
  surelySlowerThan,
  usefulBounds,
} from '../../../src/analysis/sequential/histogram.ts';

const bounds = [5, 10, 25, 50, 100, 250, 500, 1000, 2500];

/** What Prometheus' histogram_quantile answers for classic buckets: linear inside one, at most the highest bound. */
function histogramQuantile(quantile: number, buckets: readonly number[]): number {
  const rank = quantile * inAllBuckets(buckets);
  let below = 0;
  for (const [at, upper] of bounds.entries()) {
    const count = buckets[at] ?? 0;
    if (below + count >= rank && count > 0) {
      const lower = bounds[at - 1] ?? 0;
      return lower + ((upper - lower) * (rank - below)) / count;
    }
    below += count;
  }
  return bounds[bounds.length - 1] ?? 0;
}

describe('requests slower than a limit', () => {
  it('are more than 1 % exactly when histogram_quantile(0.99) is over it', () => {
    const counts = fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 10, maxLength: 10 });
    const limit = fc.oneof(
      fc.constantFrom(...bounds.slice(0, -1)),
      fc.double({ min: 1, max: 2499, noNaN: true }),
    );
    fc.assert(
      fc.property(counts, limit, fc.constantFrom(0.5, 0.95, 0.99), (buckets, limitMs, quantile) => {
        const all = inAllBuckets(buckets);
        fc.pre(all > 0);
        const slower = slowerThan(bounds, buckets, limitMs);
        const most = (1 - quantile) * all;
        fc.pre(Math.abs(slower - most) > 1e-6);
        expect(slower > most).toBe(histogramQuantile(quantile, buckets) > limitMs);
      }),
      { numRuns: 5000 },
    );
  });

  it('are none above the highest bound, which a quantile never exceeds', () => {
    expect(slowerThan(bounds, [0, 0, 0, 0, 0, 0, 0, 0, 0, 7], 3000)).toBe(0);
  });

  it('are divided linearly inside a bucket', () => {
    expect(slowerThan([100, 200], [10, 10, 1], 150)).toBe(6);
    expect(slowerThan([100, 200], [10, 10, 1], 100)).toBe(11);
    expect(slowerThan([100, 200], [10, 10, 1], 50)).toBe(16);
  });

  it('are surely slower above the bucket that the limit divides', () => {
    expect(surelySlowerThan([100, 200], [10, 10, 1], 150)).toBe(1);
    expect(surelySlowerThan([100, 200], [10, 10, 1], 100)).toBe(11);
    expect(surelySlowerThan([100, 200], [10, 10, 1], 300)).toBe(0);
  });

  it('are counted at each bound', () => {
    expect(slowerThanBounds([1, 2, 3, 4])).toEqual([9, 7, 4]);
    expect(slowerThanBounds([])).toEqual([]);
  });
});

describe('the bounds at which latency is compared', () => {
  it('are those that 0.3 % to 80 % of stable exceeds', () => {
    expect(usefulBounds([0.99, 0.8, 0.5, 0.003, 0.0029, 0])).toEqual([1, 2, 3]);
  });

  it('are the first above nearly everything, where stable is faster than all others', () => {
    expect(usefulBounds([0.99, 0.001, 0])).toEqual([1]);
  });

  it('are none where everything is slower than all of them', () => {
    expect(usefulBounds([1, 0.99])).toEqual([]);
  });
});
