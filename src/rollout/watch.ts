import type { CheckReadings, Measurements, Reading } from '../analysis/reading.ts';
import { tally } from '../analysis/severe.ts';
import { type Judgement, judge } from '../analysis/threshold.ts';
import { alertsAfter } from './alerts.ts';
import type { Facts } from './evidence.ts';
import {
  errorLimit,
  expectedRequests,
  isWindowFull,
  judgedByLimit,
  requestsIn,
  whyMissing,
} from './evidence.ts';
import { judgedAfter } from './judging.ts';
import { criticalIn, limitIn, longestWindowSeconds } from './plan-parts.ts';
import type { Readiness } from './ports/mesh.ts';
import type { CheckResult, Rollout, Watch } from './rollout.ts';
import type { Millis } from './units.ts';
import { rememberUptake } from './uptake.ts';

type MeshFacts = Omit<Facts, 'measurements'>;

/** Fewer expected requests than this may fail to appear by chance. */
const expectedEnough = 20;

/**
 * What the guards remember after one poll: a fold over the polls, so that the same polls always give the same
 * memory. `sight` is what the mesh showed at that poll.
 */
export function remember(rollout: Rollout, sight: MeshFacts, measurements: Measurements, now: Millis): Watch {
  const { watch, plan } = rollout;
  const judged = Object.entries(plan.checks).map(([id, check]) => {
    const readings = measurements.checks[id] ?? notMeasured;
    const judgement = judge(check, readings);
    const result = {
      ...readings,
      ...outcomeOf(judgement, watch.results[id]),
      limit: limitIn(check),
      at: measurements.takenAt,
    };
    return { id, judgement, result };
  });
  const byLimit = criticalIn(judgedByLimit(rollout));
  const isShared = judged.some(({ id, judgement }) => id in byLimit && judgement.kind === 'environment');
  return {
    lastPollAt: now,
    observed: observedShare(measurements),
    uptake: rememberUptake(rollout, sight, measurements),
    results: Object.fromEntries(judged.map(({ id, result }) => [id, result])),
    unattributedFailures: unattributedFailures(rollout, measurements.unattributed),
    noReadyPodPolls: countNoReadyPod(watch.noReadyPodPolls, sight.readiness?.canary),
    missingRequestPolls: countMissingRequests(rollout, sight, measurements),
    metricsMissing: rememberMissing(rollout, measurements, now),
    environmentSince: isShared ? (watch.environmentSince ?? now) : null,
    severe: rememberSevere(watch, measurements),
    judge: judgedAfter(rollout, sight, measurements),
    alerts: alertsAfter(rollout, sight.alerts ?? null, now),
    acknowledged: watch.acknowledged,
  };
}

/** The canary's share of the requests, in percent; null when either count is missing or nobody asked for anything. */
function observedShare({ requests }: Measurements): number | null {
  const [canary, stable] = [requestsIn(requests.canary), requestsIn(requests.stable)];
  if (canary === null || stable === null || canary + stable === 0) return null;
  return (100 * canary) / (canary + stable);
}

const notMeasured: CheckReadings = {
  canary: { kind: 'unavailable', why: 'not measured' },
  stable: { kind: 'unavailable', why: 'not measured' },
};

type Outcome = Pick<CheckResult, 'verdict' | 'failuresInARow'>;

function outcomeOf(judgement: Judgement, before: CheckResult | undefined): Outcome {
  const failuresInARow = failuresAfter(judgement, before?.failuresInARow ?? 0);
  return { verdict: verdictOf[judgement.kind], failuresInARow };
}

const verdictOf = {
  pass: 'pass',
  breach: 'fail',
  environment: 'inconclusive',
  inconclusive: 'inconclusive',
  error: 'error',
} as const satisfies Record<Judgement['kind'], CheckResult['verdict']>;

/** Only a pass clears a failure: a measurement that says nothing must not save a failing canary. */
function failuresAfter(judgement: Judgement, failures: number): number {
  if (judgement.kind === 'pass') return 0;
  return judgement.kind === 'breach' ? failures + 1 : failures;
}

function unattributedFailures({ watch, plan }: Rollout, reading: Reading): number {
  const limit = errorLimit(plan.checks);
  if (limit === null || reading.kind !== 'value') return watch.unattributedFailures;
  return reading.value > limit.max ? watch.unattributedFailures + 1 : 0;
}

function countNoReadyPod(before: number, readiness: Readiness | undefined): number {
  if (readiness?.kind !== 'known') return before;
  return readiness.ready === 0 ? before + 1 : 0;
}

function countMissingRequests(
  rollout: Rollout,
  sight: MeshFacts,
  { requests, takenAt }: Measurements,
): number {
  const seen = requestsIn(requests.canary);
  const expected = expectedRequests(requests.stable, sight.share);
  // While a write is open the split is not known, and with it what to expect.
  const isUnknown = seen === null || expected === null || rollout.traffic.intent !== null;
  if (isUnknown) return rollout.watch.missingRequestPolls;
  if (expected < expectedEnough) return 0;
  if (!isWindowFull(rollout, longestWindowSeconds(rollout.plan.checks), takenAt)) return 0;
  // A stable that other routes feed too tells what a canary gets only when that is nothing at all.
  const least = sight.stableHasOtherRoutes ? 1 : expected / 4;
  return seen < least ? rollout.watch.missingRequestPolls + 1 : 0;
}

function rememberMissing(rollout: Rollout, measurements: Measurements, now: Millis): Watch['metricsMissing'] {
  const { watch } = rollout;
  const missing = watch.metricsMissing;
  if (whyMissing(rollout, measurements) !== null) {
    return { since: missing?.since ?? watch.lastPollAt ?? now, goodPolls: 0, paged: missing?.paged ?? false };
  }
  if (missing === null || missing.goodPolls >= 1) return null;
  return { ...missing, goodPolls: missing.goodPolls + 1 };
}

function rememberSevere({ severe }: Watch, { increments, takenAt }: Measurements): Watch['severe'] {
  if (increments.canary === null) return severe;
  const next = tally(severe, increments.canary, increments.stable);
  return { ...next.tally, countedUntil: takenAt, judged: next.judged ?? severe.judged };
}
