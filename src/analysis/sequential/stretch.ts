import { type Counts, testableLimit } from './count-evidence.ts';
import type { Look } from './look.ts';
import type { JudgeSettings } from './settings.ts';
import { type LimitState, noStretch, nothingRecent, type Recent, type Stretch } from './state.ts';
import { noSums, type Sums, summed } from './totals.ts';

/** Seconds of each of the two parts that the last minute or so is kept in. */
const partSeconds = 45;
/** Requests below which an arm has no rate, and bad ones below which a breach may be a chance or two. */
const enoughRequests = 20;
const enoughBad = 3;
/** Bad ones of the canary in about the last minute below which its rate says nothing: one bad request is none. */
const recentBad = 2;
/** One-sided 1 % point of the normal distribution. */
const onePercent = 2.326;

/**
 * About the last minute after a look: a part of 45 s and what came since, so nothing is older than 90 s and one look, however
 * bad it was. It begins anew after a time without data.
 */
export function recentAfter(before: Recent, counts: Counts, { seconds }: Look): Recent {
  const { older, newer, newerSeconds } = seconds > 0 ? before : nothingRecent;
  const isFull = newerSeconds >= partSeconds;
  const after = isFull
    ? { older: newer, newer: summed(noSums, counts), newerSeconds: seconds }
    : { older, newer: summed(newer, counts), newerSeconds: newerSeconds + seconds };
  return { ...after, both: summed(after.older, after.newer) };
}

/**
 * The breach of a limit, as an alert rule would see it: for how long the canary's rate of about the last minute has been
 * over it. It is the canary's own breach if stable's is not, and the canary is worse than is tolerated; or if stable
 * cannot tell. Time in which the canary has no request is no breach, nor does it end one at once.
 */
export function breachAfter(limit: LimitState, counts: Counts, look: Look, settings: JudgeSettings): Stretch {
  if (!isOwnBreach(limit, look, settings)) return noStretch;
  const before = look.seconds > 0 ? limit.breach : noStretch;
  return stretched(before, counts, counts.canaryRequests > 0 ? look.seconds : 0);
}

/** Enough requests of the canary broke the limit in this breach to be no chance. */
export function isBreaking({ breach }: LimitState): boolean {
  return breach.canaryRequests >= enoughRequests && breach.canaryBad >= enoughBad;
}

/** A breach of the canary's own that has lasted for as long as the limit says. */
export function isStanding(limit: LimitState): boolean {
  return isBreaking(limit) && limit.breach.seconds >= limit.backstopSeconds;
}

/** Whether the canary is over the limit in about the last minute. */
export function isOver({ recent, rate }: LimitState): boolean {
  return recent.both.canaryBad > rate * recent.both.canaryRequests;
}

/**
 * What both arms did while stable was over the limit. It begins when that is beyond chance, and ends when stable's rate of
 * about the last minute is not over it any more, so that it does not come and go. Where stable cannot tell, there is none.
 * Seconds count while the canary is no exception, and only looks in which stable was over the limit by more than a canary
 * may be over stable: the last minute knows of an outage longer than it lasts, and a service that drifts over its own limit
 * by little is no outage to run from. Nor is one that may not be over it at all: where a limit of latency lies inside a
 * bucket, only what is above that bucket counts for them, and a drift within the bucket is held, not run from.
 */
export function outageAfter(
  limit: LimitState,
  counts: Counts & { stableSurelyBad: number },
  look: Look,
): Stretch {
  const { rate, outage } = limit;
  const recent = limit.recent.both;
  const over = standardErrorsOver(recent.stableBad, recent.stableRequests, rate);
  const goesOn = outage.stableRequests > 0 ? over > 0 : over > clearly(limit) && isEnough(recent);
  if (!goesOn || look.isAlone) return noStretch;
  const tolerated = limit.worseRatio * rate * counts.stableRequests;
  const after = stretched(outage, counts, counts.stableSurelyBad > tolerated ? look.seconds : 0);
  return isExempt({ ...limit, outage: after }) ? { ...after, seconds: 0 } : after;
}

/** Stable is over the limit, and the canary no exception: whatever the cause is, it is not the canary alone. */
export function isShared(limit: LimitState): boolean {
  return limit.outage.stableRequests > 0 && !isExempt(limit);
}

/** The canary is within the limit all through the outage, beyond chance or clearly better than stable. */
function isExempt(limit: LimitState): boolean {
  const { outage, rate } = limit;
  const recent = limit.recent.both;
  const { canaryBad, canaryRequests, stableBad, stableRequests } = outage;
  const beyondChance = clearly(limit);
  if (standardErrorsOver(recent.canaryBad, recent.canaryRequests, rate) > beyondChance) return false;
  if (canaryBad > rate * canaryRequests) return false;
  const isWithin = standardErrorsOver(canaryBad, canaryRequests, rate) < -beyondChance;
  return (
    isWithin || standardErrorsOver(canaryBad, canaryRequests, stableBad / stableRequests) < -beyondChance
  );
}

function isOwnBreach(limit: LimitState, { isAlone }: Look, { attribution }: JudgeSettings): boolean {
  const { canaryBad, canaryRequests, stableBad, stableRequests } = limit.recent.both;
  if (canaryBad < recentBad || !isOver(limit)) return false;
  if (attribution === 'absolute' || isAlone || stableRequests === 0) return true;
  const stableRate = stableBad / stableRequests;
  return stableRate <= limit.rate && canaryBad > limit.worseRatio * stableRate * canaryRequests;
}

function isEnough({ stableRequests }: Sums): boolean {
  return stableRequests >= enoughRequests;
}

/** Standard errors beyond which chance is ruled out, more of them where requests are noisier. */
function clearly({ noise }: LimitState): number {
  return onePercent * Math.sqrt(noise.factor);
}

/** How many standard errors (Poisson) a count lies above what a rate lets one expect. */
function standardErrorsOver(bad: number, requests: number, rate: number): number {
  const expected = testableLimit(rate) * requests;
  return expected > 0 ? (bad - expected) / Math.sqrt(expected) : 0;
}

function stretched(before: Stretch, counts: Counts, seconds: number): Stretch {
  return { ...summed(before, counts), seconds: before.seconds + seconds };
}
