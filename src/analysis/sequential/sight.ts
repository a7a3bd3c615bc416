import {
  assumedRate,
  logFactorAgainstLimit,
  logFactorAgainstStable,
  testableLimit,
} from './count-evidence.ts';
import { comparisons } from './evidence.ts';
import { inAllBuckets, slowerThan } from './histogram.ts';
import { worse } from './mixture.ts';
import { logNeeded } from './planning.ts';
import type { JudgeSettings, Tolerance } from './settings.ts';
import type { Comparison, JudgeState } from './state.ts';

/** One of the judge's tests before the first poll: what it takes for bad, and the evidence that it takes. */
export type PlannedTest = {
  /** Bad are requests slower than so many ms; null for errors. */
  slowerThanMs: number | null;
  /** Of stable's requests, 0..1. */
  stableRate: number;
  tolerance: Tolerance;
  /** The most that may be bad (0..1), which the canary must exceed as well; null for a comparison with stable. */
  limit: { id: string; rate: number } | null;
  /** Log of the evidence that it must gather alone, times the noise that divides it. */
  needed: number;
};

/** What a step brings: requests of the canary, those of them after it warmed up, and of stable for each of them. */
export type Brought = { requests: number; warmRequests: number; stablePerCanary: number };

/** Requests of stable in the buckets of its histogram, the last above every bound. */
export type Histogram = { boundsMs: readonly number[]; counts: readonly number[] };

/** Beyond so many requests nobody waits for anything. */
const mostRequests = 1e12;
/** A slowdown that is not seen at so many times is never seen. */
const mostTimes = 100;
const halvings = 40;
/** The least and the most that the judge bets on, as multiples of what is tolerated. */
const [leastBet, mostBet] = [Math.min(...worse), Math.max(...worse)];
/** From this share in percent on, stable has nothing to say: see `lookOf`. */
const nearlyWhole = 99;
/** The part of a step that may be spent on warming up: see `lookOf`. */
const mostWarmUp = 0.25;

/** All tests of a judge that was opened with stable's traffic, but those of limits that nobody can judge. */
export function plannedTests(state: JudgeState, settings: JudgeSettings): PlannedTest[] {
  const log = logNeeded(settings.falseRollbackRate, comparisons(state));
  const bounds = state.latency?.atBounds ?? [];
  const against = (one: Comparison, excess: number) => ({
    stableRate: one.usualRate,
    tolerance: { ratio: one.ratio, excess },
    limit: null,
  });
  const errors = { ...against(state.errors, settings.errors.excess), slowerThanMs: null };
  // The evidence of latency is the mean over its bounds, so one that speaks alone must be so much louder.
  const logOfBounds = Math.log(Math.max(1, bounds.length));
  return [
    { ...errors, needed: state.errors.noise.factor * log },
    ...bounds.map((one) => ({
      ...against(one, settings.latency.excess),
      slowerThanMs: state.boundsMs[one.bound] ?? null,
      needed: one.noise.factor * (log + logOfBounds),
    })),
    ...state.limits.flatMap(({ id, rate, maxMs, isBlind, usualRate, podRatio, noise }) => {
      if (isBlind) return [];
      const tolerance = { ratio: podRatio, excess: 0 };
      const limit = { id, rate: testableLimit(rate) };
      return { slowerThanMs: maxMs, stableRate: usualRate, tolerance, limit, needed: noise.factor * log };
    }),
  ];
}

/** Stable's requests for each of the canary's at a share in percent; 0 where stable has nothing to say. */
export function stablePerCanary(share: number): number {
  return share >= nearlyWhole ? 0 : (100 - share) / share;
}

/** Seconds of a step in which latency is compared; it begins so many seconds after the rollout. */
export function warmSecondsOf(
  { startsInSeconds, bakeSeconds }: { startsInSeconds: number; bakeSeconds: number },
  { latency }: Pick<JudgeSettings, 'latency'>,
): number {
  const inStep = Math.min(latency.warmUpSeconds, mostWarmUp * bakeSeconds);
  return Math.max(0, bakeSeconds - Math.max(inStep, latency.warmUpSeconds - startsInSeconds));
}

/**
 * About how many requests of the canary it takes until one of these tests finds this rate of bad ones (0..1); null when
 * none ever does. Wald's approximation of the expected sample number (Sequential Analysis, 1947): the evidence that is
 * needed over what a request brings on average.
 */
export function requestsToSee(rate: number, tests: readonly PlannedTest[], perCanary: number): number | null {
  const needed = tests.map((test) => test.needed / gain(test, rate, perCanary));
  const least = Math.min(...needed);
  return least <= mostRequests ? least : null;
}

/** The least rate of bad requests (0..1) that a step is likely to show by its end; null when not even 1. */
export function leastRateSeen(brought: Brought, tests: readonly PlannedTest[]): number | null {
  return leastThat((rate) => tests.some((test) => isSeen(test, rate, brought)), { from: 0, to: 1 });
}

/**
 * How many times as long requests must take for a step to be likely to show it by its end; null when not even 100 times.
 * Assumes that all of the canary's take that many times as long as stable's, and that those of a bucket are spread evenly
 * over it: slower than b is what would have been slower than b / times.
 */
export function leastSlowdownSeen(
  brought: Brought,
  tests: readonly PlannedTest[],
  { boundsMs, counts }: Histogram,
): number | null {
  const all = inAllBuckets(counts);
  if (!(all > 0)) return null;
  const isSlower = (times: number) => (test: PlannedTest) =>
    test.slowerThanMs !== null &&
    isSeen(test, slowerThan(boundsMs, counts, test.slowerThanMs / times) / all, brought);
  return leastThat((times) => tests.some(isSlower(times)), { from: 1, to: mostTimes });
}

function isSeen(test: PlannedTest, rate: number, { requests, warmRequests, stablePerCanary }: Brought) {
  const isCompared = test.slowerThanMs !== null && test.limit === null;
  return (isCompared ? warmRequests : requests) * gain(test, rate, stablePerCanary) >= test.needed;
}

/** Where something begins to hold that goes on to hold; null when it does not at the end. */
function leastThat(
  holds: (value: number) => boolean,
  { from, to }: { from: number; to: number },
): number | null {
  if (!holds(to)) return null;
  let no = from;
  let yes = to;
  for (let halving = 0; halving < halvings; halving++) {
    const middle = (no + yes) / 2;
    if (holds(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}

/** Log of the evidence that a request of the canary brings on average, at least 0; it rises with the rate. */
function gain({ limit, ...test }: PlannedTest, rate: number, perCanary: number): number {
  if (limit === null) return gainAgainstStable(test, rate, perCanary);
  const over = gainAgainstLimit(limit.rate, rate);
  // Where stable has requests, what breaks the limit must be worse than stable, too.
  return perCanary > 0 ? Math.min(over, gainAgainstStable(test, rate, perCanary)) : over;
}

type AgainstStable = Pick<PlannedTest, 'stableRate' | 'tolerance'>;

/**
 * The mean of `logFactorAgainstStable` for a request of the canary and stable's beside it, at the best of the bets. With
 * q = ratio / stable's requests, its derivative in psi is 0 where (ratio p_s q) psi^2 + (ratio p_s + excess (1 + q) - p q)
 * psi = p; for many of stable's requests psi is p over what is tolerated, and the mean p ln(p / T) - (p - T).
 */
function gainAgainstStable(
  { stableRate, tolerance }: AgainstStable,
  rate: number,
  perCanary: number,
): number {
  if (perCanary === 0) return 0;
  const { ratio, excess } = tolerance;
  const q = ratio / perCanary;
  const linear = ratio * stableRate + excess * (1 + q) - rate * q;
  const root = Math.sqrt(linear ** 2 + 4 * ratio * stableRate * q * rate);
  const counts = { canaryBad: rate, canaryRequests: 1, stableBad: perCanary * stableRate };
  const bet = within((2 * rate) / (linear + root));
  return Math.max(0, logFactorAgainstStable({ ...counts, stableRequests: perCanary }, tolerance, bet));
}

function within(psi: number): number {
  return psi > leastBet ? Math.min(psi, mostBet) : leastBet;
}

/** The mean of `logFactorAgainstLimit` at the best of the bets: the information of a rate against the limit. */
function gainAgainstLimit(limit: number, rate: number): number {
  const assumed = Math.min(Math.max(rate, assumedRate(limit, leastBet)), assumedRate(limit, mostBet));
  return Math.max(0, logFactorAgainstLimit(rate, 1, limit, assumed));
}
