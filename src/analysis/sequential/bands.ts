import { logMean } from './mixture.ts';
import type { Ledger } from './state.ts';

/** Halvings of an interval: below what a chart or a sentence shows, and below 1e-9 of any rate. */
const halvings = 60;

/**
 * Bounds (0..1) of the rate of one arm that hold at every look together, with probability at least 1 - alpha: all rates p
 * at which the gamma-Poisson mixture ln E(mu) = mu + lnG(1 + S) - (1 + S) ln(1 + mu), mu = n p, S bad of n requests,
 * stays below ln(1 / alpha).
 *
 * Guarantee: for every A, A^S e^(-(A - 1) sum of p) is a supermartingale, whatever the rate does over time, and the
 * mixture is their mean over A with a Gamma(1, 1) law (Robbins, Annals of Mathematical Statistics 41, 1970; Howard et al.,
 * Annals of Statistics 49, 2021), so the bounds cover the average of the rate so far. Requests that come in clumps of
 * `noise` count as so many fewer, which is a heuristic.
 */
export function rateBand(bad: number, requests: number, alpha: number, noise: number): [number, number] {
  if (requests <= 0) return [0, 1];
  const seen = bad / noise;
  const most = -Math.log(alpha);
  const constant = logGamma(1 + seen);
  const isOutside = (mu: number) => mu + constant - (1 + seen) * Math.log1p(mu) >= most;
  let far = Math.max(1, 2 * seen);
  while (!isOutside(far)) far *= 2;
  const lower = isOutside(0) ? bisect(seen, 0, isOutside) : 0;
  const rate = (mu: number) => Math.min(1, (mu * noise) / requests);
  return [rate(lower), rate(bisect(seen, far, isOutside))];
}

/**
 * The largest excess (canary's rate minus stable's, -1..1) that evidence of at least 1 / alpha speaks against: with
 * "worse" alternatives a lower bound, with "better" ones an upper bound. Each holds at every look together with
 * probability at least 1 - alpha, since at the true excess the evidence is an e-process (see `logFactorAgainstStable`).
 */
export function excessBound(ledger: Ledger, alpha: number, side: 'lower' | 'upper'): number {
  const needed = -Math.log(alpha);
  const refuted = (excess: number) =>
    logMean(ledger.gained.map((gained, at) => gained - excess * (ledger.perExcess[at] ?? 0))) >= needed;
  const [refutedEnd, openEnd] = side === 'lower' ? [-1, 1] : [1, -1];
  if (!refuted(refutedEnd)) return refutedEnd;
  return refuted(openEnd) ? openEnd : bisect(openEnd, refutedEnd, refuted);
}

/** Where a condition that holds at `yes` and not at `no` begins to hold, from the side where it does. */
function bisect(no: number, yes: number, holds: (value: number) => boolean): number {
  let inside = no;
  let outside = yes;
  for (let halving = 0; halving < halvings; halving++) {
    const middle = (inside + outside) / 2;
    if (holds(middle)) outside = middle;
    else inside = middle;
  }
  return outside;
}

/** Stirling's series is exact to the last digits from here on. */
const largeEnough = 10;

/** Log of the gamma function for x > 0: Stirling's series after the recurrence (Abramowitz and Stegun 6.1.15, 6.1.41). */
function logGamma(x: number): number {
  let shifted = x;
  let product = 1;
  while (shifted < largeEnough) {
    product *= shifted;
    shifted += 1;
  }
  const inverse = 1 / shifted;
  const square = inverse * inverse;
  const series =
    inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188))));
  return (
    (shifted - 0.5) * Math.log(shifted) - shifted + 0.5 * Math.log(2 * Math.PI) + series - Math.log(product)
  );
}
