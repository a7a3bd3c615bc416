import { describe, expect, it } from 'vitest';
import {
  assumedRate,
  logFactorAgainstLimit,
  logFactorAgainstStable,
} from '../../../src/analysis/sequential/count-evidence.ts';
import { worse } from '../../../src/analysis/sequential/mixture.ts';
import { openJudge } from '../../../src/analysis/sequential/open-judge.ts';
import { usualSettings } from '../../../src/analysis/sequential/settings.ts';
import { withPoll } from '../../../src/analysis/sequential/with-poll.ts';
import {
  answered,
  boundsMs,
  calmHistory,
  judgeAll,
  last,
  noHistory,
  pollAt,
  pollsOf,
  settings,
} from './rollouts.ts';

type All = ReturnType<typeof judgeAll>;
const firstRollback = (judged: All) => judged.findIndex(({ ruling }) => ruling.decision === 'rollback');
const all = { canary: answered(1500, 1500, 1500) };

describe('one look', () => {
  const counts = { canaryBad: 3, canaryRequests: 150, stableBad: 20, stableRequests: 2850 };
  const used = { ...settings, dispersion: 1 };
  const [judged] = judgeAll(
    pollsOf(1, () => ({ canary: answered(150, 3), stable: answered(2850, 20) })),
    { with: used },
  );

  it('multiplies each stake by the factor of its alternative, neither more nor less', () => {
    const { errors, limits } = last(judged === undefined ? [] : [judged]).state;
    const tolerated = { ratio: errors.ratio, excess: used.errors.excess };
    for (const [at, psi] of worse.entries()) {
      const factor = logFactorAgainstStable(counts, tolerated, psi);
      expect(errors.worse[at]).toBeCloseTo(-Math.LN2 + factor, 12);
      const over = logFactorAgainstLimit(3, 150, 0.01, assumedRate(0.01, psi));
      const blamed = logFactorAgainstStable(counts, { ratio: limits[0]?.podRatio ?? 0, excess: 0 }, psi);
      expect(limits[0]?.stakes[at]).toBeCloseTo(-Math.LN2 + Math.min(over, blamed), 12);
    }
  });

  it('without requests leaves the evidence at 1, over however many limits and bounds', () => {
    const none = { canary: answered(0, 0), stable: answered(0, 0) };
    for (const limits of [[], settings.limits, [...settings.limits, ...settings.limits]]) {
      const found = judgeAll(
        pollsOf(12, () => none),
        { with: { ...settings, limits }, baseline: noHistory },
      );
      expect(last(found).state.latency?.atBounds.length).toBe(boundsMs.length);
      expect(last(found).state.latency?.log).toBeCloseTo(0, 12);
      const broken = judgeAll(
        pollsOf(1, () => ({ canary: answered(0.5, 0.5), stable: answered(0, 0) })),
        { with: { ...settings, limits }, baseline: noHistory },
      );
      expect(last(found).evidence).toBeCloseTo(1, 12);
      expect(last(broken).evidence).toBeCloseTo(1, 9);
    }
  });
});

describe('a single scrape', () => {
  it.each([0, 3, 10, 43])('never rolls back, whatever it says of everything at once: %d', (strange) => {
    const found = judgeAll(pollsOf(60, (number) => (number === strange ? all : {})));
    expect(firstRollback(found)).toBe(-1);
  });

  it.each([
    ['errors that come later', { bad: 75, slow: 30 }],
    ['slow requests that come later', { bad: 7.5, slow: 120 }],
  ])('hides nothing: %s are found as soon as without it', (_name, { bad, slow }) => {
    const good = answered(1500, 7.5);
    const late = (number: number) => (number < 10 ? good : answered(1500, bad, slow));
    const stable = answered(28_500, 142.5);
    const found = (strange: number) =>
      firstRollback(
        judgeAll(
          pollsOf(80, (number) => ({
            step: 0,
            canary: number === strange ? answered(1500, 1500) : late(number),
            stable,
          })),
          { with: usualSettings },
        ),
      );
    expect(found(-1)).toBeGreaterThan(10);
    expect(found(3)).toBeGreaterThan(10);
    expect(found(3)).toBeLessThanOrEqual(found(-1));
  });

  it('that counts what a failed one missed is one look, not two', () => {
    const polls = pollsOf(20, (number) => {
      if (number === 5) return { canary: null };
      return number === 6 ? { canary: answered(300, 300), stable: answered(5700, 28.5) } : {};
    });
    const found = judgeAll(polls);
    expect(found[6]?.state.looks).toBe(6);
    expect(firstRollback(found)).toBe(-1);
  });
});

describe('warming up', () => {
  const cold = (share: number, cold: boolean) => ({
    share,
    canary: answered(1500, 7.5, cold ? 300 : 30),
    stable: answered(28_500, 142.5),
  });

  it('begins anew at each step, for the comparison of latency with stable', () => {
    const polls = pollsOf(80, (number) => cold(5, number % 20 < 3));
    expect(firstRollback(judgeAll(polls, { with: usualSettings }))).toBe(-1);
    const always = judgeAll(
      pollsOf(80, () => cold(5, true)),
      { with: usualSettings },
    );
    expect(firstRollback(always)).toBeGreaterThan(3);
  });

  it('takes no more than a quarter of a short step, or latency would never be compared', () => {
    let state = openJudge(calmHistory, usualSettings);
    const reasons = Array.from({ length: 20 }, (_, number) => {
      const poll = {
        ...pollAt(number, cold(5, true)),
        step: Math.floor(number / 4),
        stepSeconds: 15 * (1 + (number % 4)),
      };
      const judged = withPoll(state, poll, usualSettings, { seconds: 60 });
      state = judged.state;
      return judged.ruling.reason;
    });
    expect(reasons).toContain('regression');
  });
});

describe('requests that routes bring past the weights', () => {
  const away = { share: 50, canary: answered(2, 0), stable: answered(2998, 15) };

  it('are a mismatch, unless the poll says that the share cannot be observed', () => {
    const seen = judgeAll(pollsOf(20, () => away));
    expect(seen[firstRollback(seen)]?.ruling.reason).toBe('trafficMismatch');
    const unseen = judgeAll(pollsOf(20, () => ({ ...away, shareIsObservable: false })));
    expect(firstRollback(unseen)).toBe(-1);
    expect(last(unseen).state.split.log).toBeCloseTo(0, 9);
  });
});

describe('a step of 0 seconds', () => {
  it('has no clock: it neither ends nor lasts too long', () => {
    let state = openJudge(calmHistory, settings);
    for (const poll of pollsOf(10, () => ({ canary: answered(3, 0), stable: answered(57, 0) }))) {
      const judged = withPoll(state, poll, settings, { seconds: 0 });
      state = judged.state;
      expect(judged.ruling.decision).toMatch(/continue|hold/);
    }
  });
});

describe('without history', () => {
  it('at most eight bounds share the wealth, spread over all there are', () => {
    const many = Array.from({ length: 50 }, (_, at) => 10 * (at + 1));
    const { latency } = openJudge({ boundsMs: many, pods: [] }, settings);
    expect(latency?.atBounds.map(({ bound }) => bound)).toEqual([3, 9, 15, 21, 28, 34, 40, 46]);
    expect(openJudge(noHistory, settings).latency?.atBounds).toHaveLength(boundsMs.length);
  });
});
