import { normalFrom, type Random } from '../../src/sandbox/random.ts';

/** Below this mean a search from 0 upwards is faster than rejection. */
const fewest = 10;

/** Bad ones among `count`, each with `chance`. Search from 0 below a mean of 10, otherwise Hormann's BTRS. */
export function binomial(random: Random, count: number, chance: number): number {
  if (count <= 0 || chance <= 0) return 0;
  if (chance >= 1) return count;
  if (chance > 0.5) return count - binomial(random, count, 1 - chance);
  return count * chance < fewest
    ? searchedBinomial(random, count, chance)
    : rejectedBinomial(random, count, chance);
}

/** Events where `mean` are expected. Search from 0 below a mean of 10, otherwise Hormann's PTRS. */
export function poisson(random: Random, mean: number): number {
  if (mean <= 0) return 0;
  return mean < fewest ? searchedPoisson(random, mean) : rejectedPoisson(random, mean);
}

/**
 * Events that come in bursts, negative-binomial: the variance is `ratio` times the mean at every length of time,
 * because sums of such counts are such counts again. A Poisson count whose mean is drawn from a gamma distribution.
 */
export function bursty(random: Random, mean: number, ratio: number): number {
  if (mean <= 0 || ratio <= 1) return poisson(random, mean);
  return poisson(random, gamma(random, mean / (ratio - 1)) * (ratio - 1));
}

/** A gamma variate of scale 1: Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. */
export function gamma(random: Random, shape: number): number {
  if (shape < 1) return gamma(random, shape + 1) * (1 - random()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normalFrom(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

function searchedBinomial(random: Random, count: number, chance: number): number {
  const odds = chance / (1 - chance);
  let probability = Math.exp(count * Math.log1p(-chance));
  let left = random();
  for (let bad = 0; bad < count; bad += 1) {
    if (left < probability) return bad;
    left -= probability;
    probability *= (odds * (count - bad)) / (bad + 1);
  }
  return count;
}

function searchedPoisson(random: Random, mean: number): number {
  let probability = Math.exp(-mean);
  let left = random();
  // The sum of all probabilities may stay below 1 by rounding: 200 is out of reach at these means.
  for (let events = 0; events < 200; events += 1) {
    if (left < probability) return events;
    left -= probability;
    probability *= mean / (events + 1);
  }
  return 200;
}

/** BTRS: W. Hormann, "The generation of binomial random variates", 1993. For chances up to a half. */
function rejectedBinomial(random: Random, n: number, p: number): number {
  const spread = Math.sqrt(n * p * (1 - p));
  const b = 1.15 + 2.53 * spread;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const alpha = (2.83 + 5.1 / b) * spread;
  const sure = 0.92 - 4.2 / b;
  const mode = Math.floor((n + 1) * p);
  const logOdds = Math.log(p / (1 - p));
  const atMode = logFactorial(mode) + logFactorial(n - mode);
  for (;;) {
    const u = random() - 0.5;
    const v = 1 - random();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + n * p + 0.5);
    if (us >= 0.07 && v <= sure) return k;
    if (k < 0 || k > n) continue;
    const height = atMode - logFactorial(k) - logFactorial(n - k) + (k - mode) * logOdds;
    if (Math.log((v * alpha) / (a / (us * us) + b)) <= height) return k;
  }
}

/** PTRS: W. Hormann, "The transformed rejection method for generating Poisson random variables", 1993. */
function rejectedPoisson(random: Random, mean: number): number {
  const b = 0.931 + 2.53 * Math.sqrt(mean);
  const a = -0.059 + 0.02483 * b;
  const inverseAlpha = 1.1239 + 1.1328 / (b - 3.4);
  const sure = 0.9277 - 3.6224 / (b - 2);
  const logMean = Math.log(mean);
  for (;;) {
    const u = random() - 0.5;
    const v = 1 - random();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= sure) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (Math.log((v * inverseAlpha) / (a / (us * us) + b)) <= k * logMean - mean - logFactorial(k)) return k;
  }
}

const halfLogTau = 0.5 * Math.log(2 * Math.PI);
const small = smallLogFactorials(64);

/** Stirling's series beyond the table, where its fourth term is below 1e-15. */
function logFactorial(k: number): number {
  const known = small[k];
  if (known !== undefined) return known;
  const n = k + 1;
  const square = n * n;
  return (n - 0.5) * Math.log(n) - n + halfLogTau + (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / n;
}

function smallLogFactorials(count: number): Float64Array {
  const table = new Float64Array(count);
  for (let k = 1; k < count; k += 1) table[k] = (table[k - 1] ?? 0) + Math.log(k);
  return table;
}
