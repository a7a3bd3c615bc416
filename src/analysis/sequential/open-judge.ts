import { toleratedRatio } from './count-evidence.ts';
import { inAllBuckets, slowerThan, slowerThanBounds, usefulBounds } from './histogram.ts';
import { below, better, worse } from './mixture.ts';
import { type Cell, type Noise, noiseOf, podOdds } from './noise.ts';
import type { Baseline, Increment } from './poll.ts';
import type { AbsoluteLimit, JudgeSettings, Tolerance } from './settings.ts';
import { type Comparison, type JudgeState, type LimitState, noStretch, nothingRecent } from './state.ts';
import { nothingCounted } from './totals.ts';
import { firstStakes } from './wealth.ts';

/** What stable's history says about one kind of bad request. */
type Usual = { noise: Noise; rate: number };
type Count = (increment: Increment) => Cell;

/** Stable's requests below which its history does not say which bounds are useful. */
const enoughHistory = 100;
/** Without it, so many bounds share the wealth. */
const mostBounds = 8;

/**
 * The judge before its first poll. Noise, spread and the useful bounds come from stable's history, once and for all. A
 * limit of latency above the highest bound is marked: it is not judged, and the verdict says so.
 */
export function openJudge(baseline: Baseline, settings: JudgeSettings): JudgeState {
  const bounds = baseline.boundsMs;
  const usual = (count: Count): Usual =>
    usualOf(
      baseline.pods.map((pod) => pod.map(count)),
      settings.dispersion,
    );
  const empty = (alternatives: readonly number[]) => {
    const zeros = alternatives.map(() => 0);
    return { gained: zeros, perExcess: zeros };
  };
  return {
    at: -1,
    dataAt: 0,
    lastHadData: false,
    looks: 0,
    sinceAt: 0,
    boundsMs: [...bounds],
    errors: {
      ...comparison(usual(errorsOf), settings.errors, settings.promote.errors),
      log: 0,
      worseLedger: empty(worse),
      belowLedger: empty(below),
    },
    latency: latencyOf(baseline, settings),
    limits: settings.limits.map((limit) => ({
      ...limitState(limit, usual(countFor(limit, bounds)), settings),
      isBlind: isBlind(limit, bounds),
    })),
    split: { stakes: firstStakes(1), log: 0, share: 0 },
    silence: { looks: 0, requests: 0 },
    expected: 0,
    step: { number: 0, seconds: 0, expected: 0, canary: 0, stable: 0 },
    ruling: { decision: 'continue', reason: 'gathering' },
  };
}

function latencyOf({ boundsMs, pods }: Baseline, settings: JudgeSettings): JudgeState['latency'] {
  const slower = pods.map((pod) => pod.map(({ buckets }) => slowerThanBounds(buckets)));
  const requests = pods.map((pod) => pod.map(({ buckets }) => inAllBuckets(buckets)));
  const each = boundsMs.map((_, bound) => {
    const cells = slower.map((pod, at) =>
      pod.map((counts, minute) => ({ bad: counts[bound] ?? 0, requests: requests[at]?.[minute] ?? 0 })),
    );
    return { bound, usual: usualOf(cells, settings.dispersion) };
  });
  const history = requests.flat().reduce((sum, count) => sum + count, 0);
  const rates = each.map(({ usual }) => usual.rate);
  const useful = history < enoughHistory ? spreadOut(boundsMs.length) : usefulBounds(rates);
  const atBounds = each
    .filter(({ bound }) => useful.includes(bound))
    .map(({ bound, usual }) => ({
      bound,
      ...comparison(usual, settings.latency, settings.promote.latency),
    }));
  return atBounds.length === 0 ? null : { log: 0, atBounds };
}

/** Indexes of bounds, spread evenly over all there are. */
function spreadOut(bounds: number): number[] {
  const many = Math.min(bounds, mostBounds);
  return Array.from({ length: many }, (_, at) => Math.floor(((at + 0.5) * bounds) / many));
}

function comparison(usual: Usual, tolerance: Tolerance, promote: Tolerance): Comparison {
  const odds = Math.max(tolerance.ratio, podOdds(usual.noise));
  return {
    noise: usual.noise,
    usualRate: usual.rate,
    ratio: toleratedRatio(odds, usual.rate),
    promoteRatio: toleratedRatio(promote.ratio, usual.rate),
    worse: firstStakes(worse.length),
    better: better.map(() => 0),
    totals: nothingCounted,
    since: nothingCounted,
  };
}

function limitState(
  limit: AbsoluteLimit,
  usual: Usual,
  settings: JudgeSettings,
): Omit<LimitState, 'isBlind'> {
  const isErrors = limit.metric === 'errorRate';
  const odds = isErrors ? settings.errors.ratio : settings.latency.ratio;
  return {
    id: limit.id,
    metric: limit.metric,
    effect: limit.effect ?? 'rollback',
    backstopSeconds: limit.backstopSeconds ?? settings.backstopSeconds,
    // 1 - 0.99 is not 0.01, and people read this.
    rate: isErrors ? limit.max : Number((1 - limit.quantile).toPrecision(12)),
    maxMs: isErrors ? null : limit.maxMs,
    noise: usual.noise,
    usualRate: usual.rate,
    podRatio: toleratedRatio(podOdds(usual.noise), usual.rate),
    worseRatio: toleratedRatio(odds, usual.rate),
    stakes: firstStakes(worse.length),
    log: 0,
    totals: nothingCounted,
    since: nothingCounted,
    recent: nothingRecent,
    breach: noStretch,
    outage: noStretch,
  };
}

function isBlind(limit: AbsoluteLimit, bounds: readonly number[]): boolean {
  return limit.metric === 'latency' && limit.maxMs > (bounds.at(-1) ?? 0);
}

function countFor(limit: AbsoluteLimit, bounds: readonly number[]): Count {
  if (limit.metric === 'errorRate') return errorsOf;
  return ({ buckets }) => ({
    bad: slowerThan(bounds, buckets, limit.maxMs),
    requests: inAllBuckets(buckets),
  });
}

function errorsOf({ errors, requests }: Increment): Cell {
  return { bad: Math.min(errors, requests), requests };
}

function usualOf(pods: readonly (readonly Cell[])[], dispersion: 'pods' | number): Usual {
  let bad = 0;
  let requests = 0;
  for (const pod of pods) {
    for (const cell of pod) {
      bad += cell.bad;
      requests += cell.requests;
    }
  }
  return { noise: noiseOf(pods, dispersion), rate: requests > 0 ? bad / requests : 0 };
}
