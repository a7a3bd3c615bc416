import { describe, expect, it } from 'vitest';
import { batteryOf, servicesOfAKind } from '../../../bench/judge/battery.ts';
import {
  addChances,
  chanceWithin,
  drawBuckets,
  normalCdf,
  quantileOf,
} from '../../../bench/judge/latency.ts';
import { pollOf } from '../../../bench/judge/ours.ts';
import { randomFor } from '../../../bench/judge/random.ts';
import { type Counts, type Recording, record } from '../../../bench/judge/recording.ts';
import { healthy, regressed } from '../../../bench/judge/scenarios.ts';
import type { Scenario } from '../../../bench/judge/service.ts';
import { boundsMs, buckets, polls } from '../../../bench/judge/setting.ts';
import { Baseline, Poll } from '../../../src/analysis/sequential/poll.ts';

function named(name: string): Scenario {
  const found = [...healthy, ...regressed].find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`no scenario ${name}`);
  return found;
}

function played(name: string, number = 0): Recording {
  return record(randomFor(1, name, number), named(name));
}

/** Errors per request over some polls. */
function rate({ errors, requests }: Counts, from = 0, to = polls): number {
  return sum(errors.subarray(from, to)) / sum(requests.subarray(from, to));
}

/** The part of the requests above a bound. */
function slower({ buckets: counts }: Counts, boundMs: number, from = 0, to = polls): number {
  const first = boundsMs.indexOf(boundMs) + 1;
  let [above, all] = [0, 0];
  for (let poll = from; poll < to; poll += 1) {
    for (let bucket = 0; bucket < buckets; bucket += 1) {
      const here = counts[poll * buckets + bucket] ?? 0;
      all += here;
      if (bucket >= first) above += here;
    }
  }
  return above / all;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

describe('a recorded rollout', () => {
  it('is the same for the same seed, whatever was played before', () => {
    const first = played('N6');
    played('R9');
    expect(played('N6')).toEqual(first);
    expect(played('N6', 1)).not.toEqual(first);
  });

  it('is what the judge takes, at every poll', () => {
    const recording = played('R7');
    expect(Baseline.parse(recording.baseline).pods).toHaveLength(10);
    expect(recording.baseline.pods.every((pod) => pod.length === 30)).toBe(true);
    const taken = Array.from({ length: polls }, (_, poll) => Poll.parse(pollOf(recording, poll)));
    expect(taken[0]).toMatchObject({ at: 15, step: 0, stepSeconds: 15, share: 5 });
    expect(taken[19]).toMatchObject({ at: 300, step: 0, stepSeconds: 300, share: 5 });
    expect(taken[20]).toMatchObject({ at: 315, step: 1, stepSeconds: 15, share: 10 });
    expect(taken[79]).toMatchObject({ at: 1200, step: 3, stepSeconds: 300, share: 50 });
  });

  it('divides the requests as the weights do, each in one bucket', () => {
    const { canary, stable } = played('N3');
    expect(sum(canary.requests.subarray(0, 20)) / (2000 * 300)).toBeCloseTo(0.05, 3);
    expect(sum(canary.requests.subarray(60)) / (2000 * 300)).toBeCloseTo(0.5, 2);
    expect(sum(canary.buckets)).toBe(sum(canary.requests));
    expect(sum(stable.buckets)).toBe(sum(stable.requests));
  });

  it('has the errors of its service, in both arms and before the rollout', () => {
    const { canary, stable, baseline } = played('N3');
    const past = baseline.pods.flat();
    expect(rate(canary)).toBeCloseTo(0.001, 3);
    expect(rate(stable)).toBeCloseTo(0.001, 3);
    expect(sum(past.map(({ errors }) => errors)) / sum(past.map(({ requests }) => requests))).toBeCloseTo(
      0.001,
      3,
    );
  });

  it('has the latency of its service', () => {
    const { stable } = played('N3');
    // ln(10) / 0.8 standard deviations above the median.
    expect(slower(stable, 100)).toBeCloseTo(0.5, 2);
    expect(slower(stable, 250)).toBeCloseTo(0.126, 2);
    expect(slower(stable, 1000)).toBeCloseTo(0.002, 3);
  });
});

describe('noise', () => {
  it('comes in bursts with the variance asked for, of stable and of each pod', () => {
    const ratios = Array.from({ length: 40 }, (_, number) => {
      const { stable } = played('N4', number);
      // The first step: the mean stays the same.
      const errors = [...stable.errors.subarray(0, 20)];
      const mean = sum(errors) / errors.length;
      return sum(errors.map((count) => (count - mean) ** 2)) / (errors.length - 1) / mean;
    });
    expect(sum(ratios) / ratios.length).toBeGreaterThan(7);
    expect(sum(ratios) / ratios.length).toBeLessThan(9);
  });

  it('is an outage of both arms for three minutes', () => {
    const { canary, stable } = played('N5');
    const polled = [...stable.errors].map((errors, poll) => errors / (stable.requests[poll] ?? 1));
    const bad = polled.flatMap((ratio, poll) => (ratio > 0.025 ? [poll] : []));
    const [first = 0, last = 0] = [bad[0], bad.at(-1)];
    expect(last - first).toBeLessThanOrEqual(12);
    expect(last - first).toBeGreaterThanOrEqual(10);
    expect(first * 15).toBeGreaterThanOrEqual(345);
    expect(first * 15).toBeLessThanOrEqual(615);
    expect(rate(canary, first + 1, last)).toBeGreaterThan(0.04);
  });

  it('is drift of both arms, and a cold start of the canary alone', () => {
    const drifted = played('N6');
    expect(rate(drifted.stable, 60) / rate(drifted.stable, 0, 20)).toBeGreaterThan(1.15);
    const cold = played('N8');
    expect(slower(cold.canary, 250, 0, 2)).toBeGreaterThan(0.25);
    expect(slower(cold.canary, 250, 20)).toBeCloseTo(0.126, 1);
    expect(slower(cold.stable, 250, 0, 2)).toBeCloseTo(0.126, 1);
  });

  it('is pods that stay different: the canary now and again', () => {
    const factors = Array.from({ length: 60 }, (_, number) =>
      Math.log(rate(played('N9', number).canary) / 0.004),
    );
    const mean = sum(factors) / factors.length;
    const deviation = Math.sqrt(sum(factors.map((one) => (one - mean) ** 2)) / factors.length);
    expect(deviation).toBeGreaterThan(0.26);
    expect(deviation).toBeLessThan(0.46);
  });
});

describe('a regression', () => {
  it('begins at its onset, and leaves stable alone', () => {
    const { canary, stable, exposed, harm } = played('R10');
    expect(rate(canary, 0, 44)).toBeLessThan(0.006);
    expect(rate(canary, 44)).toBeCloseTo(0.05, 2);
    expect(rate(stable)).toBeCloseTo(0.003, 2);
    expect(sum(exposed.subarray(0, 44)) + sum(harm.subarray(0, 44))).toBe(0);
    expect(harm[44]).toBeCloseTo((exposed[44] ?? 0) * 0.047, 6);
  });

  it('rises where it is a leak', () => {
    const { canary } = played('R8');
    expect(rate(canary, 30, 40)).toBeLessThan(rate(canary, 70));
    expect(rate(canary, 70)).toBeCloseTo(0.048, 2);
  });

  it('multiplies all errors of the canary, those of an outage too', () => {
    const { harm, exposed } = played('R11');
    const perRequest = [...harm].map((bad, poll) => bad / (exposed[poll] ?? 1));
    expect(Math.min(...perRequest)).toBeCloseTo(0.006, 6);
    expect(Math.max(...perRequest)).toBeCloseTo(0.106, 6);
  });

  it('harms those who wait longer than 95 of 100 should', () => {
    const { harm, exposed } = played('R6');
    expect((harm[5] ?? 0) / (exposed[5] ?? 1)).toBeCloseTo(0.0777, 3);
    expect(sum(played('N2').harm)).toBe(0);
  });
});

describe('latency', () => {
  it('has the normal distribution, far out too', () => {
    expect(normalCdf(0)).toBeCloseTo(0.5, 7);
    expect(normalCdf(1.959964)).toBeCloseTo(0.975, 6);
    expect(1 - normalCdf(4)).toBeCloseTo(3.1671e-5, 8);
    expect([normalCdf(-9), normalCdf(9)]).toEqual([0, 1]);
  });

  it('has quantiles that are reached as often as they say', () => {
    const latency = { medianMs: 100, sigma: 0.8 };
    expect(quantileOf(latency, 0.99)).toBeCloseTo(643, 0);
    expect(chanceWithin(latency, quantileOf(latency, 0.95))).toBeCloseTo(0.95, 6);
  });

  it('puts every request into one bucket, also those beyond the last bound', () => {
    const chances = new Float64Array(boundsMs.length);
    addChances(chances, { medianMs: 3_600_000, sigma: 0.5 }, 1);
    const counts: number[] = new Array(buckets + 1).fill(7);
    drawBuckets(randomFor(1, 'buckets', 0), 1000, chances, { into: counts, offset: 0 });
    expect(sum(counts.slice(0, buckets))).toBe(1000);
    expect((counts[buckets - 1] ?? 0) / 1000).toBeCloseTo(0.5, 1);
    expect(counts[buckets]).toBe(7);
  });
});

describe('the battery', () => {
  it('is the same for the same seed, and other services for another', () => {
    expect(batteryOf(4)).toEqual(batteryOf(4));
    expect(batteryOf(5).healthy[0]).not.toEqual(batteryOf(4).healthy[0]);
  });

  it('draws what its table says', () => {
    const { healthy: sound, regressed: worse } = batteryOf(4);
    const all = [...sound, ...worse];
    expect([sound.length, worse.length]).toEqual([servicesOfAKind, servicesOfAKind]);
    for (const { service, limits, regression } of all) {
      expect(service.rps).toBeGreaterThanOrEqual(5);
      expect(service.rps).toBeLessThanOrEqual(3000);
      expect(limits.errorRate).toBeGreaterThanOrEqual(2 * service.errorRate);
      expect(limits.p99Ms).toBeGreaterThanOrEqual(2000);
      expect((regression?.errors ?? 1) * service.errorRate).toBeLessThanOrEqual(0.9);
    }
    const share = (count: number, of: number) => count / of;
    expect(share(all.filter(({ service }) => service.burst > 1).length, all.length)).toBeCloseTo(0.5, 0);
    const late = worse.filter(({ regression }) => (regression?.from ?? 0) > 0).length;
    expect(late).toBeGreaterThan(25);
    expect(late).toBeLessThan(55);
    const slow = worse.filter(({ regression }) => (regression?.latency ?? 1) > 1).length;
    expect(slow).toBeGreaterThan(20);
    expect(slow).toBeLessThan(47);
  });
});
