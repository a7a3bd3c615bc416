import { describe, expect, it } from 'vitest';
import type { Baseline, Poll } from '../../../src/analysis/sequential/poll.ts';
import { type Random, seededRandom } from '../../../src/sandbox/random.ts';
import { binomialFrom } from './draws.ts';
import { answered, boundsMs, judgeAll, pollsOf } from './rollouts.ts';

type Service = { perPoll: number; rate: number; canaryRate: number; slow: number; canarySlow: number };

const shares = [5, 10, 25, 50];

function drawn(random: Random, { perPoll, rate, canaryRate, slow, canarySlow }: Service): Poll[] {
  return pollsOf(80, (number) => {
    const share = shares[Math.floor(number / 20)] ?? 50;
    const requests = Math.round((perPoll * share) / 100);
    const arm = (count: number, bad: number, late: number) =>
      answered(count, binomialFrom(random, count, bad), binomialFrom(random, count, late));
    return {
      share,
      canary: arm(requests, canaryRate, canarySlow),
      stable: arm(perPoll - requests, rate, slow),
    };
  });
}

function historyOf(random: Random, { perPoll, rate, slow }: Service): Baseline {
  const requests = Math.round((4 * perPoll) / 10);
  const minute = () =>
    answered(requests, binomialFrom(random, requests, rate), binomialFrom(random, requests, slow));
  return { boundsMs, pods: Array.from({ length: 10 }, () => Array.from({ length: 30 }, minute)) };
}

/** Seconds until the rollback in each of so many rollouts; null where there was none. */
function secondsToRollback(service: Service, rollouts: number): (number | null)[] {
  const random = seededRandom(2024);
  return Array.from({ length: rollouts }, () => {
    const judged = judgeAll(drawn(random, service), { baseline: historyOf(random, service) });
    const at = judged.findIndex(({ ruling }) => ruling.decision === 'rollback');
    return at === -1 ? null : 15 * (at + 1);
  });
}

function median(found: (number | null)[]): number {
  const sorted = found.map((seconds) => seconds ?? Number.MAX_VALUE).sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const alike = { canaryRate: 0.005, rate: 0.005, slow: 0.02, canarySlow: 0.02 };

describe('rollouts drawn at random', () => {
  it.each([
    ['2 requests a second', { ...alike, perPoll: 30 }],
    ['20 requests a second', { ...alike, perPoll: 300 }],
    ['200 requests a second', { ...alike, perPoll: 3000 }],
  ])('of a canary that is as good as stable are never rolled back: %s', (_name, service) => {
    expect(secondsToRollback(service, 40).filter((seconds) => seconds !== null)).toEqual([]);
  });

  it.each([
    ['0.2 % to 20 % at 20 a second', 45, { ...alike, perPoll: 300, rate: 0.002, canaryRate: 0.2 }],
    ['0.5 % to 5 % at 200 a second', 45, { ...alike, perPoll: 3000, canaryRate: 0.05 }],
    ['0.5 % to 1.5 % at 200 a second', 300, { ...alike, perPoll: 3000, canaryRate: 0.015 }],
    ['slow requests 2 % to 6 % at 200 a second', 240, { ...alike, perPoll: 3000, canarySlow: 0.06 }],
  ])('of a canary that is worse go back soon: %s', (_name, most, service) => {
    expect(median(secondsToRollback(service, 21))).toBeLessThanOrEqual(most);
  });
});
