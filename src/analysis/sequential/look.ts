import type { Increment, Poll } from './poll.ts';
import type { JudgeSettings } from './settings.ts';
import type { JudgeState } from './state.ts';
import { mostOfOneLook, newStake } from './wealth.ts';

/** One poll with data for both arms, sound in every number, and what it means for the bets. */
export type Look = {
  canary: Increment;
  stable: Increment;
  /** Of the weights, 0..1; and whether requests divide by it, which they need not right after a change. */
  share: number;
  isSettled: boolean;
  /** Counted from 0; what is newly staked at it, as a log, and the most that it may bring. */
  number: number;
  fresh: number | null;
  most: number;
  isNewStep: boolean;
  /** What is told of the last looks alone begins with this one. */
  isNewSpan: boolean;
  /** The caches of the canary's pods are warm. */
  isWarm: boolean;
  /** Stable has nothing to say about whose fault something is; how long it has been silent. */
  isAlone: boolean;
  silence: JudgeState['silence'];
  /** Since the look before; 0 where there was none, or no data. */
  seconds: number;
};

/** From this share in percent on, stable has nothing to say however much traffic there is. */
const nearlyWhole = 99;
/** Looks without a request of stable, and requests it should have had in them, after which it is gone and not rare. */
const silentLooks = 4;
const silentRequests = 5;
/** Looks that are told apart from all, since a late fault hardly shows among those. */
const looksOfSpan = 10;
/** Of a longer time without a look nobody can say what lasted. */
const mostSeconds = 90;
/** The part of a step that may be spent on warming up. */
const mostWarmUp = 0.25;
/** Above it a count is a fault of the metrics, not a count; below this one it is rounding, and no request. */
const absurdlyMany = 1e12;
const absurdlyFew = 1e-6;

const nothing: Increment = { requests: 0, errors: 0, buckets: [] };

/**
 * The look that a poll gives, or null without data: an arm not scraped or with an absurd count. Where the canary has
 * nearly the whole share, as in a blue-green bake or before a handover, a missing stable is no missing data.
 */
export function lookOf(
  before: JudgeState,
  poll: Poll,
  settings: JudgeSettings,
  step: { seconds: number },
): Look | null {
  const isNearlyWhole = poll.share >= nearlyWhole;
  const canary = soundIncrement(poll.canary, before.boundsMs);
  const stable = soundIncrement(poll.stable, before.boundsMs) ?? (isNearlyWhole ? nothing : null);
  if (canary === null || stable === null) return null;
  const isNewStep = before.looks === 0 || poll.step !== before.step.number;
  const share = poll.share / 100;
  const silence = silenceAfter(before.silence, { canary, stable }, share);
  return {
    canary,
    stable,
    share,
    isSettled: poll.shareIsObservable !== false && share === before.split.share && !isNewStep,
    number: before.looks,
    fresh: newStake(before.looks),
    most: mostOfOneLook(settings.falseRollbackRate),
    isNewStep,
    isNewSpan: before.looks > 0 && before.looks % looksOfSpan === 0,
    isWarm: isWarm(poll, settings, step),
    isAlone: isNearlyWhole || (silence.looks >= silentLooks && silence.requests >= silentRequests),
    silence,
    seconds: before.lastHadData ? Math.min(mostSeconds, poll.at - before.at) : 0,
  };
}

/** Each step brings pods with cold caches; where it is short, warming up takes a part of it and not the whole. */
function isWarm({ at, stepSeconds }: Poll, { latency }: JudgeSettings, step: { seconds: number }): boolean {
  const inStep = step.seconds > 0 ? Math.min(latency.warmUpSeconds, mostWarmUp * step.seconds) : 0;
  return at > latency.warmUpSeconds && stepSeconds > inStep;
}

/** A small share may leave stable without a request by chance, so it counts how many it should have had. */
function silenceAfter(
  before: JudgeState['silence'],
  { canary, stable }: { canary: Increment; stable: Increment },
  share: number,
): JudgeState['silence'] {
  if (stable.requests > 0) return { looks: 0, requests: 0 };
  return { looks: before.looks + 1, requests: before.requests + (1 - share) * canary.requests };
}

function soundIncrement(increment: Increment | null, boundsMs: readonly number[]): Increment | null {
  if (increment === null) return null;
  const { requests, errors, buckets } = increment;
  if (!isCount(requests) || !isCount(errors) || !buckets.every(isCount)) return null;
  const fits = boundsMs.length > 0 && buckets.length === boundsMs.length + 1;
  return {
    requests: rounded(requests),
    errors: rounded(Math.min(errors, requests)),
    buckets: fits ? buckets.map(rounded) : [],
  };
}

function isCount(value: number): boolean {
  return value >= 0 && value <= absurdlyMany;
}

function rounded(value: number): number {
  return value < absurdlyFew ? 0 : value;
}
