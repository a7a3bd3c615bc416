import { chanceWithin, type Latency, quantileOf } from './latency.ts';
import type { Regression, Service } from './service.ts';

/** How the canary answers at one instant. */
export type Answering = { errorRate: number; latency: Latency };

/** `badRate`: the part of the canary's requests, 0..1, that is bad only because of the regression. */
export type Harm = { isExposed: boolean; badRate: number };

/** The canary with what is wrong with it at this instant. */
export function canaryAt(sound: Answering, regression: Regression | null, seconds: number): Answering {
  const part = regression === null ? 0 : partAt(regression, seconds);
  if (regression === null || part === 0) return sound;
  const { medianMs, sigma } = sound.latency;
  return {
    errorRate: Math.min(1, sound.errorRate * (1 + part * (regression.errors - 1))),
    latency: {
      medianMs: medianMs * (1 + part * (regression.latency - 1)),
      sigma: sigma + part * ((regression.sigma ?? sigma) - sigma),
    },
  };
}

/** A request is bad when it fails, or when it is slower than 95 of 100 of the service's requests should be. */
export function harmAt(sound: Answering, worse: Answering, { latency }: Service): Harm {
  if (sound === worse) return { isExposed: false, badRate: 0 };
  const slowMs = quantileOf(latency, 0.95);
  const slower = chanceWithin(sound.latency, slowMs) - chanceWithin(worse.latency, slowMs);
  return { isExposed: true, badRate: worse.errorRate - sound.errorRate + Math.max(0, slower) };
}

/** How much of the regression is there, 0..1. */
function partAt({ from, until }: Regression, seconds: number): number {
  if (seconds <= from) return 0;
  return seconds >= until ? 1 : (seconds - from) / (until - from);
}
