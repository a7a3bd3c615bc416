import type { Reading } from '../analysis/reading.ts';
import { judge } from '../analysis/threshold.ts';
import type { Check, MeshCheck } from './plan-parts.ts';
import * as say from './say.ts';
import type { Share } from './units.ts';

/** The longest window that a plan may have. */
export const longestSeconds = 7 * 86_400;

/** What a check is going to find at one share, if traffic stays what it is. */
export type CheckForecast = {
  check: string;
  /** Requests of the canary in one window; null when stable's rate is not known. */
  expectedRequests: number | null;
  risk: 'none' | 'inconclusive_likely' | 'unknown';
  /** In words and numbers, without the full stop. */
  hint: string;
};

/** Stable's requests per second now, or why they are not known. */
export type Rate = { kind: 'known'; perSecond: number } | { kind: 'unknown'; why: string };

/** Where a check is looked at: the canary's share in percent and how long that is watched, in seconds. */
type Place = { share: Share; bakeSeconds: number };

/** Whether a check is going to have enough requests to judge, and what would give it enough. */
export function forecastCheck(id: string, check: MeshCheck, rate: Rate, place: Place): CheckForecast {
  const expected = rate.kind === 'known' ? expectedIn(rate.perSecond, place.share, check.window) : null;
  const isEnough = expected !== null && expected >= check.minRequests;
  return {
    check: id,
    expectedRequests: expected,
    risk: expected === null ? 'unknown' : riskOf(isEnough),
    hint: rate.kind === 'known' ? hintOf(rate.perSecond, check, place) : `not known: ${say.inner(rate.why)}`,
  };
}

function riskOf(isEnough: boolean): CheckForecast['risk'] {
  return isEnough ? 'none' : 'inconclusive_likely';
}

/**
 * Requests that a share in percent of `perSecond` brings in so many seconds: Istio draws the destination of each
 * request by weight, so that the canary's are a thinned stream of the same kind, with the mean rate x share x time
 * (https://en.wikipedia.org/wiki/Poisson_point_process#Thinning). Always finite.
 */
export function expectedIn(perSecond: number, share: Share, seconds: number): number {
  return Math.min(perSecond * (share / 100) * seconds, Number.MAX_VALUE);
}

/**
 * What a canary would get that is like stable; null when stable gives no value. One that is no better than a stable
 * above the limit is held first and then goes back: it never passes.
 */
export function verdictIfLike(stable: Reading | null, check: Check): 'pass' | 'fail' | null {
  if (stable === null) return null;
  const judgement = judge(check, { canary: stable, stable });
  if (judgement.kind === 'pass') return 'pass';
  return judgement.kind === 'breach' || judgement.kind === 'environment' ? 'fail' : null;
}

function hintOf(perSecond: number, check: MeshCheck, place: Place): string {
  if (perSecond === 0) return 'stable has no requests now, so that none can be expected of the canary';
  const { window, minRequests } = check;
  const expected = expectedIn(perSecond, place.share, window);
  const brings = `at ${rateText(perSecond)} requests/s, ${say.share(place.share)} brings ${say.count(Math.floor(expected))} requests in ${window} s`;
  if (expected >= minRequests) return `${brings}; ${minRequests} are needed`;
  const ways = [windowWay(perSecond, check, place), weightWay(perSecond, check, place)].filter(
    (way) => way !== null,
  );
  const mend =
    ways.length > 0 ? `use ${ways.join(' or ')}` : 'lower minRequests, or judge this service by hand';
  return `${brings}, and ${minRequests} are needed: ${mend}`;
}

function windowWay(
  perSecond: number,
  { minRequests }: MeshCheck,
  { share, bakeSeconds }: Place,
): string | null {
  const seconds = shortestWindow(perSecond, share, minRequests);
  if (seconds === null) return null;
  const what = seconds > bakeSeconds ? 'a window and a bake' : 'a window';
  return `${what} of at least ${seconds} s`;
}

function weightWay(perSecond: number, { window, minRequests }: MeshCheck, { share }: Place): string | null {
  const weight = lowestWeight(perSecond, window, minRequests);
  return weight === null || share >= 100 ? null : `a weight of at least ${say.share(weight)}`;
}

/** The shortest window in whole seconds that brings so many requests at a share; null when no plan may have it. */
export function shortestWindow(perSecond: number, share: Share, requests: number): number | null {
  const seconds = Math.ceil(requests / (perSecond * (share / 100)));
  return seconds <= longestSeconds ? seconds : null;
}

/** The lowest weight, in steps of 0.1 %, that brings so many requests in a window; null when 100 % is too little. */
export function lowestWeight(perSecond: number, windowSeconds: number, requests: number): Share | null {
  const weight = Math.ceil((requests / (perSecond * windowSeconds)) * 1000) / 10;
  return weight <= 100 ? weight : null;
}

export function rateText(perSecond: number): string {
  return String(Number(perSecond >= 1 ? perSecond.toFixed(1) : perSecond.toPrecision(2)));
}
