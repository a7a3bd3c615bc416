import { logAdd, logSum } from './mixture.ts';

/** How many of the later stakes are about alike before they shrink with the square of their number. */
const evenStakes = 80;

/** Logs of the stakes on each alternative, as if the whole wealth were bet on it; what is not staked is cash. */
export type Stakes = number[];

/** Half of the wealth on each alternative, before the first look. */
export function firstStakes(alternatives: number): Stakes {
  return Array.from({ length: alternatives }, () => Math.log(0.5));
}

/**
 * The log of what is newly staked right before this look (counted from 0), or null before the first: late faults are found
 * by bets that did not lose in the good time before. Many small stakes find them sooner than few large ones, which come at
 * the wrong moment: up to then all that is staked has lost. The later stakes are c / (2 (j + c - 1) (j + c)) for
 * j = 1, 2, ... and sum to a half.
 */
export function newStake(look: number): number | null {
  return look === 0 ? null : Math.log(evenStakes / (2 * (look + evenStakes - 1) * (look + evenStakes)));
}

/** The part of the wealth (0..1) that is still cash at a look counted from 0: c / (2 (j + c)) after j later stakes. */
export function cash(look: number): number {
  return evenStakes / (2 * (look + evenStakes));
}

/** How a look is bet on: what is newly staked before it, as a log, its noise, and what it may lead to, as a log. */
export type Bet = { fresh: number | null; noise: number; most: number };

/**
 * Stakes after one look. `logFactors` has one factor an alternative. `noise` (at least 1) divides each log; then it is cut
 * so that no stake of at most a half becomes more than `most`. Neither raises a mean above 1: E[e^(1/noise)] <=
 * E[e]^(1/noise) (Jensen), and a factor that is cut where the stakes say beforehand is never more than it was.
 */
export function staked(before: readonly number[], logFactors: readonly number[], bet: Bet): Stakes {
  const { fresh, noise, most } = bet;
  const after: number[] = [];
  for (let at = 0; at < before.length; at++) {
    const old = before[at] ?? 0;
    const stake = fresh === null ? old : logAdd(old, fresh);
    const gain = (logFactors[at] ?? 0) / noise;
    const room = most - Math.min(stake, -Math.LN2);
    after.push(stake + (gain > room ? room : gain));
  }
  return after;
}

/** However little evidence is wanted, a look may bring some. */
const leastOfOneLook = 1;

/**
 * What one look may lead a stake to, as a log: a third of the evidence 1 / alpha that is wanted. A counter reset, a changed
 * label or the start of a pod makes one strange scrape, not two; cut like this it never rolls back a canary that nothing
 * spoke against before, nor is it in the way of what comes later, and nothing need be remembered of it.
 */
export function mostOfOneLook(alpha: number): number {
  return Math.max(leastOfOneLook, -Math.log(alpha) - 1);
}

/**
 * Log of the whole wealth after a look (counted from 0): the mean over the alternatives, and the cash.
 *
 * Guarantee: it is a supermartingale that begins at 1, exactly. Let M_t be the stake on one alternative, s_t what is
 * newly staked before look t, known beforehand, and C_t = C_(t-1) - s_t the cash. Then M_t = (M_(t-1) + s_t) e_t with
 * E[e_t | past] <= 1, so E[M_t + C_t | past] <= M_(t-1) + s_t + C_(t-1) - s_t = M_(t-1) + C_(t-1); all alternatives
 * stake alike, and a mean of supermartingales is one. M_0 + C_0 = 1/2 + 1/2. By Ville's inequality (1939) it ever
 * exceeds 1 / alpha with probability at most alpha, however often one looks.
 */
export function logWealth(stakes: readonly number[], look: number): number {
  return logAdd(logSum(stakes) - Math.log(stakes.length), Math.log(cash(look)));
}
