import type { Measurements, Reading } from '../analysis/reading.ts';
import type { Check } from './plan-parts.ts';
import type { Readiness } from './ports/mesh.ts';
import type { Rollout } from './rollout.ts';
import type { Millis } from './units.ts';

/** What a turn knows that guards judge. `measurements` is null when no poll was due. */
export type Facts = {
  share: number;
  /** True when managed routes bring requests to the canary whatever its share. */
  isPreviewed: boolean;
  readiness: { stable: Readiness; canary: Readiness } | null;
  stableHasOtherRoutes: boolean;
  canaryHasOtherRoutes: boolean;
  /** True while not every route that is moved shows the share. */
  isUneven: boolean;
  measurements: Measurements | null;
};

/** True when a plan has nothing to ask of metrics, as for routes that have none; its guards look at pods alone. */
export function asksNothing({ plan }: Pick<Rollout, 'plan'>): boolean {
  return Object.keys(plan.checks).length === 0;
}

/** A poll of a plan that asks nothing: no metrics, and none that are missing. */
export function nothingAsked(takenAt: Millis): Measurements {
  const none: Reading = { kind: 'none' };
  return {
    takenAt,
    checks: {},
    requests: { canary: none, stable: none },
    increments: { canary: null, stable: null },
    unattributed: none,
  };
}

/** Errors that name no version are held to the plan's own error limit. */
export function errorLimit(checks: Record<string, Check>): Check | null {
  return Object.values(checks).find((check) => check.metric === 'errorRate') ?? null;
}

/** Why a poll is not good data for both arms, or null when it is. */
export function whyMissing({ requests, checks, unattributed }: Measurements): string | null {
  const arms = [requests, ...Object.values(checks)].flatMap(({ canary, stable }) => [canary, stable]);
  const readings = [...arms, unattributed];
  return readings.find((reading) => reading.kind === 'unavailable')?.why ?? null;
}

/** Requests a reading stands for; null when the provider gave no answer. */
export function requestsIn(reading: Reading): number | null {
  if (reading.kind === 'unavailable') return null;
  return reading.kind === 'none' ? 0 : reading.requests;
}

/** Requests the canary ought to have seen, from stable's and the split; null when stable has no share to compare with. */
export function expectedRequests(stable: Reading, share: number): number | null {
  const requests = requestsIn(stable);
  return requests === null || share >= 100 ? null : (requests * share) / (100 - share);
}

/** True when a window of this length, and one scrape more, lies wholly after the share was applied. */
export function isWindowFull(
  { traffic, scrapeSeconds }: Rollout,
  windowSeconds: number,
  now: Millis,
): boolean {
  return now - traffic.appliedAt >= (windowSeconds + scrapeSeconds) * 1000;
}

/**
 * From when on requests are counted that no poll has counted yet. Those from before the present share are left out:
 * they say nothing about who has taken it.
 */
export function countedSince({ watch, traffic }: Rollout): Millis {
  return Math.max(watch.severe.countedUntil ?? 0, traffic.appliedAt);
}

/** Seconds that a poll at an instant counts requests over: stretches must not overlap, and two scrapes must fit. */
export function incrementSeconds(rollout: Rollout, at: Millis): number {
  const elapsed = Math.floor((at - countedSince(rollout)) / 1000);
  return elapsed >= 2 * rollout.scrapeSeconds ? elapsed : 0;
}

/**
 * True when every check passed at its last measurement, on data that is all from the present share and from after
 * `since`. The only thing that lets a rollout go on by itself.
 */
export function hasEveryCheckPassed(rollout: Rollout, since: Millis): boolean {
  return Object.entries(rollout.plan.checks).every(([id, check]) => {
    const result = rollout.watch.results[id];
    return result?.verdict === 'pass' && result.at >= since && isWindowFull(rollout, check.window, result.at);
  });
}
