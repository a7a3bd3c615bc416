import { type Counts, logFactorsAgainstStable, tilt } from './count-evidence.ts';
import { inAllBuckets, slowerThanBounds } from './histogram.ts';
import type { Look } from './look.ts';
import { below, better, logMean, worse } from './mixture.ts';
import type { JudgeSettings, Tolerance } from './settings.ts';
import type { Comparison, JudgeState, Ledger } from './state.ts';
import { added, nothingCounted } from './totals.ts';
import { logWealth, staked } from './wealth.ts';

/** What is tolerated of the canary, and what of one that is called healthy early. */
type Tolerances = { worse: Tolerance; better: Tolerance };

const noTolerance = { ratio: 1, excess: 0 };

/** The comparison of errors with stable after a look. */
export function withErrors(
  before: JudgeState['errors'],
  look: Look,
  settings: JudgeSettings,
): JudgeState['errors'] {
  const counts = errorCounts(look);
  const tolerances = { worse: settings.errors, better: settings.promote.errors };
  const after = compared(before, counts, tolerances, look);
  const { factor } = before.noise;
  return {
    ...before,
    ...after,
    log: logWealth(after.worse, look.number),
    worseLedger: booked(before.worseLedger, counts, worse, factor),
    belowLedger: booked(before.belowLedger, counts, below, factor),
  };
}

/**
 * The comparison of latency with stable after a look: one e-process at every useful bound and their mean, which is one
 * against "at no bound do more of the canary's requests take longer", the one-sided stochastic order of Lindon, Sanden
 * and Shirikian (Rapid Regression Detection in Software Deployments through Sequential Testing, KDD 2022). While the
 * canary warms up it says nothing.
 */
export function withLatency(
  before: JudgeState['latency'],
  look: Look,
  settings: JudgeSettings,
): JudgeState['latency'] {
  if (before === null) return null;
  const canary = look.isWarm ? look.canary.buckets : [];
  const stable = look.isWarm ? look.stable.buckets : [];
  const slower = { canary: slowerThanBounds(canary), stable: slowerThanBounds(stable) };
  const canaryRequests = inAllBuckets(canary);
  const stableRequests = inAllBuckets(stable);
  const tolerances = { worse: settings.latency, better: settings.promote.latency };
  const atBounds = before.atBounds.map((one) => {
    const canaryBad = slower.canary[one.bound] ?? 0;
    const stableBad = slower.stable[one.bound] ?? 0;
    const after = compared(one, { canaryBad, canaryRequests, stableBad, stableRequests }, tolerances, look);
    // Written out, for a spread in this loop takes longer than all the logarithms.
    const { bound, noise, usualRate, ratio, promoteRatio } = one;
    const { worse, better, totals, since } = after;
    return { bound, noise, usualRate, ratio, promoteRatio, worse, better, totals, since };
  });
  const logs = atBounds.map((one) => logWealth(one.worse, look.number));
  return { log: logMean(logs), atBounds };
}

/** Errors of both arms in a look. */
export function errorCounts({ canary, stable }: Look): Counts {
  return {
    canaryBad: canary.errors,
    canaryRequests: canary.requests,
    stableBad: stable.errors,
    stableRequests: stable.requests,
  };
}

type Compared = Pick<Comparison, 'worse' | 'better' | 'totals' | 'since'>;

function compared(before: Comparison, counts: Counts, tolerances: Tolerances, look: Look): Compared {
  const { factor } = before.noise;
  const tolerated = { ratio: before.ratio, excess: tolerances.worse.excess };
  const toPromote = { ratio: before.promoteRatio, excess: tolerances.better.excess };
  const against = logFactorsAgainstStable(counts, tolerated, worse);
  const proof = logFactorsAgainstStable(counts, toPromote, better);
  return {
    worse: staked(before.worse, against, { fresh: look.fresh, noise: factor, most: look.most }),
    better: gathered(look.isNewStep ? none : before.better, proof, factor),
    totals: added(before.totals, counts, before.usualRate),
    since: added(look.isNewSpan ? nothingCounted : before.since, counts, before.usualRate),
  };
}

const none = better.map(() => 0);

function gathered(before: readonly number[], logFactors: readonly number[], noise: number): number[] {
  const after: number[] = [];
  for (let at = 0; at < logFactors.length; at++)
    after.push((before[at] ?? 0) + (logFactors[at] ?? 0) / noise);
  return after;
}

/** Evidence against "excess at most d", with a ratio of 1, is a line in d for each alternative: its two coefficients. */
function booked(before: Ledger, counts: Counts, alternatives: readonly number[], noise: number): Ledger {
  const { canaryRequests, stableRequests } = counts;
  const q = stableRequests === 0 ? 0 : canaryRequests / stableRequests;
  const weight = stableRequests === 0 ? 0 : canaryRequests / noise;
  return {
    gained: gathered(before.gained, logFactorsAgainstStable(counts, noTolerance, alternatives), noise),
    perExcess: alternatives.map((psi, at) => (before.perExcess[at] ?? 0) + weight * (tilt(psi, q) - 1)),
  };
}
