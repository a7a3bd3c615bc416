import type { Measurements, Reading } from '../analysis/reading.ts';
import { breaksLimit } from '../analysis/sequential/rule.ts';
import type { Ruling } from '../analysis/sequential/verdict.ts';
import { judge } from '../analysis/threshold.ts';
import { acknowledgedIn } from './acknowledged.ts';
import {
  type Check,
  criticalIn,
  customChecksIn,
  enforcedIn,
  type MeshCheck,
  meshChecksIn,
} from './plan-parts.ts';
import type { Heard } from './ports/alerts.ts';
import type { Readiness } from './ports/mesh.ts';
import type { CheckResult, Rollout } from './rollout.ts';
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
  /** What was heard of alerts with the poll; absent or null when nobody listened. */
  alerts?: Heard | null;
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

/** Errors that name no version are held to the plan's own error limit, if that rolls back. */
export function errorLimit(checks: Record<string, Check>): MeshCheck | null {
  return (
    Object.values(meshChecksIn(criticalIn(checks))).find((check) => check.metric === 'errorRate') ?? null
  );
}

/** The checks that are acted on by their limits: all that are enforced or, beside the sequential judge, the custom ones. */
export function judgedByLimit({ plan }: Pick<Rollout, 'plan'>): Record<string, Check> {
  const enforced = enforcedIn(plan.checks);
  return plan.judge === 'sequential' ? customChecksIn(enforced) : enforced;
}

/** Why a poll is not good data for both arms, or null when it is; what rolls nothing back may stay away. */
export function whyMissing(
  { plan, traffic }: Pick<Rollout, 'plan' | 'traffic'>,
  { requests, checks, unattributed, counters }: Measurements,
): string | null {
  const critical = Object.keys(criticalIn(plan.checks)).flatMap((id) => checks[id] ?? []);
  const arms = [requests, ...critical].flatMap(({ canary, stable }) => [canary, stable]);
  const readings = [...arms, unattributed];
  return readings.find((reading) => reading.kind === 'unavailable')?.why ?? whyUncounted(counters, traffic);
}

/** From this share on, in percent, a stable that is not scraped says no less than it would. */
const nearlyWhole = 99;

function whyUncounted(counters: Measurements['counters'], { applied }: Rollout['traffic']): string | null {
  if (counters === undefined) return null;
  if (counters.kind === 'unavailable') return counters.why;
  const lost = [
    ...(counters.canary === null ? ['the canary'] : []),
    ...(counters.stable === null && applied < nearlyWhole ? ['stable'] : []),
  ];
  return lost.length === 0 ? null : `Prometheus does not scrape the pods of ${lost.join(' and ')} any more`;
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

/** Requests of the canary at its present share below which nothing is proven. */
export const enoughRequests = 20;

/**
 * True when nothing speaks against going on, by data that is all from the present share and from after `since`. The only
 * thing that lets a rollout go on by itself.
 */
export function isProven(rollout: Rollout, since: Millis): boolean {
  if (rollout.plan.judge === 'threshold' || asksNothing(rollout)) return hasEveryCheckPassed(rollout, since);
  const ruling = rulingSince(rollout, since);
  if (ruling === null || !hasEveryCheckPassed(rollout, since)) return false;
  const { judge } = rollout.watch;
  if (judge?.state == null || judge.stretch.looks === 0) return false;
  if (breaksLimit(judge.state, acknowledgedIn(rollout))) return false;
  const requests = judge.verdict?.split.canary ?? 0;
  return (ruling.decision === 'advance' || ruling.decision === 'continue') && requests >= enoughRequests;
}

/** True when the judge holds the canary to be healthy, whatever time is left, by data from after `since`. */
export function isProvenHealthy(rollout: Rollout, since: Millis): boolean {
  const isHealthy = rulingSince(rollout, since)?.reason === 'provenHealthy';
  return isHealthy && hasEveryCheckPassed(rollout, since);
}

function rulingSince({ watch: { judge }, traffic }: Rollout, since: Millis): Ruling | null {
  const isOfThisShare = judge?.stretch.appliedAt === traffic.appliedAt && judge.countedAt >= since;
  return isOfThisShare ? (judge.verdict?.ruling ?? null) : null;
}

/**
 * True when every check that is judged by its limit passed at its last measurement, on data that is all from the
 * present share and from after `since`. One that a person went on in spite of need not pass.
 */
function hasEveryCheckPassed(rollout: Rollout, since: Millis): boolean {
  const acknowledged = acknowledgedIn(rollout);
  return Object.entries(judgedByLimit(rollout)).every(([id, check]) => {
    if (acknowledged.includes(id)) return true;
    const result = rollout.watch.results[id];
    if (result === undefined || !isNoObstacle(check, result)) return false;
    return result.at >= since && isWindowFull(rollout, check.window, result.at);
  });
}

/** A warning is about the canary: what stable shares asks nobody. */
function isNoObstacle(check: Check, result: CheckResult): boolean {
  if (result.verdict === 'pass') return true;
  return check.severity === 'warning' && judge(check, result).kind === 'environment';
}
