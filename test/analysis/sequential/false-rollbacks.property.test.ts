import { describe, expect, it } from 'vitest';
import type { Baseline, Increment, Poll } from '../../../src/analysis/sequential/poll.ts';
import type { JudgeSettings } from '../../../src/analysis/sequential/settings.ts';
import { type Random, seededRandom } from '../../../src/sandbox/random.ts';
import { cumulatedBinomial, drawFrom } from './draws.ts';
import { boundsMs, judgeAll, pollsOf, settings } from './rollouts.ts';

/** A canary that is as bad as may be: how many are rolled back by evidence is the promise of the judge. */
type Border = {
  name: string;
  /** Requests of both arms in a poll, and the canary's share in percent by the number of the poll. */
  perPoll: number;
  share: (number: number) => number;
  /** Rates of bad requests by the number of the poll. */
  canary: (number: number) => number;
  stable: (number: number) => number;
  clump?: number;
  limit?: number;
};

const alpha = 0.05;
const rollouts = 200;
const polls = 60;
const isOutage = (number: number) => number >= 20 && number < 30;

const borders: Border[] = [
  {
    name: 'right at its limit, stable below it, and an outage of both',
    perPoll: 3000,
    share: () => 5,
    canary: (number) => (isOutage(number) ? 0.05 : 0.01),
    stable: (number) => (isOutage(number) ? 0.05 : 0.0078),
  },
  {
    name: 'no worse than stable, which is over the limit for a while',
    perPoll: 300,
    share: () => 20,
    canary: (number) => (isOutage(number) ? 0.3 : 0.005),
    stable: (number) => (isOutage(number) ? 0.3 : 0.005),
  },
  {
    name: 'raised to 95 % amid an outage of both',
    perPoll: 100,
    share: (number) => (number < 22 ? 75 : 95),
    canary: (number) => (isOutage(number) ? 0.2 : 0.005),
    stable: (number) => (isOutage(number) ? 0.2 : 0.005),
  },
  {
    name: 'with errors that come in clumps of four',
    perPoll: 3000,
    share: () => 10,
    canary: () => 0.0068,
    stable: () => 0.005,
    clump: 4,
  },
];

describe('a canary right at the border of what is tolerated', () => {
  it.each(borders)('is rolled back by evidence in at most 5 % of 200 rollouts: $name', (border) => {
    const random = seededRandom(73);
    const used: JudgeSettings = { ...settings, falseRollbackRate: alpha };
    let rolledBack = 0;
    for (let run = 0; run < rollouts; run++) {
      const judged = judgeAll(pollsFor(border, random), { with: used, baseline: historyFor(border, random) });
      const reasons = judged.map(({ ruling }) => ruling.reason);
      if (reasons.includes('regression') || reasons.includes('limit')) rolledBack++;
    }
    expect(rolledBack).toBeLessThanOrEqual(alpha * rollouts);
  });
});

function pollsFor(border: Border, random: Random): Poll[] {
  return pollsOf(polls, (number) => {
    const share = border.share(number);
    const canary = Math.round((border.perPoll * share) / 100);
    return {
      share,
      canary: drawn(random, canary, border.canary(number), border.clump),
      stable: drawn(random, border.perPoll - canary, border.stable(number), border.clump),
    };
  });
}

function historyFor({ perPoll, stable, clump }: Border, random: Random): Baseline {
  const minute = () => drawn(random, Math.round((4 * perPoll) / 10), stable(0), clump);
  return { boundsMs, pods: Array.from({ length: 10 }, () => Array.from({ length: 30 }, minute)) };
}

/** Slow requests thin out by half from bound to bound. */
function drawn(random: Random, requests: number, rate: number, clump = 1): Increment {
  const errors = clump * bad(random, Math.floor(requests / clump), rate);
  const buckets: number[] = [];
  let left = requests;
  for (const _ of boundsMs) {
    const slower = bad(random, left, 0.5);
    buckets.push(left - slower);
    left = slower;
  }
  return { requests, errors, buckets: [...buckets, left] };
}

const known = new Map<string, Float64Array>();

function bad(random: Random, requests: number, rate: number): number {
  const key = `${requests} ${rate}`;
  const chances = known.get(key) ?? cumulatedBinomial(requests, rate);
  known.set(key, chances);
  return drawFrom(random, chances);
}
