import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assumedRate,
  logFactorAgainstLimit,
  logFactorAgainstSplit,
  logFactorAgainstStable,
  testableLimit,
} from '../../../src/analysis/sequential/count-evidence.ts';
import { better, worse } from '../../../src/analysis/sequential/mixture.ts';

const few = fc.integer({ min: 0, max: 14 });
const rate = fc.double({ min: 0, max: 1, noNaN: true });
const ratio = fc.double({ min: 0.2, max: 8, noNaN: true });
const excess = fc.double({ min: 0, max: 0.3, noNaN: true });
const arms = fc.tuple(few, few, rate, ratio, excess);

/** Chances of 0, 1, ... bad ones among so many independent requests. */
function binomialChances(count: number, p: number): number[] {
  let chances = [1];
  for (let request = 0; request < count; request++) {
    chances = Array.from(
      { length: chances.length + 1 },
      (_, bad) => (chances[bad] ?? 0) * (1 - p) + (chances[bad - 1] ?? 0) * p,
    );
  }
  return chances;
}

function meanFactor(
  arms: { canary: number; stable: number; canaryRate: number; stableRate: number },
  tolerance: { ratio: number; excess: number },
  psi: number,
): number {
  let mean = 0;
  for (const [canaryBad, canaryChance] of binomialChances(arms.canary, arms.canaryRate).entries()) {
    for (const [stableBad, stableChance] of binomialChances(arms.stable, arms.stableRate).entries()) {
      const counts = { canaryBad, canaryRequests: arms.canary, stableBad, stableRequests: arms.stable };
      mean += canaryChance * stableChance * Math.exp(logFactorAgainstStable(counts, tolerance, psi));
    }
  }
  return mean;
}

describe('the factor of one look, over every outcome there is', () => {
  it('has a mean of at most 1 whatever stable does, as long as the canary is within what is tolerated', () => {
    const part = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(arms, part, ([canary, stable, stableRate, r, delta], below) => {
        const canaryRate = Math.min(1, below * (r * stableRate + delta));
        for (const psi of worse) {
          const mean = meanFactor(
            { canary, stable, canaryRate, stableRate },
            { ratio: r, excess: delta },
            psi,
          );
          expect(mean).toBeLessThanOrEqual(1 + 1e-9);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('has a mean of at most 1 right at the border of what is tolerated', () => {
    fc.assert(
      fc.property(arms, ([canary, stable, stableRate, r, delta]) => {
        fc.pre(r * stableRate + delta <= 1);
        const drawn = { canary, stable, canaryRate: r * stableRate + delta, stableRate };
        for (const psi of worse) {
          expect(meanFactor(drawn, { ratio: r, excess: delta }, psi)).toBeLessThanOrEqual(1 + 1e-9);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('of the proof of health has a mean of at most 1 for a canary that is worse than tolerated', () => {
    const part = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(arms, part, ([canary, stable, stableRate, r, delta], above) => {
        const border = r * stableRate + delta;
        fc.pre(border <= 1);
        const drawn = { canary, stable, canaryRate: border + above * (1 - border), stableRate };
        for (const psi of better) {
          expect(meanFactor(drawn, { ratio: r, excess: delta }, psi)).toBeLessThanOrEqual(1 + 1e-9);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('of a limit has a mean of at most 1 for every rate up to the limit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), rate, rate, (requests, limit, below) => {
        const tested = testableLimit(limit);
        for (const psi of worse) {
          const assumed = assumedRate(tested, psi);
          const mean = binomialChances(requests, below * limit).reduce(
            (sum, chance, bad) =>
              sum + chance * Math.exp(logFactorAgainstLimit(bad, requests, tested, assumed)),
            0,
          );
          expect(mean).toBeLessThanOrEqual(1 + 1e-9);
        }
      }),
    );
  });

  it('of the split has a mean of at most 1 when the canary gets half of its share or more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), rate, rate, (requests, share, above) => {
        const chance = share / 2 + above * (1 - share / 2);
        const mean = binomialChances(requests, chance).reduce(
          (sum, one, canary) => sum + one * Math.exp(logFactorAgainstSplit(canary, requests - canary, share)),
          0,
        );
        expect(mean).toBeLessThanOrEqual(1 + 1e-9);
      }),
    );
  });
});

describe('the factor of one look', () => {
  it('says nothing without requests of stable, and nothing without requests of the canary', () => {
    const tolerance = { ratio: 1.25, excess: 0.0005 };
    const alone = { canaryBad: 5, canaryRequests: 10, stableBad: 0, stableRequests: 0 };
    const unseen = { canaryBad: 0, canaryRequests: 0, stableBad: 5, stableRequests: 10 };
    for (const psi of [...worse, ...better]) {
      expect(logFactorAgainstStable(alone, tolerance, psi)).toBe(0);
      expect(logFactorAgainstStable(unseen, tolerance, psi)).toBeCloseTo(0, 12);
    }
  });

  it('grows with each bad request of the canary and falls with each of stable', () => {
    const at = (canaryBad: number, stableBad: number) =>
      logFactorAgainstStable(
        { canaryBad, canaryRequests: 150, stableBad, stableRequests: 2850 },
        { ratio: 1, excess: 0 },
        3,
      );
    expect(at(4, 10)).toBeGreaterThan(at(3, 10));
    expect(at(4, 11)).toBeLessThan(at(4, 10));
  });
});
