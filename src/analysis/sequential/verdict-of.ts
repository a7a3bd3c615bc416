import { excessBound, rateBand } from './bands.ts';
import { driverIndex, harmedRequests, loudestBound } from './cause.ts';
import { comparisons, evidenceOf } from './evidence.ts';
import { fromLog } from './mixture.ts';
import { podOdds } from './noise.ts';
import { detectableRate, logNeeded } from './planning.ts';
import type { JudgeSettings, Tolerance } from './settings.ts';
import type { Comparison, JudgeState, LimitState } from './state.ts';
import type { Totals } from './totals.ts';
import type { Banded, MetricVerdict, Verdict } from './verdict.ts';

/**
 * What the judge found so far, with bands for a chart: rates with bounds at 1 - falseRollbackRate that hold at every
 * look. For showing; `withPoll` decides without it, since the bounds cost more than the ruling. `step.seconds` is how
 * long the present step is to last; `step.acknowledged` as in `withPoll`.
 */
export function verdictOf(
  state: JudgeState,
  settings: JudgeSettings,
  step: { seconds: number; acknowledged?: readonly string[] },
): Verdict {
  const { log, driver } = evidenceOf(state);
  return {
    ruling: state.ruling,
    evidence: fromLog(log),
    metrics: [
      errorVerdict(state, settings),
      ...(state.latency === null ? [] : [latencyVerdict(state.latency, state, settings)]),
      ...state.limits.map((limit) => limitVerdict(limit, state, settings)),
    ],
    driver: driverIndex(state, settings, { driver, acknowledged: step.acknowledged ?? [] }),
    split: { canary: state.step.canary, stable: state.step.stable, evidence: fromLog(state.split.log) },
    harmedRequests: harmedRequests(state, driver),
    detectableErrorRate: detectableErrorRate(state, settings, step.seconds),
  };
}

function errorVerdict(state: JudgeState, settings: JudgeSettings): MetricVerdict {
  const { errors } = state;
  const alpha = settings.falseRollbackRate;
  return {
    id: 'errorRate',
    metric: 'errorRate',
    boundMs: null,
    excess: {
      value: meanExcess(errors.totals),
      lower: excessBound(errors.worseLedger, alpha, 'lower'),
      upper: excessBound(errors.belowLedger, alpha, 'upper'),
    },
    evidence: fromLog(errors.log),
    recent: recentOf(errors.since, state),
    ...comparisonVerdict(errors, alpha, settings.errors),
  };
}

/** Bounds of the excess are those of both rates at half of alpha each: they hold together, and need totals only. */
function latencyVerdict(
  { log, atBounds }: NonNullable<JudgeState['latency']>,
  state: JudgeState,
  settings: JudgeSettings,
): MetricVerdict {
  const alpha = settings.falseRollbackRate;
  const one = loudestBound(atBounds, state.looks);
  const canary = bandOf(one.totals.canaryBad, one.totals.canaryRequests, alpha / 2, one.noise.factor);
  const stable = bandOf(one.totals.stableBad, one.totals.stableRequests, alpha / 2, one.noise.factor);
  return {
    id: 'latency',
    metric: 'latency',
    boundMs: state.boundsMs[one.bound] ?? null,
    excess: {
      value: meanExcess(one.totals),
      lower: canary.lower - stable.upper,
      upper: canary.upper - stable.lower,
    },
    evidence: fromLog(log),
    recent: recentOf(one.since, state),
    ...comparisonVerdict(one, alpha, settings.latency),
  };
}

function comparisonVerdict({ totals, noise, ratio }: Comparison, alpha: number, tolerance: Tolerance) {
  const arms = armsOf(totals, alpha, noise.factor);
  return {
    ...arms,
    against: 'stable',
    effect: 'rollback',
    tolerated: Math.min(1, ratio * arms.stable.rate.value + tolerance.excess),
    noiseFactor: noise.factor,
    noiseFrom: noise.from,
    toleratedRatio: ratio,
    isWidened: podOdds(noise) > tolerance.ratio,
    isJudged: true,
  } as const;
}

function limitVerdict(limit: LimitState, state: JudgeState, settings: JudgeSettings): MetricVerdict {
  const { id, metric, rate, maxMs, totals, noise, log } = limit;
  const arms = armsOf(totals, settings.falseRollbackRate, noise.factor);
  const { value, lower, upper } = arms.canary.rate;
  return {
    id,
    metric,
    against: 'limit',
    effect: limit.effect,
    boundMs: maxMs,
    ...arms,
    excess: { value: value - rate, lower: lower - rate, upper: upper - rate },
    tolerated: rate,
    evidence: fromLog(log),
    recent: recentOf(limit.since, state),
    noiseFactor: noise.factor,
    noiseFrom: noise.from,
    toleratedRatio: 1,
    isWidened: false,
    isJudged: !limit.isBlind,
  };
}

function recentOf(since: Totals, { at, sinceAt }: JudgeState): MetricVerdict['recent'] {
  return {
    seconds: Math.max(0, at - sinceAt),
    canary: { bad: since.canaryBad, requests: since.canaryRequests },
    stable: { bad: since.stableBad, requests: since.stableRequests },
  };
}

function armsOf(totals: Totals, alpha: number, noise: number): Pick<MetricVerdict, 'canary' | 'stable'> {
  const { canaryBad, canaryRequests, stableBad, stableRequests } = totals;
  return {
    canary: {
      bad: canaryBad,
      requests: canaryRequests,
      rate: bandOf(canaryBad, canaryRequests, alpha, noise),
    },
    stable: {
      bad: stableBad,
      requests: stableRequests,
      rate: bandOf(stableBad, stableRequests, alpha, noise),
    },
  };
}

function bandOf(bad: number, requests: number, alpha: number, noise: number): Banded {
  const [lower, upper] = rateBand(bad, requests, alpha, noise);
  return { value: requests > 0 ? bad / requests : 0, lower, upper };
}

/** Weighted by the canary's requests, look by look: a drift of both arms while the shares change does not show in it. */
function meanExcess({ excess, canaryRequests }: Totals): number {
  return canaryRequests > 0 ? excess / canaryRequests : 0;
}

function detectableErrorRate(state: JudgeState, settings: JudgeSettings, stepSeconds: number): number | null {
  const { canary, seconds } = state.step;
  if (canary <= 0 || seconds <= 0) return null;
  const { ratio, noise, totals, usualRate } = state.errors;
  return detectableRate((canary * Math.max(seconds, stepSeconds)) / seconds, {
    stableRate: totals.stableRequests > 0 ? totals.stableBad / totals.stableRequests : usualRate,
    tolerance: { ratio, excess: settings.errors.excess },
    noise: noise.factor,
    logNeeded: logNeeded(settings.falseRollbackRate, comparisons(state)),
  });
}
