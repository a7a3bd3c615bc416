import { describe, expect, it } from 'vitest';
import type { Poll } from '../../../src/analysis/sequential/poll.ts';
import { usualSettings } from '../../../src/analysis/sequential/settings.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';
import { binomialFrom } from './draws.ts';
import { answered, calmHistory, judgeAll, last, noHistory, pollsOf, settings } from './rollouts.ts';

type All = ReturnType<typeof judgeAll>;
const rulings = (judged: All) => judged.map(({ ruling }) => `${ruling.decision} ${ruling.reason}`);
const firstRollback = (judged: All) => judged.findIndex(({ ruling }) => ruling.decision === 'rollback');
const breachSeconds = (judged: All) => judged.map(({ state }) => state.limits[0]?.breach.seconds ?? 0);

/** Evidence is out of reach: only a breach that lasts leads back. */
const withoutEvidence = { ...settings, falseRollbackRate: 1e-12 };

describe('a breach of a limit', () => {
  it.each([
    ['with history', calmHistory],
    ['without history', noHistory],
  ])('is not one failed request and then silence: %s', (_name, baseline) => {
    const polls = pollsOf(80, (number) => {
      if (number < 20) return { step: 0, canary: answered(2, 0, 0), stable: answered(38, 0, 0) };
      if (number === 20) return { step: 0, canary: answered(1, 1, 0), stable: answered(38, 0, 0) };
      return { step: 0, canary: answered(0, 0), stable: answered(8, 0, 0) };
    });
    expect(firstRollback(judgeAll(polls, { baseline }))).toBe(-1);
  });

  it('lasts no longer where the canary has no requests', () => {
    const polls = pollsOf(12, (number) =>
      number < 4 ? { canary: answered(150, 6) } : { canary: answered(0, 0) },
    );
    const found = breachSeconds(judgeAll(polls, { with: withoutEvidence }));
    expect(found.slice(0, 6)).toEqual([0, 15, 30, 45, 45, 45]);
  });

  it('begins anew after a time without data', () => {
    const bad = { canary: answered(150, 6) };
    const polls = pollsOf(14, (number) => (number >= 5 && number < 10 ? { canary: null } : bad));
    const found = breachSeconds(judgeAll(polls, { with: withoutEvidence }));
    expect(found[4]).toBe(60);
    expect(found.slice(10)).toEqual([0, 15, 30, 45]);
  });

  it.each([5, 15, 60])('of two minutes does not last five, with a poll every %d s', (seconds) => {
    const polls = Array.from({ length: 1200 / seconds }, (_, number): Poll => {
      const at = seconds * (number + 1);
      const rate = at > 300 && at <= 420 ? 0.08 : 0.004;
      const canary = answered(2 * seconds, 2 * seconds * rate);
      const stable = answered(38 * seconds, 38 * seconds * 0.004);
      return { at, step: 0, stepSeconds: at, share: 5, canary, stable };
    });
    const found = judgeAll(polls, { with: withoutEvidence });
    expect(found.some(({ ruling }) => ruling.reason === 'backstop')).toBe(false);
  });

  it('is no chance or two: it takes 20 requests and three bad ones', () => {
    const thin = (requests: number, bad: number) =>
      judgeAll(
        pollsOf(40, () => ({ step: 0, canary: answered(requests, bad), stable: answered(20 * requests, 0) })),
        { with: withoutEvidence },
      );
    expect(firstRollback(thin(20, 0.6))).toBe(22);
    expect(firstRollback(thin(0.1, 0.1))).toBe(-1);
    expect(firstRollback(thin(5, 0.06))).toBe(-1);
  });

  it.each([
    [70, 1.05],
    [150, 1.95],
    [300, 3.75],
  ])('lets no canary go on, neither proven nor by the clock: %d requests, %d bad', (requests, bad) => {
    const stable = answered(19 * requests, 19 * requests * 0.009);
    const polls = pollsOf(40, () => ({ step: 0, canary: answered(requests, bad), stable })).map((poll) => ({
      ...poll,
      stepSeconds: poll.at,
    }));
    const history = { ...calmHistory, pods: calmHistory.pods.map((pod) => pod.map(() => answered(1000, 9))) };
    const found = rulings(judgeAll(polls, { baseline: history }));
    expect(found.some((ruling) => ruling.startsWith('advance'))).toBe(false);
    expect(found).toContain('hold breach');
    expect(found[20]).toBe('rollback backstop');
  });

  it("is tolerated no longer where stable's pods differ", () => {
    const apart = {
      ...calmHistory,
      pods: calmHistory.pods.map((pod, at) => pod.map(() => answered(1000, at % 2 === 0 ? 2 : 8))),
    };
    const polls = pollsOf(30, () => ({ step: 0, canary: answered(150, 1.6), stable: answered(2850, 22) }));
    const found = judgeAll(polls, { with: withoutEvidence, baseline: apart });
    expect(found[firstRollback(found)]?.ruling.reason).toBe('backstop');
  });
});

describe('the evidence of a limit', () => {
  it('is earned in the looks in which the canary is to blame, not in others', () => {
    // An outage of both, and then a canary within the limit that is worse than stable: never both at once.
    const polls = pollsOf(400, (number) =>
      number >= 10 && number < 18
        ? { step: 0, canary: answered(1500, 120), stable: answered(28_500, 2280) }
        : { step: 0, canary: answered(1500, 11.7), stable: answered(28_500, 171) },
    );
    const found = judgeAll(polls);
    expect(firstRollback(found)).toBe(-1);
    expect(Math.max(...found.map(({ evidence }) => evidence))).toBeLessThan(2);
  });

  it('rolls nothing back once the canary is within the limit again', () => {
    const polls = pollsOf(30, (number) => ({ canary: answered(150, number < 6 ? 9 : 0) }));
    const found = judgeAll(polls, { with: { ...settings, falseRollbackRate: 1e-9 } });
    expect(last(found).driver.kind).not.toBe('limit');
  });

  it.each([
    ['the canary is within the limit', { canary: answered(5, 0), stable: answered(95, 0) }],
    ['stable is over the limit, too', { canary: answered(150, 12), stable: answered(2850, 228) }],
  ])('says nothing while %s, however much it was', (_name, now) => {
    const polls = pollsOf(16, (number) => (number < 6 ? { canary: answered(150, 9) } : now));
    const { state, evidence } = last(judgeAll(polls, { with: { ...settings, falseRollbackRate: 1e-9 } }));
    const { errors, latency, limits, split } = state;
    const [first = 0, second = 0] = limits.map(({ log }) => log);
    expect(first).toBeGreaterThan(1);
    const voices = Math.exp(errors.log) + Math.exp(latency?.log ?? 0) + 1 + Math.exp(Math.min(0, second));
    expect(evidence / (0.05 * Math.exp(split.log) + (0.95 / 4) * voices)).toBeCloseTo(1, 9);
  });

  it.each([
    [90, 100],
    [90, 60],
    [75, 40],
    [95, 200],
  ])('of an outage of both arms while the share is raised to %d %% is none', (share, perPoll) => {
    const random = seededRandom(11);
    let rolledBack = 0;
    for (let run = 0; run < 60; run++) {
      const polls = pollsOf(40, (number) => {
        const now = number < 20 ? share / 2 : share;
        const canary = binomialFrom(random, perPoll, now / 100);
        const stable = perPoll - canary;
        const rate = number >= 20 && number < 32 ? 0.2 : 0.005;
        const arm = (requests: number) => answered(requests, binomialFrom(random, requests, rate), 0);
        return { share: now, canary: arm(canary), stable: arm(stable) };
      });
      if (firstRollback(judgeAll(polls)) !== -1) rolledBack++;
    }
    expect(rolledBack).toBe(0);
  });

  it('counts against the canary alone when stable has been silent for a while, in whatever step', () => {
    const polls = pollsOf(24, (number) => ({
      step: number,
      share: 95,
      canary: answered(950, number < 4 ? 5 : 95),
      stable: answered(number === 0 ? 50 : 0, 0),
    }));
    const found = judgeAll(polls);
    expect(found[firstRollback(found)]?.ruling.reason).toBe('limit');
    expect(firstRollback(found)).toBeLessThanOrEqual(7);
  });

  it('is none while stable is silent by chance, since it should have had a request or two', () => {
    const polls = pollsOf(8, () => ({ share: 98, canary: answered(20, 4), stable: answered(0, 0) }));
    expect(last(judgeAll(polls)).state.limits[0]?.log).toBeCloseTo(0, 12);
  });

  it("asks for more where one of stable's pods may be as bad", () => {
    const apart = {
      ...calmHistory,
      pods: calmHistory.pods.map((pod, at) => pod.map(() => answered(1000, at % 2 === 0 ? 2 : 8))),
    };
    const polls = pollsOf(4, () => ({ canary: answered(1500, 30), stable: answered(28_500, 200) }));
    const used = { ...settings, dispersion: 1 };
    const log = (baseline: typeof apart) =>
      last(judgeAll(polls, { baseline, with: used })).state.limits[0]?.log ?? 0;
    expect(log(calmHistory)).toBeGreaterThan(log(apart) + 1);
  });

  it.each([1, 4])('and that of all comparisons moves by a noise factor of %d', (noise) => {
    const polls = pollsOf(1, () => ({ share: 50, canary: answered(150, 3), stable: answered(150, 0.5) }));
    const { state } = last(judgeAll(polls, { with: { ...settings, dispersion: noise } }));
    const calm = last(judgeAll(polls, { with: { ...settings, dispersion: 1 } })).state;
    const gain = (logs: readonly number[] | undefined) => (logs?.[0] ?? 0) + Math.LN2;
    expect(gain(state.limits[0]?.stakes)).toBeCloseTo(gain(calm.limits[0]?.stakes) / noise, 9);
    expect(gain(state.errors.worse)).toBeCloseTo(gain(calm.errors.worse) / noise, 9);
    expect(state.errors.better[0]).toBeCloseTo((calm.errors.better[0] ?? 0) / noise, 9);
  });
});

describe('a limit of latency above the highest bound', () => {
  const blind = {
    ...usualSettings,
    limits: [{ id: 'p99', metric: 'latency', quantile: 0.99, maxMs: 3000 } as const],
  };

  it('is not judged, takes no part of the wealth, and the verdict says so', () => {
    const slow = { requests: 150, errors: 1, buckets: [0, 0, 0, 0, 0, 150] };
    const polls = pollsOf(5, () => ({ canary: slow }));
    const [with3000, without] = [blind, usualSettings].map((used) => last(judgeAll(polls, { with: used })));
    expect(with3000?.state.limits[0]).toMatchObject({ isBlind: true, log: 0 });
    expect(with3000?.evidence).toBe(without?.evidence);
  });
});
