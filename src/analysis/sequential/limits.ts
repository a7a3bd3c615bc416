import { errorCounts } from './compare.ts';
import {
  assumedRate,
  type Counts,
  logFactorAgainstLimit,
  logFactorAgainstStable,
  testableLimit,
} from './count-evidence.ts';
import { inAllBuckets, slowerThan, surelySlowerThan } from './histogram.ts';
import type { Look } from './look.ts';
import { worse } from './mixture.ts';
import type { JudgeSettings } from './settings.ts';
import type { LimitState } from './state.ts';
import { breachAfter, isOver, isShared, outageAfter, recentAfter } from './stretch.ts';
import { added, nothingCounted } from './totals.ts';
import { logWealth, staked } from './wealth.ts';

/** A limit after a look: its evidence, and what an alert rule would see. One above the highest bound is not judged. */
export function withLimit(
  before: LimitState,
  look: Look,
  boundsMs: readonly number[],
  settings: JudgeSettings,
): LimitState {
  if (before.isBlind) return before;
  const counts = limitCounts(before, look, boundsMs);
  const bet = { fresh: look.fresh, noise: before.noise.factor, most: look.most };
  const stakes = staked(before.stakes, logFactors(before, counts, look, settings), bet);
  const after = {
    ...before,
    stakes,
    log: logWealth(stakes, look.number),
    totals: added(before.totals, counts, before.usualRate),
    since: added(look.isNewSpan ? nothingCounted : before.since, counts, before.usualRate),
    recent: recentAfter(before.recent, counts, look),
  };
  const isAbsolute = settings.attribution === 'absolute';
  return {
    ...after,
    breach: breachAfter(after, counts, look, settings),
    outage: isAbsolute
      ? before.outage
      : outageAfter(after, { ...counts, stableSurelyBad: surelyBad(before, look, boundsMs) }, look),
  };
}

/** The canary is not over the limit now, or stable is, too: what the limit told before rolls nothing back. */
export function isExcused(limit: LimitState): boolean {
  return !isOver(limit) || isShared(limit);
}

/**
 * For each alternative the smaller one of two factors: against "within the limit", and against "no worse than one of
 * stable's pods". Guarantee: its mean is at most 1 if either is true at this look, be it now the one, now the other, since
 * a minimum has at most the mean of both. So an outage that both arms share earns nothing while stable has requests to
 * show it. Where stable has none nothing is bet; where it is gone for good (`isAlone`), and where the plan wants limits to be
 * absolute, what is tested at that look is "within the limit" alone: a canary that breaks it through no fault of its own is
 * rolled back.
 */
function logFactors(
  { rate, podRatio }: LimitState,
  counts: Counts,
  { isAlone }: Look,
  { attribution }: JudgeSettings,
): number[] {
  const limit = testableLimit(rate);
  const asPods = { ratio: podRatio, excess: 0 };
  const isAbsolute = attribution === 'absolute' || isAlone;
  const { canaryBad, canaryRequests, stableRequests } = counts;
  if (stableRequests === 0 && !isAbsolute) return worse.map(() => 0);
  return worse.map((psi) => {
    const over = logFactorAgainstLimit(canaryBad, canaryRequests, limit, assumedRate(limit, psi));
    return isAbsolute ? over : Math.min(over, logFactorAgainstStable(counts, asPods, psi));
  });
}

function limitCounts({ maxMs }: LimitState, look: Look, boundsMs: readonly number[]): Counts {
  if (maxMs === null) return errorCounts(look);
  const { canary, stable } = look;
  return {
    canaryBad: slowerThan(boundsMs, canary.buckets, maxMs),
    canaryRequests: inAllBuckets(canary.buckets),
    stableBad: slowerThan(boundsMs, stable.buckets, maxMs),
    stableRequests: inAllBuckets(stable.buckets),
  };
}

/** Stable's requests that broke the limit wherever in its bucket the limit lies. */
function surelyBad({ maxMs }: LimitState, { stable }: Look, boundsMs: readonly number[]): number {
  return maxMs === null ? stable.errors : surelySlowerThan(boundsMs, stable.buckets, maxMs);
}
