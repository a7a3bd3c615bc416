import { describe, expect, it } from 'vitest';
import { binomial, bursty, gamma, poisson } from '../../../bench/judge/draws.ts';
import { randomFor } from '../../../bench/judge/random.ts';
import type { Random } from '../../../src/sandbox/random.ts';

const many = 40_000;

/** Mean and variance of many draws, always the same ones. */
function momentsOf(draw: (random: Random) => number): { mean: number; variance: number } {
  const random = randomFor(1, 'moments', 0);
  let [sum, squares] = [0, 0];
  for (let turn = 0; turn < many; turn += 1) {
    const value = draw(random);
    sum += value;
    squares += value * value;
  }
  const mean = sum / many;
  return { mean, variance: squares / many - mean * mean };
}

/** Five standard errors of the mean; the variance may be off by as much relative to itself, and tails make it more. */
function expectMoments(draw: (random: Random) => number, mean: number, variance: number): void {
  const found = momentsOf(draw);
  expect(Math.abs(found.mean - mean)).toBeLessThan(5 * Math.sqrt(variance / many) + 1e-9);
  expect(Math.abs(found.variance / Math.max(variance, 1e-9) - 1)).toBeLessThan(0.08);
}

describe('chance', () => {
  it('is the same for the same seed, name and number, and another for any other', () => {
    const first = (seed: number, name: string, number: number) => {
      const random = randomFor(seed, name, number);
      return [random(), random(), random()].join(' ');
    };
    const streams = [first(1, 'N1', 0), first(2, 'N1', 0), first(1, 'N2', 0), first(1, 'N1', 1)];
    expect(first(1, 'N1', 0)).toBe(streams[0]);
    expect(new Set(streams).size).toBe(4);
  });

  it('is uniform: mean, variance and no memory', () => {
    const { mean, variance } = momentsOf((random) => random());
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
    const product = momentsOf((random) => (random() - 0.5) * (random() - 0.5));
    expect(product.mean).toBeCloseTo(0, 2);
  });
});

describe('draws have the mean and the variance that they promise', () => {
  it.each([
    [10, 0.2],
    [150, 0.005],
    [1000, 0.02],
    [3000, 0.3],
    [40, 0.9],
    [500_000, 0.0001],
    [500_000, 0.001],
  ])('binomial: %i requests with %f', (count, chance) => {
    expectMoments((random) => binomial(random, count, chance), count * chance, count * chance * (1 - chance));
  });

  it.each([0.03, 1, 9.9, 10.1, 75, 20_000])('Poisson: %f', (mean) => {
    expectMoments((random) => poisson(random, mean), mean, mean);
  });

  it.each([0.2, 1, 3, 40])('gamma: shape %f', (shape) => {
    expectMoments((random) => gamma(random, shape), shape, shape);
  });

  it.each([
    [3, 2],
    [40, 8],
    [500, 8],
  ])('in bursts: %i events, variance %i x that', (mean, ratio) => {
    expectMoments((random) => bursty(random, mean, ratio), mean, mean * ratio);
  });

  it('in bursts of one is Poisson', () => {
    expectMoments((random) => bursty(random, 12, 1), 12, 12);
  });
});

describe('draws', () => {
  it('stay within what is possible, and take nothing from nothing', () => {
    const random = randomFor(1, 'edges', 0);
    expect(binomial(random, 0, 0.5)).toBe(0);
    expect(binomial(random, 7, 0)).toBe(0);
    expect(binomial(random, 7, 1)).toBe(7);
    expect(poisson(random, 0)).toBe(0);
    expect(bursty(random, 0, 8)).toBe(0);
    for (let turn = 0; turn < 2000; turn += 1) {
      const bad = binomial(random, 60, 0.4);
      expect(Number.isInteger(bad) && bad >= 0 && bad <= 60).toBe(true);
    }
  });

  it('have the exact chances where they can be counted', () => {
    const random = randomFor(1, 'exact', 0);
    const found = new Array(60).fill(0);
    for (let turn = 0; turn < many; turn += 1) found[binomial(random, 60, 0.25)] += 1;
    // 60 over 15 times 0.25^15 times 0.75^45.
    expect(found[15] / many).toBeCloseTo(0.1182, 2);
    const atMostTen = found.slice(0, 11).reduce((sum, times) => sum + times, 0) / many;
    expect(atMostTen).toBeCloseTo(0.0862, 2);
  });
});
