import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketOfQuantile, bucketsOf } from '../../src/metrics/histogram.ts';

const rows = (byBound: Record<string, number>) =>
  Object.entries(byBound).map(([le, value]) => ({ labels: { le }, value }));

describe('bucket bounds', () => {
  it('are numbers: 1000 and 1000.0 are one bucket', () => {
    expect(
      bucketsOf(rows({ '500': 1, '500.0': 2, '1000': 4, '1000.0': 8, '1e+03': 16, '+Inf': 32 })),
    ).toEqual([
      { upperMs: 500, count: 3 },
      { upperMs: 1000, count: 28 },
      { upperMs: Number.POSITIVE_INFINITY, count: 32 },
    ]);
  });

  it('are sorted as numbers, not as text', () => {
    const bounds = bucketsOf(rows({ '+Inf': 3, '1000': 2, '25': 1 })).map(({ upperMs }) => upperMs);
    expect(bounds).toEqual([25, 1000, Number.POSITIVE_INFINITY]);
  });

  it('that are no number are left out', () => {
    expect(bucketsOf([{ labels: {}, value: 1 }, ...rows({ fast: 2 })])).toEqual([]);
  });
});

describe('the bucket of a P99', () => {
  const found = (byBound: Record<string, number>, quantileMs: number) =>
    bucketOfQuantile(bucketsOf(rows(byBound)), 0.99, quantileMs);

  it.each([
    ['inside a bucket', 1700, { kind: 'inside', lowerMs: 1000, upperMs: 2500 }],
    ['at its upper bound', 2500, { kind: 'inside', lowerMs: 1000, upperMs: 2500 }],
    ['at its lower bound', 1000, { kind: 'inside', lowerMs: 0, upperMs: 1000 }],
    ['in the first bucket', 3, { kind: 'inside', lowerMs: 0, upperMs: 1000 }],
  ])('%s', (_, quantileMs, expected) => {
    expect(found({ '1000': 50, '2500': 100, '+Inf': 100 }, quantileMs)).toEqual(expected);
  });

  it('is the overflow when fewer than 99 % lie at or below the highest finite bound', () => {
    expect(found({ '1000': 50, '2500': 98, '+Inf': 100 }, 2500)).toEqual({
      kind: 'overflow',
      highestMs: 2500,
    });
  });

  it('is not the overflow when exactly 99 % lie there', () => {
    expect(found({ '1000': 50, '2500': 99, '+Inf': 100 }, 2500).kind).toBe('inside');
  });

  it.each([
    ['there are no buckets', {}, 5],
    ['there is no +Inf bucket', { '1000': 50, '2500': 100 }, 5],
    ['the +Inf bucket stands alone', { '+Inf': 100 }, 5],
    ['the P99 is not a number', { '1000': 50, '+Inf': 50 }, Number.NaN],
    ['the P99 is infinite', { '1000': 50, '+Inf': 50 }, Number.POSITIVE_INFINITY],
  ])('is unknown when %s', (_, byBound, quantileMs) => {
    expect(found(byBound, quantileMs)).toEqual({ kind: 'unknown' });
  });

  it('always holds the P99 that it was found for', () => {
    const counts = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 3, maxLength: 12 });
    fc.assert(
      fc.property(counts, fc.double({ min: 0.001, max: 2000, noNaN: true }), (increments, quantileMs) => {
        let count = 0;
        const buckets = increments.map((increment, index) => {
          count += increment;
          return {
            upperMs: index === increments.length - 1 ? Number.POSITIVE_INFINITY : (index + 1) * 100,
            count,
          };
        });
        const bucket = bucketOfQuantile(buckets, 0.99, quantileMs);
        if (bucket.kind !== 'inside') return;
        expect(bucket.lowerMs).toBeLessThan(quantileMs);
        expect(bucket.upperMs).toBeGreaterThanOrEqual(quantileMs);
      }),
    );
  });
});
