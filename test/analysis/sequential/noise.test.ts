import { describe, expect, it } from 'vitest';
import { noiseOf, podOdds } from '../../../src/analysis/sequential/noise.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';
import { binomialFrom } from './draws.ts';

/** Ten pods for half an hour: `clump` bad requests come together, and pod i has `rates[i]` of them. */
function history(
  seed: number,
  { clump = 1, rates = Array.from({ length: 10 }, () => 0.01), requests = 600 } = {},
) {
  const random = seededRandom(seed);
  return rates.map((rate) =>
    Array.from({ length: 30 }, () => ({
      bad: clump * binomialFrom(random, requests / clump, rate),
      requests,
    })),
  );
}

describe('the noise of requests', () => {
  it('is about 1 for independent ones', () => {
    const { factor, from } = noiseOf(history(1), 'pods');
    expect(from).toBe('pods');
    expect(factor).toBeGreaterThanOrEqual(1);
    expect(factor).toBeLessThan(1.3);
  });

  it.each([4, 8])('is about the size of the clumps that bad ones come in: %d', (clump) => {
    expect(noiseOf(history(2, { clump }), 'pods').factor / clump).toBeCloseTo(1, 0);
  });

  it('is not what all pods have in common, such as an outage', () => {
    const calm = history(3);
    const outage = history(4, { rates: Array.from({ length: 10 }, () => 0.3) });
    const both = calm.map((pod, at) => [...pod.slice(0, 25), ...(outage[at] ?? []).slice(0, 5)]);
    expect(noiseOf(both, 'pods').factor).toBeLessThan(1.5);
  });

  it('is at most 20', () => {
    expect(noiseOf(history(5, { clump: 60 }), 'pods').factor).toBe(20);
  });

  it.each([
    ['without history', []],
    ['with one pod', history(6).slice(0, 1)],
    ['with one pod that had requests', [...history(6).slice(0, 1), [{ bad: 0, requests: 0 }]]],
    ['with fewer than ten bad ones', [[{ bad: 4, requests: 1000 }], [{ bad: 5, requests: 1000 }]]],
  ])('is taken for 2 %s, and says so', (_name, pods) => {
    expect(noiseOf(pods, 'pods')).toEqual({ factor: 2, from: 'assumed', spread: 0 });
  });

  it('is what a person says, but never below 1', () => {
    expect(noiseOf(history(7), 3.5)).toMatchObject({ factor: 3.5, from: 'settings' });
    expect(noiseOf([], 0.1)).toEqual({ factor: 1, from: 'settings', spread: 0 });
  });

  it('of pods that come and go counts the minutes in which at least two answered', () => {
    const pods = history(8).map((pod, at) => (at === 0 ? pod : pod.slice(0, 10)));
    expect(noiseOf(pods, 'pods').factor).toBeLessThan(1.6);
  });
});

describe("the spread of stable's pods", () => {
  it.each([1, 3, 5])('is nothing where one of them failed for %d minutes', (minutes) => {
    const pods = history(11).map((pod, at) =>
      pod.map((cell, minute) =>
        at === 0 && minute >= 20 && minute < 20 + minutes ? { bad: 600, requests: 600 } : cell,
      ),
    );
    const { factor, spread } = noiseOf(pods, 'pods');
    expect(factor).toBe(20);
    expect(spread).toBeLessThan(0.05);
  });

  it('is at most 1, so that a canary may have three times their odds and no more', () => {
    const rates = Array.from({ length: 10 }, (_, at) => (at === 0 ? 0.3 : 0.001));
    const noise = noiseOf(history(12, { rates }), 'pods');
    expect(noise.spread).toBe(1);
    expect(podOdds(noise)).toBe(3);
  });

  it('is about nothing where they are alike', () => {
    expect(noiseOf(history(9), 'pods').spread).toBeLessThan(0.05);
  });

  it.each([1, 4])('is not read from chance: ten bad requests a pod, in clumps of %d', (clump) => {
    const rates = Array.from({ length: 10 }, () => 10 / 18_000);
    const odds = Array.from({ length: 40 }, (_, seed) =>
      podOdds(noiseOf(history(100 + seed, { clump, rates }), 'pods')),
    );
    const wider = odds.filter((ratio) => ratio > 1.5).length;
    expect(wider).toBeLessThanOrEqual(5);
  });

  it('is how far they stay apart', () => {
    const rates = Array.from({ length: 10 }, (_, at) => (at % 2 === 0 ? 0.014 : 0.006));
    expect(noiseOf(history(10, { rates }), 'pods').spread).toBeCloseTo(0.42, 1);
  });
});
