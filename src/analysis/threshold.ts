import type { CheckReadings, Reading } from './reading.ts';

/** A limit on one metric: what `judge` needs of a check. A custom one has a `max` or a `min`. */
export type Limit =
  | { metric: 'errorRate' | 'p99LatencyMs'; max: number }
  | { metric: 'custom'; max?: number | undefined; min?: number | undefined };

/**
 * What one measurement says about the canary. `environment` is a breach that stable shares: the canary is not the
 * cause, so it neither passes nor counts towards a rollback.
 */
export type Judgement =
  | { kind: 'pass'; value: number }
  | {
      kind: 'breach';
      value: number;
      stable: number | null;
      requests: number;
      bucket: NonNullable<Value['bucket']> | null;
    }
  | { kind: 'environment'; value: number; stable: number; requests: number }
  | { kind: 'inconclusive' }
  | { kind: 'error'; why: string };

/**
 * Judges one measurement of a check against its limit. Takes both arms measured at the same instant; only a finite
 * value at or below the limit passes, and a value above it is held against the canary unless stable, with enough
 * requests of its own, is no better.
 */
export function judge(limit: Limit, { canary, stable }: CheckReadings): Judgement {
  if (canary.kind === 'unavailable') return { kind: 'error', why: canary.why };
  if (canary.kind !== 'value' || !(canary.value >= 0)) return { kind: 'inconclusive' };
  if (isWithin(limit, canary.value)) return { kind: 'pass', value: canary.value };
  return stable.kind === 'value' ? compare(limit, canary, stable) : breach(canary, null);
}

function isWithin({ metric, ...limit }: Limit, value: number): boolean {
  if (metric !== 'custom' || limit.max !== undefined) return value <= (limit.max ?? 0);
  return 'min' in limit && limit.min !== undefined && value >= limit.min;
}

function compare(limit: Limit, canary: Value, stable: Value): Judgement {
  if (isWorse(limit, canary, stable)) return breach(canary, stable.value);
  return { kind: 'environment', value: canary.value, stable: stable.value, requests: canary.requests };
}

function breach({ value, requests, bucket }: Value, stable: number | null): Judgement {
  return { kind: 'breach', value, stable, requests, bucket: bucket ?? null };
}

type Value = Extract<Reading, { kind: 'value' }>;

/** One-sided 5 % point of the normal distribution. */
const oneSidedFivePercent = 1.645;
/** A P99 read from histogram buckets is coarse: below this ratio two arms count as alike. */
const latencyMargin = 1.2;

function isWorse(limit: Limit, canary: Value, stable: Value): boolean {
  const { metric } = limit;
  if (metric === 'custom') {
    return limit.min === undefined ? canary.value > stable.value : canary.value < stable.value;
  }
  if (metric === 'p99LatencyMs') return canary.value > stable.value * latencyMargin;
  return proportionScore(canary, stable) > oneSidedFivePercent;
}

/**
 * How many standard errors the canary's error ratio lies above stable's: the pooled two-proportion z-test
 * (Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 3rd ed., section 3.3, without the
 * continuity correction).
 */
function proportionScore(canary: Value, stable: Value): number {
  const pooled =
    (canary.value * canary.requests + stable.value * stable.requests) / (canary.requests + stable.requests);
  const variance = pooled * (1 - pooled) * (1 / canary.requests + 1 / stable.requests);
  if (variance > 0) return (canary.value - stable.value) / Math.sqrt(variance);
  return canary.value > stable.value ? Number.POSITIVE_INFINITY : 0;
}
