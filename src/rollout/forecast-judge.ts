import type { History } from '../analysis/counters.ts';
import { type Measurements, withSoundNumbers } from '../analysis/reading.ts';
import type { Noise } from '../analysis/sequential/noise.ts';
import { openJudge } from '../analysis/sequential/open-judge.ts';
import type { Baseline } from '../analysis/sequential/poll.ts';
import type { JudgeSettings } from '../analysis/sequential/settings.ts';
import { type Histogram, type PlannedTest, plannedTests } from '../analysis/sequential/sight.ts';
import { judgeSettingsOf } from './judge-settings.ts';
import type { Plan } from './plan.ts';
import type { Check } from './plan-parts.ts';
import type { MetricsSurvey } from './ports/metrics.ts';

/** What the sequential judge is going to go by, from stable as it is now. */
export type KnownJudge = {
  kind: 'known';
  settings: JudgeSettings;
  tests: PlannedTest[];
  /** Null where stable shows none. */
  histogram: Histogram | null;
  stableErrorRate: number;
  noise: Pick<Noise, 'factor' | 'from'>;
};
export type JudgeAhead = KnownJudge | { kind: 'unknown'; why: string };

type Survey = { kind: 'survey'; survey: MetricsSurvey } | { kind: 'none'; why: string };
type Checks = Record<string, Check>;

/** The judge as it would be opened now. Without stable's history its noise is assumed, as the judge itself does. */
export function judgeAhead({ checks }: Pick<Plan, 'checks'>, survey: Survey): JudgeAhead {
  if (survey.kind === 'none') return { kind: 'unknown', why: survey.why };
  const measurements = withSoundNumbers(survey.survey.measurements);
  const { stable } = measurements.requests;
  if (stable.kind === 'unavailable') return { kind: 'unknown', why: stable.why };
  if (stable.kind === 'none' || stable.requests === 0) return { kind: 'unknown', why: noRequests };
  const errorRate = errorRateNow(checks, measurements);
  if (typeof errorRate !== 'number') return { kind: 'unknown', why: errorRate.why };
  const histogram = histogramNow(survey.survey);
  const baseline = historyOf(measurements.history) ?? baselineFrom(errorRate, histogram);
  return openedWith(checks, baseline, histogram);
}

/**
 * The judge of a plan before anybody knows whom it is for: beside a stable that never fails and is never slow, which is
 * what shows the least of a canary's faults first.
 */
export function judgeBesideTheBest({ checks }: Pick<Plan, 'checks'>): KnownJudge {
  const limits = Object.values(checks).flatMap(({ metric, max }) => (metric === 'p99LatencyMs' ? max : []));
  const boundsMs = [...new Set(limits)].toSorted((one, other) => one - other);
  return openedWith(checks, { boundsMs, pods: [] }, null);
}

const noRequests = 'stable has no requests now, so that none can be expected of the canary';

function openedWith(checks: Checks, baseline: Baseline, histogram: Histogram | null): KnownJudge {
  const settings = judgeSettingsOf({ checks });
  const state = openJudge(baseline, settings);
  const { noise, usualRate } = state.errors;
  const tests = plannedTests(state, settings);
  return { kind: 'known', settings, tests, histogram, stableErrorRate: usualRate, noise };
}

/** From the longest window that has enough requests, else from the last increments. */
function errorRateNow(
  checks: Checks,
  { checks: readings, increments }: Measurements,
): number | { why: string } {
  const found = Object.entries(checks).flatMap(([id, { metric }]) =>
    metric === 'errorRate' ? (readings[id]?.stable ?? []) : [],
  );
  const values = found.flatMap((one) => (one.kind === 'value' ? one : []));
  const [most] = values.toSorted((one, other) => other.requests - one.requests);
  if (most !== undefined) return Math.min(1, most.value);
  const { stable } = increments;
  if (stable !== null && stable.requests > 0) return Math.min(1, stable.errors / stable.requests);
  const failed = found.find((one) => one.kind === 'unavailable');
  return failed ?? { why: 'stable has too few requests to tell how many of them fail' };
}

/** The histogram with the most requests, if it is one. */
function histogramNow({ checks }: MetricsSurvey): Histogram | null {
  const all = Object.values(checks).flatMap(({ stableHistogram }) => stableHistogram ?? []);
  const sound = all.filter(isSound);
  const [most] = sound.toSorted((one, other) => requestsIn(other) - requestsIn(one));
  return most ?? null;
}

/** Above it a count is a fault of the metrics, not a count. */
const absurdlyMany = 1e12;

function isSound({ boundsMs, counts }: Histogram): boolean {
  const areBounds = boundsMs.every((bound, at) => bound > (boundsMs[at - 1] ?? 0) && bound < absurdlyMany);
  const areCounts = counts.every((count) => count >= 0 && count <= absurdlyMany);
  const fits = boundsMs.length > 0 && counts.length === boundsMs.length + 1;
  return fits && areBounds && areCounts && requestsIn({ boundsMs, counts }) > 0;
}

function requestsIn({ counts }: Histogram): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function historyOf(history: History | undefined): Baseline | null {
  if (history?.kind !== 'history') return null;
  return history.pods.some((pod) => pod.some(({ requests }) => requests > 0)) ? history : null;
}

/** One pod in one minute: it says what is usual, and nothing of how much that varies. */
function baselineFrom(errorRate: number, histogram: Histogram | null): Baseline {
  const minute = { requests: 1, errors: errorRate, buckets: [...(histogram?.counts ?? [])] };
  return { boundsMs: [...(histogram?.boundsMs ?? [])], pods: [[minute]] };
}
