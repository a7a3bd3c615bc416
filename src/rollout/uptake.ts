import type { Measurements } from '../analysis/reading.ts';
import {
  type Expected,
  nothingTaken,
  requestsNeeded,
  type Stretch,
  type Uptake,
  withStretch,
} from '../analysis/uptake.ts';
import { asksNothing, countedSince, type Facts, requestsIn } from './evidence.ts';
import { isShareObservable } from './managed.ts';
import { longestWindowSeconds } from './plan-parts.ts';
import type { HoldReason } from './reasons.ts';
import type { Rollout } from './rollout.ts';
import type { Position } from './state.ts';
import { isSameShare } from './units.ts';

/** Comparisons in a row that did not agree: one may be chance, or a proxy that was told a little later. */
const lastingComparisons = 3;

type Weighed = Omit<Facts, 'measurements'>;

/**
 * True when the numbers of requests show the share of the weights. They do not at 0 and 100 %, where every stray
 * request would be one too many and stable has nothing that could be compared; nor while a managed route sends
 * requests to the canary, while other routes bring stable some, or while nobody knows which weight stands everywhere.
 */
function isComparable(rollout: Rollout, weighed: Weighed): boolean {
  const { share, readiness, isUneven, stableHasOtherRoutes } = weighed;
  const { applied, intent } = rollout.traffic;
  const isKnown = readiness !== null && !isUneven && intent === null && isSameShare(share, applied);
  const isCounted = !asksNothing(rollout) && !stableHasOtherRoutes && isShareObservable(rollout);
  return isKnown && isSplit(applied) && isCounted;
}

function isSplit(share: number): boolean {
  return !isSameShare(share, 0) && !isSameShare(share, 100);
}

/** What is known, after one poll, about whether the mesh has taken the weight; null where numbers show nothing. */
export function rememberUptake(
  rollout: Rollout,
  weighed: Weighed,
  measurements: Measurements,
): Uptake | null {
  const { appliedAt } = rollout.traffic;
  const known = rollout.watch.uptake;
  // What was seen of this weight stays true while nobody can look, or a write is on its way.
  const isBlind = weighed.readiness === null || rollout.traffic.intent !== null;
  if (!isComparable(rollout, weighed)) return isBlind && known?.appliedAt === appliedAt ? known : null;
  const before = known?.appliedAt === appliedAt ? known : nothingTaken(appliedAt);
  const stretch = stretchIn(rollout, measurements);
  const after = stretch === null ? before : withStretch(before, stretch, expectedIn(rollout, weighed));
  return impatient(rollout, after, measurements.takenAt);
}

function expectedIn({ scrapeSeconds }: Rollout, { share, canaryHasOtherRoutes }: Weighed): Expected {
  return { share, mayExceed: canaryHasOtherRoutes, scrapeMs: scrapeSeconds * 1000 };
}

/** Requests of both arms since they were last counted; null when this poll did not count. */
function stretchIn(rollout: Rollout, { increments, requests, takenAt }: Measurements): Stretch | null {
  if (increments.canary === null && increments.stable === null) return null;
  // A canary that nobody has reached has no counters at all.
  const canary = increments.canary?.requests ?? noneIn(requests.canary);
  const stable = increments.stable?.requests ?? noneIn(requests.stable);
  if (canary === null || stable === null) return null;
  return { since: countedSince(rollout), until: takenAt, canary, stable };
}

function noneIn(reading: Measurements['requests']['canary']): number | null {
  return requestsIn(reading) === 0 ? 0 : null;
}

/**
 * A service with few requests must not wait for ever: when so much time has passed as the checks look back, and still
 * there is nothing to compare, the bake begins all the same. Its checks ask for a number of requests of their own.
 */
function impatient(rollout: Rollout, uptake: Uptake, takenAt: number): Uptake {
  const isOpen = uptake.taken === null || uptake.differing !== null;
  if (!isOpen || isLasting(uptake)) return uptake;
  const { since, canary, stable } = uptake.counted;
  const { plan, scrapeSeconds, traffic } = rollout;
  const patienceMs = (longestWindowSeconds(plan.checks) + scrapeSeconds) * 1000;
  if (takenAt - since < patienceMs) return uptake;
  const untold = { requests: canary + stable, needed: requestsNeeded(traffic.applied) };
  return { ...uptake, taken: uptake.taken ?? { since: takenAt, untold }, differing: null };
}

function isLasting({ differing }: Uptake): boolean {
  return differing !== null && differing.inARow >= lastingComparisons;
}

/** That requests divide otherwise than the weights, again and again; null when they do not, or nobody can tell. */
export function mismatchIn(rollout: Rollout, uptake: Uptake | null, weighed: Weighed): Mismatch | null {
  const { applied, appliedAt } = rollout.traffic;
  if (uptake?.appliedAt !== appliedAt || !isLasting(uptake) || !isComparable(rollout, weighed)) return null;
  if (uptake.differing === null) return null;
  const { since, observed, tolerance, requests } = uptake.differing;
  return { kind: 'trafficMismatch', applied, observed, tolerance, requests, since };
}

type Mismatch = Extract<HoldReason, { kind: 'trafficMismatch' }>;

/** False while it is not yet seen that the mesh divides requests by the weight that was applied last. */
export function isTaken({ watch: { uptake }, traffic }: Rollout): boolean {
  if (uptake === null || !isSplit(traffic.applied)) return true;
  return uptake.appliedAt === traffic.appliedAt && uptake.taken !== null && uptake.differing === null;
}

/** The position with a clock that does not run before the mesh has taken the weight. */
export function countingSinceTaken(position: Position, { watch: { uptake }, traffic }: Rollout): Position {
  if (uptake?.appliedAt !== traffic.appliedAt || uptake.taken === null) return position;
  return { ...position, startedAt: Math.max(position.startedAt, uptake.taken.since) };
}
