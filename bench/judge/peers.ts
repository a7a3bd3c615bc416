import type { Judge, Rollback } from './judge.ts';
import type { Recording } from './recording.ts';
import type { Limits } from './service.ts';
import { pollSeconds, polls } from './setting.ts';
import { errorRateIn, p99In } from './window.ts';

/** `[1m]`, and the minute between two looks of Argo and Flagger. */
const minute = 60 / pollSeconds;
const fiveMinutes = 300 / pollSeconds;

/**
 * Argo Rollouts: both limits are metrics of one analysis, measured each minute over the last one. A metric has failed
 * once more than `failureLimit` of its measurements have, in a row or not. NaN is guarded (`isNaN(result) || ...`).
 */
export function argo(failureLimit: number): Judge {
  return {
    name: `Argo failureLimit ${failureLimit}`,
    rollsBackAt: (recording, limits) => {
      const failed = { errors: 0, latency: 0 };
      for (let poll = minute - 1; poll < polls; poll += minute) {
        failed.errors += Number(isFailing(recording, limits, poll));
        failed.latency += Number(isSlow(recording, limits, poll));
        if (Math.max(failed.errors, failed.latency) > failureLimit) return rollback(poll, failed);
      }
      return null;
    },
  };
}

/**
 * Flagger: each minute one look at both metrics of the last minute. A look with a breach or without a value counts, a
 * good one takes nothing back, and the look after the one that reached `threshold` rolls back.
 */
export function flagger(threshold: number): Judge {
  return {
    name: `Flagger threshold ${threshold}`,
    rollsBackAt: (recording, limits) => {
      const failed = { errors: 0, latency: 0 };
      let looks = 0;
      for (let poll = minute - 1; poll < polls; poll += minute) {
        if (looks >= threshold) return rollback(poll, failed);
        const isEmpty = Number.isNaN(errorRateIn(recording.canary, { poll, length: minute }));
        const bad = { errors: isFailing(recording, limits, poll), latency: isSlow(recording, limits, poll) };
        failed.errors += Number(bad.errors);
        failed.latency += Number(bad.latency);
        looks += Number(isEmpty || bad.errors || bad.latency);
      }
      return null;
    },
  };
}

/** Two alert rules of Prometheus over `[1m]`, evaluated with each scrape: one fires when it was true for 5 minutes. */
export const alertFor5m: Judge = {
  name: 'alert for 5m',
  rollsBackAt: (recording, limits) => {
    const inARow = { errors: 0, latency: 0 };
    for (let poll = 0; poll < polls; poll += 1) {
      inARow.errors = isFailing(recording, limits, poll) ? inARow.errors + 1 : 0;
      inARow.latency = isSlow(recording, limits, poll) ? inARow.latency + 1 : 0;
      // The first evaluation only begins the wait.
      if (Math.max(inARow.errors, inARow.latency) > fiveMinutes) return rollback(poll, inARow);
    }
    return null;
  },
};

/** The best of thousands of fixed rules against stable: with each scrape, over the last minute, 9 in a row of either. */
export const tunedRatio: Judge = {
  name: 'ratio rule, tuned',
  rollsBackAt: (recording) => {
    const inARow = { errors: 0, latency: 0 };
    for (let poll = 0; poll < polls; poll += 1) {
      inARow.errors = failsMoreThanStable(recording, poll) ? inARow.errors + 1 : 0;
      inARow.latency = isSlowerThanStable(recording, poll) ? inARow.latency + 1 : 0;
      if (Math.max(inARow.errors, inARow.latency) === 9) return rollback(poll, inARow);
    }
    return null;
  },
};

export const peers: Judge[] = [argo(0), argo(3), flagger(5), alertFor5m, tunedRatio];

function rollback(poll: number, { errors, latency }: { errors: number; latency: number }): Rollback {
  return { poll, why: errors >= latency ? 'errors' : 'latency' };
}

// Comparisons with NaN are false: without requests nothing is failing, slow or worse.

function isFailing({ canary }: Recording, { errorRate }: Limits, poll: number): boolean {
  return errorRateIn(canary, { poll, length: minute }) > errorRate;
}

function isSlow({ canary }: Recording, { p99Ms }: Limits, poll: number): boolean {
  return p99In(canary, { poll, length: minute }) > p99Ms;
}

function failsMoreThanStable({ canary, stable }: Recording, poll: number): boolean {
  const window = { poll, length: minute };
  return errorRateIn(canary, window) > 1.5 * errorRateIn(stable, window) + 0.005;
}

function isSlowerThanStable({ canary, stable }: Recording, poll: number): boolean {
  const window = { poll, length: minute };
  return p99In(canary, window) > 2 * p99In(stable, window);
}
