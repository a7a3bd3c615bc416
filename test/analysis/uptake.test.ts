import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Comparison,
  compareShare,
  nothingTaken,
  requestsNeeded,
  type Uptake,
  withStretch,
} from '../../src/analysis/uptake.ts';

const at = (canary: number, requests: number, share: number) =>
  compareShare({ canary, stable: requests - canary }, share);

describe('a share of requests', () => {
  it.each<[string, number, number, number, Comparison['kind']]>([
    ['is what the weight says', 200, 4000, 5, 'agrees'],
    ['is a fifth of the smaller part too high', 240, 4000, 5, 'agrees'],
    ['is more than a fifth too high', 245, 4000, 5, 'differs'],
    ['is a fifth of the smaller part too low', 160, 4000, 5, 'agrees'],
    ['is more than a fifth too low', 155, 4000, 5, 'differs'],
    ['may be chance: 34 of 400 at 5 %', 31, 400, 5, 'agrees'],
    ['is too much for chance: 32 of 400 at 5 %', 32, 400, 5, 'differs'],
    ['may be chance: 9 of 400 at 5 %', 9, 400, 5, 'agrees'],
    ['is too little for chance: 8 of 400 at 5 %', 8, 400, 5, 'differs'],
    ['is the one before the raise: 5 % at 20 %', 50, 1000, 20, 'differs'],
    ['is nothing at all', 0, 400, 5, 'differs'],
    ['is off by a fifth of the smaller part at 95 %', 3840, 4000, 95, 'agrees'],
    ['is off by more than that at 95 %', 3845, 4000, 95, 'differs'],
    ['of 1 % is half a point off', 60, 4000, 1, 'agrees'],
    ['of 1 % is more than half a point off', 61, 4000, 1, 'differs'],
  ])('%s', (_name, ...[canary, requests, share, kind]) => {
    expect(at(canary, requests, share).kind).toBe(kind);
  });

  it.each<[number, number]>([
    [50, 40],
    [20, 100],
    [5, 400],
    [95, 400],
    [1, 2000],
    [0.01, 200_000],
  ])('of %d % needs %d requests before it says anything', (share, needed) => {
    expect(requestsNeeded(share)).toBe(needed);
    expect(at(0, needed - 1, share)).toEqual({ kind: 'untold' });
    expect(at(0, needed, share).kind).not.toBe('untold');
  });

  it('says how far off it may be, in points: less with more requests, never under a fifth of the smaller part', () => {
    const toleranceOf = (requests: number) => {
      const found = at(requests / 20, requests, 5);
      return found.kind === 'untold' ? null : Number(found.tolerance.toFixed(2));
    };
    expect([400, 1000, 4000, 1_000_000].map(toleranceOf)).toEqual([2.81, 1.78, 1, 1]);
  });

  it('is judged from either side alike', () => {
    const share = fc.integer({ min: 1, max: 9999 }).map((hundredths) => hundredths / 100);
    const counts = fc.record({ canary: fc.nat(100_000), stable: fc.nat(100_000) });
    fc.assert(
      fc.property(counts, share, ({ canary, stable }, of) => {
        const [one, other] = [
          { canary, stable },
          { canary: stable, stable: canary },
        ];
        // At the very edge the last bit of a number decides.
        const found = compareShare(one, of);
        const mirrored = compareShare(other, 100 - of);
        const isEdge =
          found.kind !== 'untold' && Math.abs(Math.abs(found.observed - of) - found.tolerance) < 1e-6;
        const isAtNeeded = Math.abs(canary + stable - requestsNeeded(of)) <= 1;
        expect(isEdge || isAtNeeded || mirrored.kind === found.kind).toBe(true);
      }),
    );
  });
});

describe('a weight', () => {
  const fresh = nothingTaken(1000);
  const five = (before: Uptake, [since, until]: [number, number], [canary, stable]: [number, number]) =>
    withStretch(before, { since, until, canary, stable }, { share: 5, mayExceed: false, scrapeMs: 1000 });

  it('counts as taken since it was applied when the first requests agree', () => {
    expect(five(fresh, [1900, 11_000], [50, 950])).toEqual({
      appliedAt: 1000,
      counted: { since: 11_000, until: 11_000, canary: 0, stable: 0 },
      taken: { since: 1000, untold: null },
      differing: null,
    });
  });

  it('counts as taken since the first stretch that agrees', () => {
    const late = five(five(fresh, [1000, 11_000], [0, 1000]), [11_000, 21_000], [50, 950]);
    expect([late.taken, late.differing]).toEqual([{ since: 11_000, untold: null }, null]);
  });

  it('waits for as many requests as say something, over several stretches', () => {
    const some = five(fresh, [1000, 11_000], [10, 190]);
    expect(some).toEqual({
      ...fresh,
      counted: { since: 1000, until: 11_000, canary: 10, stable: 190 },
    });
    expect(five(some, [11_000, 21_000], [10, 190]).taken).toEqual({ since: 1000, untold: null });
  });

  it('counts no request twice when a stretch goes back behind what was counted', () => {
    const some = five(fresh, [1000, 11_000], [0, 300]);
    expect(five(some, [1000, 21_000], [0, 390]).counted).toEqual({
      since: 1000,
      until: 21_000,
      canary: 0,
      stable: 390,
    });
  });

  it('that differs is counted until it agrees again, and keeps the time since which it was taken', () => {
    const taken = five(fresh, [1000, 11_000], [50, 950]);
    const once = five(taken, [11_000, 21_000], [200, 800]);
    const twice = five(once, [21_000, 31_000], [300, 700]);
    expect(twice.differing).toMatchObject({ inARow: 2, since: 11_000, observed: 30, requests: 1000 });
    const again = five(twice, [31_000, 41_000], [50, 950]);
    expect([again.taken, again.differing]).toEqual([{ since: 1000, untold: null }, null]);
  });

  it.each([
    [300, null],
    [0, 1],
  ])('of a canary that other routes feed, too, is not missed for more requests, only for fewer: %d of 1000', (canary, inARow) => {
    const stretch = { since: 1000, until: 11_000, canary, stable: 1000 - canary };
    const found = withStretch(fresh, stretch, { share: 5, mayExceed: true, scrapeMs: 1000 });
    expect(found.differing?.inARow ?? null).toBe(inARow);
    expect(found.taken?.since ?? null).toBe(inARow === null ? 1000 : null);
  });

  it.each([
    [25, 1000, null],
    [24, 1000, 1],
    [0, 1000, 1],
  ])('may lack in its first requests those of one scrape: %d of %d, in a stretch of two', (canary, all, inARow) => {
    const scrapes = { share: 5, mayExceed: false, scrapeMs: 15_000 };
    const stretch = { since: 1000, until: 31_000, canary, stable: all - canary };
    const first = withStretch(fresh, stretch, scrapes);
    expect(first.differing?.inARow ?? null).toBe(inARow);
    const next = { since: 31_000, until: 61_000, canary: 25, stable: 975 };
    expect(withStretch(first, next, scrapes).differing?.inARow).toBe((inARow ?? 0) + 1);
  });
});
