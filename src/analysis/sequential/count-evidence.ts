import type { Tolerance } from './settings.ts';

/** Requests of both arms between two looks, and those of them that were bad; fractions are allowed. */
export type Counts = {
  canaryBad: number;
  canaryRequests: number;
  stableBad: number;
  stableRequests: number;
};

/**
 * Tolerance as a ratio of rates, from one as a ratio of odds: `odds / (1 + (odds - 1) base)`, where `base` (0..1) is the
 * usual rate. Where most requests are "bad" (slower than a low bucket bound) a ratio of rates could tolerate everything;
 * one of odds means the same at every bound (the identity between odds ratio and relative risk: Zhang and Yu, JAMA 280,
 * 1998).
 */
export function toleratedRatio(odds: number, base: number): number {
  return odds / (1 + (odds - 1) * base);
}

/**
 * How much a bad request of the canary multiplies the wealth that is bet on "the canary is `psi` times what is
 * tolerated": `psi (1 + q) / (1 + psi q)`, where `q` is the tolerated ratio times canary requests over stable requests.
 */
export function tilt(psi: number, q: number): number {
  return 1 + (psi - 1) / (1 + psi * q);
}

/**
 * Log of the factor by which evidence against "canary rate <= ratio * stable rate + excess" changes with one look; with
 * psi < 1 it is evidence against the reverse, "canary rate >= ratio * stable rate + excess".
 *
 * Guarantee: given the past and the numbers of requests, its exponential has mean <= 1 under that hypothesis, for
 * whatever rate stable has in this stretch. Proof: with A the tilt and B = 1 - q (A - 1) = (1 + q) / (1 + psi q),
 * E[A^x B^y] <= exp(n_c p_c (A - 1) + n_s p_s (B - 1)) for Bernoulli and Poisson counts, since 1 + u <= e^u, and for
 * fractional ones in 0..1 a request, since A^u <= 1 + (A - 1) u. The exponent is n_c (A - 1) (p_c - ratio p_s), at most
 * n_c (A - 1) excess under the hypothesis, which the last term takes away. So what hits both arms, an outage or a drift,
 * cancels. Without tolerance it is the conditional binomial likelihood ratio of Lindon and Malek (Anytime-Valid
 * Inference for Multinomial Count Data, NeurIPS 2022). Without requests of stable it says nothing: 0.
 */
export function logFactorAgainstStable(counts: Counts, tolerance: Tolerance, psi: number): number {
  const { canaryBad, canaryRequests, stableBad, stableRequests } = counts;
  if (stableRequests === 0) return 0;
  const q = (tolerance.ratio * canaryRequests) / stableRequests;
  const step = (psi - 1) / (1 + psi * q);
  const logStable = Math.log1p(-q * step);
  return (
    canaryBad * (Math.log(psi) + logStable) + stableBad * logStable - tolerance.excess * canaryRequests * step
  );
}

/** The same for each of several alternatives. */
export function logFactorsAgainstStable(
  counts: Counts,
  tolerance: Tolerance,
  alternatives: readonly number[],
): number[] {
  const factors: number[] = [];
  for (const psi of alternatives) factors.push(logFactorAgainstStable(counts, tolerance, psi));
  return factors;
}

/** A limit of 0 could never be tested: one bad request in a million is taken for it. One of 1 can never be broken. */
const leastLimit = 1e-6;
const mostLimit = 1 - 1e-6;

/**
 * The rate (0..1) that a bet on "the canary is `psi` times the limit" assumes: where that is no probability, it is half
 * way between the limit and 1.
 */
export function assumedRate(limit: number, psi: number): number {
  return Math.min(psi * limit, (1 + limit) / 2);
}

/**
 * Log of the factor by which evidence against "the rate is at most `limit`" changes with `bad` of `requests`: the
 * likelihood ratio of Wald's sequential test (Sequential Analysis, 1947) for the alternative `assumed` (0..1).
 *
 * Guarantee: mean <= 1 for every rate up to the limit, be it another one at each look; exact for Bernoulli counts, kept
 * by fractional ones (the odds ratio A of both rates obeys A^u <= 1 + (A - 1) u for u in 0..1).
 */
export function logFactorAgainstLimit(bad: number, requests: number, limit: number, assumed: number): number {
  if (limit > mostLimit) return 0;
  return bad * Math.log(assumed / limit) + (requests - bad) * Math.log1p((limit - assumed) / (1 - limit));
}

/** A limit that can be tested: see `logFactorAgainstLimit`. */
export function testableLimit(limit: number): number {
  return Math.max(limit, leastLimit);
}

/**
 * Log of the factor by which evidence against "the canary gets at least half of its share" changes: the likelihood ratio
 * of a twentieth of the share against a half of it. `share` is 0..1.
 *
 * Guarantee: mean <= 1 if each request reaches the canary with at least half the probability that the weights say. Both
 * terms are the binomial special case of the multinomial test of Lindon and Malek (NeurIPS 2022) for a sample ratio
 * mismatch, with a simple alternative in place of their Dirichlet mixture.
 */
export function logFactorAgainstSplit(canary: number, stable: number, share: number): number {
  const half = share / 2;
  const twentieth = share / 20;
  return -canary * Math.LN10 + stable * Math.log((1 - twentieth) / (1 - half));
}
