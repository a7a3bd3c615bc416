import type { Random } from '../../../src/sandbox/random.ts';

/** Bad ones among `count` independent requests, by the inverse of the distribution. */
export function binomialFrom(random: Random, count: number, chance: number): number {
  return drawFrom(random, cumulatedBinomial(count, chance));
}

/** The chances of at most 0, 1, ... bad ones among `count`, in logs against underflow. */
export function cumulatedBinomial(count: number, chance: number): Float64Array {
  const most = Math.round(count);
  const cumulated = new Float64Array(most + 1).fill(1);
  if (chance <= 0) return cumulated;
  let log = most * Math.log1p(-chance);
  let sum = 0;
  for (let bad = 0; bad < most; bad++) {
    sum += Math.exp(log);
    cumulated[bad] = sum;
    log += Math.log((most - bad) / (bad + 1)) + Math.log(chance / (1 - chance));
  }
  return cumulated;
}

/** One draw by binary search in cumulated chances. */
export function drawFrom(random: Random, cumulated: Float64Array): number {
  const point = random();
  let low = 0;
  let high = cumulated.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (point < (cumulated[middle] ?? 1)) high = middle;
    else low = middle + 1;
  }
  return low;
}
