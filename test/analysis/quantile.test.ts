import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantileOf } from '../../src/analysis/quantile.ts';
import { slowerThan } from '../../src/analysis/sequential/histogram.ts';

const bounds = [100, 250, 500];

describe('a quantile of a histogram', () => {
  it.each([
    ['in the middle of the only bucket', [0, 100, 0, 0], 0.5, { valueMs: 175, lowerMs: 100, upperMs: 250 }],
    ['from 0 in the lowest bucket', [100, 0, 0, 0], 0.99, { valueMs: 99, lowerMs: 0, upperMs: 100 }],
    ['at a bound that it just reaches', [99, 1, 0, 0], 0.99, { valueMs: 100, lowerMs: 0, upperMs: 100 }],
    ['behind empty buckets', [0, 0, 10, 0], 0.5, { valueMs: 375, lowerMs: 250, upperMs: 500 }],
    ['of fractional counts', [0.5, 0.25, 0.25, 0], 0.75, { valueMs: 250, lowerMs: 100, upperMs: 250 }],
  ])('is interpolated as Prometheus does it: %s', (_name, counts, quantile, expected) => {
    expect(quantileOf(bounds, counts, quantile)).toEqual({ kind: 'inside', ...expected });
  });

  it('is nowhere known above the highest bound', () => {
    expect(quantileOf(bounds, [90, 5, 3, 2], 0.99)).toEqual({ kind: 'overflow', highestMs: 500 });
  });

  it.each([
    ['without requests', bounds, [0, 0, 0, 0]],
    ['without bounds', [], []],
    ['without counts', bounds, []],
  ])('is not there %s', (_name, boundsMs, counts) => {
    expect(quantileOf(boundsMs, counts, 0.99)).toEqual({ kind: 'none' });
  });

  it('is above a limit exactly where more than the rest of the requests is slower', () => {
    const count = fc.integer({ min: 0, max: 1000 });
    fc.assert(
      fc.property(fc.tuple(count, count, count, count), fc.integer({ min: 1, max: 499 }), (counts, limit) => {
        const found = quantileOf(bounds, counts, 0.99);
        const total = counts.reduce((sum, one) => sum + one, 0);
        const slow = slowerThan(bounds, counts, limit);
        fc.pre(found.kind !== 'none' && Math.abs(slow - 0.01 * total) > 1e-6);
        expect(found.kind === 'overflow' || found.valueMs > limit).toBe(slow > 0.01 * total);
      }),
      { numRuns: 200 },
    );
  });
});
