import type { Tolerance } from './settings.ts';

/** What decides how soon a regression shows: stable's rate (0..1), what is tolerated, noise, and the evidence it takes. */
export type Sight = { stableRate: number; tolerance: Tolerance; noise: number; logNeeded: number };

/**
 * Log of the evidence that a comparison must gather alone: the threshold, and what its part of the wealth, the late
 * stakes and the six alternatives cost.
 */
export function logNeeded(falseRollbackRate: number, comparisons: number): number {
  return Math.log(1 / falseRollbackRate) + Math.log(comparisons) + Math.log(2) + Math.log(6);
}

/**
 * About how many requests of the canary it takes to find a rate of bad ones (0..1); null when it is tolerated. Each
 * brings p ln(p / T) - (p - T) on average, the information of a Poisson count of rate p against T, where T is what is
 * tolerated; right when stable has many more requests. Wald's approximation of the expected sample number (1947).
 */
export function requestsToDetect(rate: number, sight: Sight): number | null {
  const gain = gainPerRequest(rate, toleratedRate(sight));
  return gain > 0 ? (sight.noise * sight.logNeeded) / gain : null;
}

/** The least rate of bad requests (0..1) that so many of the canary are likely to show; null when not even 1. */
export function detectableRate(requests: number, sight: Sight): number | null {
  const tolerated = toleratedRate(sight);
  const needed = (sight.noise * sight.logNeeded) / requests;
  if (!(gainPerRequest(1, tolerated) >= needed)) return null;
  let unseen = tolerated;
  let seen = 1;
  for (let halving = 0; halving < 40; halving++) {
    const middle = (unseen + seen) / 2;
    if (gainPerRequest(middle, tolerated) >= needed) seen = middle;
    else unseen = middle;
  }
  return seen;
}

function toleratedRate({ stableRate, tolerance }: Sight): number {
  return tolerance.ratio * stableRate + tolerance.excess;
}

function gainPerRequest(rate: number, tolerated: number): number {
  if (rate <= tolerated) return 0;
  // Without any tolerance a single bad request is too many.
  return tolerated > 0 ? rate * Math.log(rate / tolerated) - (rate - tolerated) : Number.MAX_VALUE;
}
