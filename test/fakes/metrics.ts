import type { Counters, History } from '../../src/analysis/counters.ts';
import type { CheckReadings, Counts, Measurements, Reading } from '../../src/analysis/reading.ts';
import type { CheckTemplates } from '../../src/rollout/check-template.ts';
import { type Check, longestWindowSeconds } from '../../src/rollout/plan-parts.ts';
import type { MeasureRequest, Metrics, MetricsSurvey } from '../../src/rollout/ports/metrics.ts';
import type { ArmTraffic } from './arm-traffic.ts';
import { boundsMs, podsCounting, steadyHistory } from './pod-counters.ts';

type ArmName = 'canary' | 'stable';

/** One poll of a script; an arm that is left out keeps what it did before. */
type ScriptedPoll = { canary?: ArmTraffic; stable?: ArmTraffic; unattributed?: Reading };

export type FakeMetrics = Metrics & {
  /** Sets one arm until it is set again. */
  set(arm: ArmName, traffic: ArmTraffic): void;
  /** Sets the callers' 5xx that name no version. */
  setUnattributed(reading: Reading): void;
  /** What was counted since the last poll divides by this share, in percent: stable has the rest of what the canary had. */
  divideBy(share: () => number): void;
  /** Answers these raw counters until null, and then those that follow from the traffic again. */
  setCounters(counters: Counters | null): void;
  /** Answers this history of stable until null, and then half an hour of the traffic it has. */
  setHistory(history: History | null): void;
  /** The provider answers nothing until `restore`. */
  breakDown(why?: string): void;
  restore(): void;
  /** Each measurement takes the next poll; after the last one its state stays. */
  script(polls: ScriptedPoll[]): void;
  /** Every request so far, in order. */
  readonly asked: MeasureRequest[];
  /** Every request for a survey so far, in order. */
  readonly surveyed: MeasureRequest[];
};

/** Traffic in the moods that tests speak of; each is plain data that a test may spread and change. */
export const mood = {
  healthy: { kind: 'serving', requests: 1000, errorRatio: 0, p99Ms: 120 },
  failing: { kind: 'serving', requests: 1000, errorRatio: 0.5, p99Ms: 120 },
  slow: { kind: 'serving', requests: 1000, errorRatio: 0, p99Ms: 5000 },
  tooFew: { kind: 'serving', requests: 3, errorRatio: 0, p99Ms: 120 },
  idle: { kind: 'serving', requests: 0, errorRatio: 0, p99Ms: 0 },
  none: { kind: 'none' },
  unavailable: { kind: 'unavailable', why: 'Prometheus at metrics.test refused the connection' },
} satisfies Record<string, ArmTraffic>;

const noErrors: Reading = { kind: 'value', value: 0, requests: 2000 };

/**
 * An in-memory metrics provider for tests and simulations: answers at once from what was set, with no timer, no
 * clock and nothing random. Both arms are healthy until they are set.
 */
export function fakeMetrics({
  scrapeSeconds = 1,
  checkTemplates = {},
}: {
  scrapeSeconds?: number;
  checkTemplates?: CheckTemplates;
} = {}): FakeMetrics {
  const arms: Record<ArmName, ArmTraffic> = { canary: mood.healthy, stable: mood.healthy };
  const asked: MeasureRequest[] = [];
  const surveyed: MeasureRequest[] = [];
  let shareNow = (): number => 50;
  let unattributed: Reading = noErrors;
  let outage: string | null = null;
  let polls: ScriptedPoll[] = [];
  let counters: Counters | null = null;
  let history: History | null = null;
  const counting = podsCounting();

  function podsOf(request: MeasureRequest): Pick<Measurements, 'counters' | 'history'> {
    if (request.judged === undefined) return {};
    const { canary, stable } = countedArms(request, arms);
    const counted = counters ?? counting.counters(request, { canary, stable }, shareNow());
    if (request.judged.historySeconds === 0) return { counters: counted };
    return { counters: counted, history: history ?? steadyHistory(request, stable) };
  }

  function measured(request: MeasureRequest): Measurements {
    return { ...measurementsOf(request, arms, unattributed), ...podsOf(request) };
  }

  function play(poll: ScriptedPoll | undefined): void {
    arms.canary = poll?.canary ?? arms.canary;
    arms.stable = poll?.stable ?? arms.stable;
    unattributed = poll?.unattributed ?? unattributed;
  }

  return {
    scrapeSeconds: () => scrapeSeconds,
    checkTemplates,
    asked,
    surveyed,
    set: (arm, traffic) => {
      arms[arm] = traffic;
    },
    setUnattributed: (reading) => {
      unattributed = reading;
    },
    divideBy: (share) => {
      shareNow = share;
    },
    setCounters: (next) => {
      counters = next;
    },
    setHistory: (next) => {
      history = next;
    },
    breakDown: (why = mood.unavailable.why) => {
      outage = why;
    },
    restore: () => {
      outage = null;
    },
    script: (next) => {
      polls = [...next];
    },
    measure: async (request, signal) => {
      asked.push(request);
      play(polls.shift());
      const why = signal.aborted ? 'the measurement was given up before it began' : outage;
      if (why === null) return divided(measured(request), shareNow());
      return nothingMeasured(request, why);
    },
    survey: async (request, signal) => {
      surveyed.push(request);
      const why = signal.aborted ? 'the measurement was given up before it began' : outage;
      const found = why === null ? measured(request) : nothingMeasured(request, why);
      return surveyOf(request, found);
    },
  };
}

function divided(measurements: Measurements, share: number): Measurements {
  const { canary, stable } = measurements.increments;
  if (canary === null || stable === null || canary.requests === 0 || share === 0) return measurements;
  const times = (canary.requests * (100 - share)) / share / Math.max(1, stable.requests);
  const rest = { requests: Math.round(stable.requests * times), errors: Math.round(stable.errors * times) };
  return { ...measurements, increments: { canary, stable: rest } };
}

function nothingMeasured(request: MeasureRequest, why: string): Measurements {
  const down = { kind: 'unavailable', why } as const;
  return {
    ...measurementsOf(request, { canary: down, stable: down }, down),
    ...(request.judged === undefined ? {} : { counters: down }),
    ...((request.judged?.historySeconds ?? 0) > 0 ? { history: down } : {}),
  };
}

/** Its queries are written in no language, but name what a real one asks. */
function surveyOf(request: MeasureRequest, measurements: Measurements): MetricsSurvey {
  const { stable } = measurements.requests;
  const seesBuckets = stable.kind === 'value' && stable.requests > 0;
  const checks = Object.entries(request.checks).map(([id, { metric, window }]) => {
    const requests = { purpose: 'requests' as const, query: `requests(${window}s)` };
    const buckets = { purpose: 'buckets' as const, query: `buckets(${window}s)` };
    const value = { purpose: 'value' as const, query: `${metric}(${window}s)` };
    const isLatency = metric === 'p99LatencyMs';
    const queries = isLatency ? [value, requests, buckets] : [value];
    const seen = isLatency && seesBuckets ? boundsMs : null;
    return [
      id,
      { queries, boundsMs: seen, stableHistogram: histogramOf(measurements.checks[id]?.stable) },
    ] as const;
  });
  const ofPods = (purpose: 'counters' | 'history') => ({ purpose, query: `${purpose}()` });
  const guards = [
    { purpose: 'callers' as const, query: 'callers()' },
    ...(request.judged === undefined ? [] : [ofPods('counters')]),
    ...((request.judged?.historySeconds ?? 0) > 0 ? [ofPods('history')] : []),
  ];
  return { measurements, checks: Object.fromEntries(checks), guards, latencyFrom: 'service' };
}

/** Nearly all requests in the bucket below the one of the P99, the rest in that. */
function histogramOf(reading: Reading | undefined): MetricsSurvey['checks'][string]['stableHistogram'] {
  if (reading?.kind !== 'value' || reading.bucket === undefined) return null;
  const { bucket, requests } = reading;
  const at = boundsMs.indexOf(bucket.upperMs);
  const slow = requests * 0.015;
  const counts = [...boundsMs, Number.POSITIVE_INFINITY].map((_, index) =>
    index === at ? slow : index === at - 1 ? requests - slow : 0,
  );
  return { boundsMs, counts };
}

function measurementsOf(
  request: MeasureRequest,
  arms: Record<ArmName, ArmTraffic>,
  unattributed: Reading,
): Measurements {
  const { canary, stable } = countedArms(request, arms);
  const checks: Record<string, CheckReadings> = {};
  for (const [id, check] of Object.entries(request.checks)) {
    checks[id] = { canary: checkReading(check, canary), stable: checkReading(check, stable) };
  }
  return {
    takenAt: request.at,
    checks,
    requests: { canary: requestReading(canary), stable: requestReading(stable) },
    increments: { canary: incrementOf(request, canary), stable: incrementOf(request, stable) },
    unattributed,
  };
}

function countedArms(request: MeasureRequest, { canary, stable }: Record<ArmName, ArmTraffic>) {
  return { canary: countedIn(request, canary), stable: countedIn(request, stable) };
}

function countedIn({ mirrored }: MeasureRequest, traffic: ArmTraffic): ArmTraffic {
  if (traffic.kind !== 'serving' || traffic.copies === undefined || mirrored) return traffic;
  const { requests, errorRatio, copies } = traffic;
  const all = requests + copies;
  return { ...traffic, requests: all, errorRatio: (requests * errorRatio + copies) / all };
}

function checkReading(check: Check, traffic: ArmTraffic): Reading {
  if (traffic.kind !== 'serving') return traffic;
  const { requests, errorRatio, p99Ms } = traffic;
  if (requests === 0) return { kind: 'none' };
  if (check.metric === 'custom') return { kind: 'value', value: 0, requests: 0, unit: 'count' };
  if (requests < check.minRequests) return { kind: 'tooFew', requests, needed: check.minRequests };
  if (check.metric === 'errorRate') return { kind: 'value', value: errorRatio, requests };
  return { kind: 'value', value: p99Ms, requests, bucket: bucketOf(p99Ms) };
}

function requestReading(traffic: ArmTraffic): Reading {
  if (traffic.kind !== 'serving') return traffic;
  return { kind: 'value', value: traffic.requests, requests: traffic.requests };
}

function incrementOf({ checks, incrementSeconds }: MeasureRequest, traffic: ArmTraffic): Counts | null {
  if (incrementSeconds === 0 || traffic.kind !== 'serving') return null;
  const requests = Math.round((traffic.requests * incrementSeconds) / longestWindowSeconds(checks));
  return { requests, errors: Math.round(requests * traffic.errorRatio) };
}

function bucketOf(p99Ms: number): { lowerMs: number; upperMs: number } {
  const upperMs = boundsMs.find((bound) => p99Ms <= bound) ?? 3_600_000;
  return { lowerMs: boundsMs.findLast((bound) => bound < p99Ms) ?? 0, upperMs };
}
