import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { excessBound, rateBand } from '../../../src/analysis/sequential/bands.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';
import { cumulatedBinomial, drawFrom } from './draws.ts';

describe('the band of a rate', () => {
  it('holds the rate that was seen, and is finite for every count', () => {
    const count = fc.oneof(fc.constantFrom(0, 1, 1e12), fc.double({ min: 0, max: 1e9, noNaN: true }));
    fc.assert(
      fc.property(count, count, fc.double({ min: 1, max: 20, noNaN: true }), (left, right, noise) => {
        const [bad, requests] = left < right ? [left, right] : [right, left];
        const [lower, upper] = rateBand(bad, requests, 0.01, noise);
        expect(lower).toBeGreaterThanOrEqual(0);
        expect(upper).toBeLessThanOrEqual(1);
        if (requests > 0) {
          expect(lower).toBeLessThanOrEqual(bad / requests + 1e-9);
          expect(upper).toBeGreaterThanOrEqual(bad / requests - 1e-9);
        }
      }),
    );
  });

  it('is everything without requests', () => {
    expect(rateBand(0, 0, 0.01, 1)).toEqual([0, 1]);
  });

  it('is wider where requests are noisier, and narrower with more of them', () => {
    const width = (bad: number, requests: number, noise: number) => {
      const [lower, upper] = rateBand(bad, requests, 0.01, noise);
      return upper - lower;
    };
    expect(width(10, 1000, 4)).toBeGreaterThan(width(10, 1000, 1));
    expect(width(100, 10_000, 1)).toBeLessThan(width(10, 1000, 1));
  });

  it('holds the true rate at every one of 100 looks, in at least 95 of 100 runs that promise it', () => {
    const random = seededRandom(5);
    const chances = cumulatedBinomial(30, 0.02);
    let misses = 0;
    for (let run = 0; run < 400; run++) {
      let bad = 0;
      let isInside = true;
      for (let look = 1; look <= 100 && isInside; look++) {
        bad += drawFrom(random, chances);
        const [lower, upper] = rateBand(bad, 30 * look, 0.05, 1);
        isInside = lower <= 0.02 && upper >= 0.02;
      }
      if (!isInside) misses++;
    }
    expect(misses).toBeLessThanOrEqual(20);
  });
});

describe('the bound of an excess', () => {
  it('is everything before there is evidence', () => {
    const nothing = { gained: [0, 0], perExcess: [0, 0] };
    expect(excessBound(nothing, 0.01, 'lower')).toBe(-1);
    expect(excessBound(nothing, 0.01, 'upper')).toBe(1);
  });
});
