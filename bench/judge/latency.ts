import type { Random } from '../../src/sandbox/random.ts';
import { binomial } from './draws.ts';
import { boundsMs, buckets } from './setting.ts';

/** Lognormal: ln of the latency in ms has the mean ln(medianMs) and the standard deviation `sigma`. */
export type Latency = { medianMs: number; sigma: number };

/** The chance that a request is not slower than `ms`. */
export function chanceWithin({ medianMs, sigma }: Latency, ms: number): number {
  return normalCdf(Math.log(ms / medianMs) / sigma);
}

/** The latency that this part of the requests, 0..1, does not exceed; by bisection. */
export function quantileOf(latency: Latency, part: number): number {
  let [low, high] = [-8, 8];
  for (let turn = 0; turn < 60; turn += 1) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < part) low = middle;
    else high = middle;
  }
  return latency.medianMs * Math.exp(latency.sigma * low);
}

/** Adds to `into`, at each bound, the chance of a request not to be slower than it, times `weight`. */
export function addChances(into: Float64Array, { medianMs, sigma }: Latency, weight: number): void {
  const logMedian = Math.log(medianMs);
  for (let bound = 0; bound < logBounds.length; bound += 1) {
    const z = ((logBounds[bound] ?? 0) - logMedian) / sigma;
    into[bound] = (into[bound] ?? 0) + weight * normalCdf(z);
  }
}

/**
 * Spreads `count` requests over the buckets from `offset` on: one binomial draw for each bucket among those that are
 * left, which together are one multinomial draw.
 */
export function drawBuckets(
  random: Random,
  count: number,
  chances: Float64Array,
  { into, offset }: { into: Float64Array | number[]; offset: number },
): void {
  let left = count;
  let below = 0;
  for (let bucket = 0; bucket < buckets - 1; bucket += 1) {
    const within = chances[bucket] ?? 1;
    const here =
      within >= 1 - 1e-12 ? left : binomial(random, left, Math.max(0, within - below) / (1 - below));
    into[offset + bucket] = here;
    left -= here;
    below = within;
    if (left === 0) {
      into.fill(0, offset + bucket + 1, offset + buckets);
      return;
    }
  }
  into[offset + buckets - 1] = left;
}

const logBounds = Float64Array.from(boundsMs, Math.log);
const perUnit = 256;
const reach = 8;
const cdf = tabulated();

/** The standard normal distribution by a table of steps of 1/256 with lines between: within 5e-7, in the tails 1e-8. */
export function normalCdf(z: number): number {
  if (z <= -reach) return 0;
  if (z >= reach) return 1;
  const place = (z + reach) * perUnit;
  const index = Math.floor(place);
  const low = cdf[index] ?? 0;
  return low + ((cdf[index + 1] ?? 1) - low) * (place - index);
}

/** Simpson's rule over each step. */
function tabulated(): Float64Array {
  const density = (z: number) => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
  const table = new Float64Array(2 * reach * perUnit + 1);
  for (let index = 1; index < table.length; index += 1) {
    const [from, to] = [(index - 1) / perUnit - reach, index / perUnit - reach];
    const area = (density(from) + 4 * density((from + to) / 2) + density(to)) / 6 / perUnit;
    table[index] = (table[index - 1] ?? 0) + area;
  }
  return table;
}
