import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromLog, logAdd, logMean, logSum } from '../../../src/analysis/sequential/mixture.ts';
import {
  cash,
  firstStakes,
  logWealth,
  mostOfOneLook,
  newStake,
  staked,
} from '../../../src/analysis/sequential/wealth.ts';

/** A look of independent requests, uncut. */
const betAt = (look: number) => ({ fresh: newStake(look), noise: 1, most: 100 });

/** The wealth after 12 looks; bit by bit, a path says which stake wins. */
function wealthAfter(path: number): number {
  let stakes = firstStakes(2);
  for (let look = 0; look < 12; look++) {
    const first = (path >> look) % 2 === 1 ? 1.5 : 0.5;
    stakes = staked(stakes, [Math.log(first), Math.log(2 - first)], betAt(look));
  }
  return logWealth(stakes, 11);
}

describe('the wealth that is bet against the canary', () => {
  it('is half staked at the start, and all of it in the end', () => {
    expect(logWealth(firstStakes(6), 0)).toBeCloseTo(0, 12);
    let sum = 0.5;
    for (let look = 0; look <= 100_000; look++) {
      const fresh = newStake(look);
      if (fresh !== null) sum += Math.exp(fresh);
      if (look % 999 === 0) expect(sum + cash(look)).toBeCloseTo(1, 9);
    }
    expect(cash(100_000)).toBeLessThan(0.001);
  });

  it('stays what it was when nothing is won or lost, over any number of looks', () => {
    let stakes = firstStakes(6);
    for (let look = 0; look < 5000; look++) {
      stakes = staked(stakes, [0, 0, 0, 0, 0, 0], betAt(look));
      expect(Math.abs(logWealth(stakes, look))).toBeLessThan(1e-9);
    }
  });

  it('is a fair game over every path of fair coins', () => {
    // Each look multiplies the first stake by 1.5 or 0.5, the second the other way round: the mean factor is 1.
    const paths = Array.from({ length: 2 ** 12 }, (_, path) => wealthAfter(path));
    const mean = paths.reduce((sum, log) => sum + Math.exp(log), 0) / paths.length;
    expect(mean).toBeCloseTo(1, 9);
  });

  it('finds a late fault although all early bets lost', () => {
    let stakes = firstStakes(1);
    for (let look = 0; look < 200; look++) stakes = staked(stakes, [-50], betAt(look));
    stakes = staked(stakes, [20], betAt(200));
    expect(logWealth(stakes, 200)).toBeGreaterThan(Math.log(100));
  });

  it.each([1, 11, 15, 19, 63])('is at hand at whichever look a fault begins: %d', (onset) => {
    let stakes = firstStakes(1);
    for (let look = 0; look < onset; look++) stakes = staked(stakes, [-50], betAt(look));
    stakes = staked(stakes, [11], betAt(onset));
    expect(logWealth(stakes, onset)).toBeGreaterThan(Math.log(100));
  });

  it.each([
    0.5, 0.01, 1e-6,
  ])('of a half or less becomes at most a third of what is wanted by one look: %d', (alpha) => {
    const most = mostOfOneLook(alpha);
    for (const stake of [0, -Math.LN2, -3, -40]) {
      const [after = 0] = staked([stake], [1e6], { fresh: null, noise: 1, most });
      expect(after).toBeCloseTo(Math.max(stake, -Math.LN2) - Math.LN2 * -1 + most, 9);
    }
    if (alpha < 0.1) expect(Math.exp(most)).toBeLessThan(0.5 / alpha);
  });

  it('is not cut where it falls', () => {
    expect(staked([0], [-50], { fresh: null, noise: 1, most: 1 })).toEqual([-50]);
  });

  it('moves by less where requests are noisier', () => {
    const [calm, noisy] = [1, 4].map((noise) =>
      logWealth(staked(firstStakes(1), [8], { ...betAt(0), noise }), 0),
    );
    expect(calm).toBeGreaterThan(noisy ?? 0);
  });
});

describe('sums of logs', () => {
  it('are those of the numbers, and finite where these are not', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e15, max: 1e15, noNaN: true }), { minLength: 1, maxLength: 9 }),
        (logs) => {
          const largest = Math.max(...logs);
          expect(logSum(logs)).toBeGreaterThanOrEqual(largest);
          expect(logMean(logs)).toBeLessThanOrEqual(largest + 1e-9 * Math.abs(largest) + 1e-9);
          expect(Number.isFinite(fromLog(logSum(logs)))).toBe(true);
        },
      ),
    );
    expect(logSum([Math.log(2), Math.log(3)])).toBeCloseTo(Math.log(5), 12);
    expect(logAdd(Math.log(2), Math.log(3))).toBeCloseTo(Math.log(5), 12);
  });
});
