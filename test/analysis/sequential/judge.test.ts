import { describe, expect, it } from 'vitest';
import type { JudgeSettings } from '../../../src/analysis/sequential/settings.ts';
import { usualSettings } from '../../../src/analysis/sequential/settings.ts';
import { verdictOf } from '../../../src/analysis/sequential/verdict-of.ts';
import { answered, calmHistory, judgeAll, last, noHistory, pollAt, pollsOf, settings } from './rollouts.ts';

const rulings = (judged: ReturnType<typeof judgeAll>) =>
  judged.map(({ ruling }) => `${ruling.decision} ${ruling.reason}`);
const firstRollback = (judged: ReturnType<typeof judgeAll>) =>
  judged.findIndex(({ ruling }) => ruling.decision === 'rollback');

describe('a healthy canary', () => {
  it('is watched for a minute, and goes on as soon as it is proven healthy', () => {
    const found = rulings(judgeAll(pollsOf(20, () => ({}))));
    expect(found.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => 'continue gathering'));
    expect(found).toContain('advance provenHealthy');
    expect(found.indexOf('advance provenHealthy')).toBeLessThan(15);
  });

  it('has to prove it anew at each step', () => {
    const found = rulings(judgeAll(pollsOf(40, () => ({}))));
    expect(found[19]).toBe('advance provenHealthy');
    expect(found.slice(20, 23)).toEqual(Array.from({ length: 3 }, () => 'continue gathering'));
  });

  it('is never rolled back in four hours', () => {
    const found = judgeAll(pollsOf(960, () => ({ step: 0 })));
    expect(firstRollback(found)).toBe(-1);
    expect(last(found).evidence).toBeLessThan(1);
  });

  it('goes on unproven when its step is over and nothing speaks against it', () => {
    const few = { canary: answered(3, 0), stable: answered(57, 0) };
    expect(rulings(judgeAll(pollsOf(20, () => few))).at(-1)).toBe('advance unproven');
  });

  it('that is better than a broken stable is not held by that', () => {
    const found = rulings(judgeAll(pollsOf(20, () => ({ stable: answered(2850, 300) }))));
    expect(found).toContain('advance provenHealthy');
    expect(found.some((one) => one.includes('environment'))).toBe(false);
  });
});

describe('a canary that is worse', () => {
  it.each([
    ['with 20 % errors at 1 request a second', { canary: answered(15, 3), stable: answered(285, 0.6) }],
    ['with 5 % instead of 0.5 %', { canary: answered(150, 7.5) }],
    ['with 0.8 % instead of 0.1 %', { canary: answered(1500, 12), stable: answered(28_500, 28.5) }],
  ])('%s is rolled back at the second or third poll', (_name, fields) => {
    const at = firstRollback(judgeAll(pollsOf(20, () => fields)));
    expect(at).toBeGreaterThanOrEqual(1);
    expect(at).toBeLessThanOrEqual(2);
  });

  it('from its eleventh minute on is found as fast', () => {
    const polls = pollsOf(80, (number) =>
      number < 44 ? { share: 25 } : { share: 25, canary: answered(750, 37.5), stable: answered(2250, 11) },
    );
    const at = firstRollback(judgeAll(polls));
    expect(at).toBeGreaterThanOrEqual(45);
    expect(at).toBeLessThanOrEqual(46);
  });

  it('only in latency is found after its warm-up, and not before', () => {
    const slow = pollsOf(20, () => ({ canary: answered(1500, 7.5, 120), stable: answered(28_500, 142.5) }));
    const found = judgeAll(slow, { with: usualSettings });
    expect(firstRollback(found)).toBeGreaterThanOrEqual(5);
    expect(firstRollback(found)).toBeLessThanOrEqual(7);
    expect(found[firstRollback(found)]).toMatchObject({
      ruling: { reason: 'regression' },
      driver: { kind: 'latency' },
    });
  });

  it('over a limit of latency is found before its warm-up is over', () => {
    const slow = { requests: 150, errors: 1, buckets: [0, 0, 0, 0, 0, 150] };
    const found = judgeAll(pollsOf(20, () => ({ canary: slow })));
    expect(firstRollback(found)).toBe(1);
    expect(found[1]?.ruling.reason).toBe('limit');
  });

  it('is never rolled back for a single scrape, however bad', () => {
    const polls = pollsOf(20, (number) => (number === 3 ? { canary: answered(150, 150) } : {}));
    const found = judgeAll(polls);
    expect(firstRollback(found)).toBe(-1);
    expect(found[3]?.ruling).toEqual({ decision: 'hold', reason: 'suspicion' });
  });

  it('by little is suspicious: held after its step, and then a person has to look', () => {
    const polls = pollsOf(40, () => ({ step: 0, canary: answered(150, 2.2) })).map((poll) => ({
      ...poll,
      stepSeconds: poll.at,
    }));
    const found = judgeAll(polls, { with: { ...usualSettings, falseRollbackRate: 1e-9 } });
    expect(found[20]?.ruling).toEqual({ decision: 'hold', reason: 'suspicion' });
    expect(found[39]?.ruling).toEqual({ decision: 'inconclusive', reason: 'suspicion' });
  });

  it('over a limit all the time goes back at last, even if the evidence is too thin', () => {
    const thin = pollsOf(40, () => ({
      step: 0,
      share: 5,
      canary: answered(6, 0.5),
      stable: answered(114, 0.6),
    }));
    const found = judgeAll(thin, { with: { ...settings, falseRollbackRate: 1e-12 } });
    const at = firstRollback(found);
    expect(found[at]?.ruling).toEqual({ decision: 'rollback', reason: 'backstop' });
    expect(15 * (at + 1)).toBeGreaterThanOrEqual(settings.backstopSeconds);
    expect(15 * (at + 1)).toBeLessThanOrEqual(settings.backstopSeconds + 90);
    expect(verdictOf(last(found).state, settings, { seconds: 300 }).driver).toBe(2);
  });
});

describe('an outage that both arms share', () => {
  const outage = { canary: answered(150, 12), stable: answered(2850, 228) };

  it('holds the weight and rolls nothing back', () => {
    const found = judgeAll(pollsOf(20, () => outage));
    expect(firstRollback(found)).toBe(-1);
    expect(last(found).ruling).toEqual({ decision: 'hold', reason: 'environment' });
  });

  it('does not hide a canary that is much worse', () => {
    const found = judgeAll(pollsOf(20, () => ({ ...outage, canary: answered(150, 60) })));
    expect(firstRollback(found)).toBeGreaterThan(0);
  });

  it('rolls back where the plan wants limits to be absolute', () => {
    const found = judgeAll(
      pollsOf(20, () => outage),
      { with: { ...settings, attribution: 'absolute' } },
    );
    expect(found[firstRollback(found)]?.ruling).toEqual({ decision: 'rollback', reason: 'limit' });
  });
});

describe('where stable cannot tell whose fault it is', () => {
  const bad = answered(3000, 300);
  const nothing = answered(0, 0);

  it.each([
    ['at 99 %, where stable has some requests', { share: 99, stable: answered(30, 3) }],
    ['at 99 %, where stable has none', { share: 99, stable: nothing }],
    ['at 100 %, where stable is not scraped', { share: 100, stable: null }],
    ['at 100 % in a blue-green bake, where stable has no requests', { share: 100, stable: nothing }],
  ])('a broken limit counts for itself: %s', (_name, fields) => {
    const found = judgeAll(pollsOf(20, () => ({ ...fields, canary: bad })));
    expect(found[firstRollback(found)]?.ruling).toEqual({ decision: 'rollback', reason: 'limit' });
    expect(firstRollback(found)).toBe(1);
  });

  it('in a handover, after stable went away, it does, too', () => {
    const polls = pollsOf(60, (number) => {
      if (number < 20) return { share: 50, canary: answered(1500, 7.5), stable: answered(1500, 7.5) };
      const share = { share: 100, stable: nothing };
      return number < 40 ? { ...share, canary: answered(3000, 15) } : { ...share, canary: bad };
    });
    const found = judgeAll(polls);
    expect(firstRollback(found)).toBe(41);
    expect(found[41]?.ruling.reason).toBe('limit');
  });

  it('what an outage did while stable could tell is not held against the canary afterwards', () => {
    const polls = pollsOf(60, (number) => {
      if (number < 20) return { share: 50, canary: answered(1500, 120), stable: answered(1500, 120) };
      return { share: 100, canary: answered(3000, 15), stable: nothing };
    });
    expect(firstRollback(judgeAll(polls))).toBe(-1);
  });

  it('a healthy canary goes on when the step is over', () => {
    const found = judgeAll(pollsOf(20, () => ({ share: 100, canary: answered(3000, 15), stable: nothing })));
    expect(last(found).ruling).toEqual({ decision: 'advance', reason: 'unproven' });
  });

  it('without any limit, nothing is ruled against the canary', () => {
    const found = judgeAll(
      pollsOf(20, () => ({ share: 100, canary: bad, stable: null })),
      {
        with: usualSettings,
      },
    );
    expect(firstRollback(found)).toBe(-1);
    expect(last(found).evidence).toBeLessThan(10);
  });
});

describe('without traffic', () => {
  it('nothing is held against the canary, and a person has to look in the end', () => {
    const polls = pollsOf(40, () => ({
      step: 0,
      canary: answered(0.1, 0.1),
      stable: answered(1.9, 0),
    })).map((poll) => ({ ...poll, stepSeconds: poll.at }));
    const found = rulings(judgeAll(polls));
    expect(found[0]).toBe('continue gathering');
    expect(found[10]).toBe('hold noTraffic');
    expect(found[20]).toBe('hold noTraffic');
    expect(found[39]).toBe('inconclusive noTraffic');
  });

  it('for the canary alone it is a mismatch, and the canary goes back', () => {
    const found = judgeAll(pollsOf(20, () => ({ canary: answered(0, 0), stable: answered(3000, 15) })));
    const at = firstRollback(found);
    expect(found[at]?.ruling).toEqual({ decision: 'rollback', reason: 'trafficMismatch' });
    expect(at).toBeGreaterThanOrEqual(2);
    expect(at).toBeLessThanOrEqual(4);
  });

  it('right after a raise, requests that are still divided by the old weights are no mismatch', () => {
    const polls = pollsOf(40, (number) => {
      const share = number < 20 ? 1 : 50;
      const late = number <= 20 ? 1 : 50;
      return { share, canary: answered(30 * late, 0.15 * late), stable: answered(3000 - 30 * late, 14) };
    });
    expect(firstRollback(judgeAll(polls))).toBe(-1);
  });

  it('by the weights, but with some that a header route brings, the canary is judged', () => {
    const found = judgeAll(pollsOf(20, () => ({ share: 0, canary: answered(150, 30) })));
    expect(found[firstRollback(found)]?.ruling.reason).toMatch(/regression|limit/);
  });
});

describe('without data', () => {
  it.each([
    ['of the canary', { canary: null }],
    ['of stable', { stable: null }],
    ['that can be a count', { canary: { requests: Number.NaN, errors: 0, buckets: [] } }],
  ])('%s the weight stays, and after five minutes nobody can say anything', (_name, missing) => {
    const found = judgeAll(pollsOf(30, (number) => (number < 5 ? {} : missing)));
    expect(found[5]?.ruling).toEqual({ decision: 'hold', reason: 'noData' });
    expect(found[23]?.ruling.decision).toBe('hold');
    expect(found[24]?.ruling).toEqual({ decision: 'inconclusive', reason: 'noData' });
  });

  it('nothing is forgotten: evidence goes on where it was', () => {
    const bad = { canary: answered(150, 7.5) };
    const found = judgeAll(pollsOf(10, (number) => (number === 0 || number > 5 ? bad : { canary: null })));
    expect(firstRollback(found)).toBe(6);
  });

  it('of latency, errors are judged', () => {
    const bare = (requests: number, errors: number) => ({ requests, errors, buckets: [] });
    const fields = { canary: bare(150, 8), stable: bare(2850, 14) };
    const found = judgeAll(
      pollsOf(20, () => fields),
      { baseline: { boundsMs: [], pods: [] } },
    );
    expect(firstRollback(found)).toBeGreaterThan(0);
    expect(last(found).state.latency).toBeNull();
  });

  it('of stable before the rollout, requests are taken for twice as noisy, and the verdict says so', () => {
    const found = last(
      judgeAll(
        pollsOf(3, () => ({})),
        { baseline: noHistory },
      ),
    );
    const [errors] = verdictOf(found.state, settings, { seconds: 300 }).metrics;
    expect(errors).toMatchObject({ noiseFactor: 2, noiseFrom: 'assumed' });
  });
});

describe('a poll', () => {
  it('that is given twice changes nothing', () => {
    const [first, second] = pollsOf(2, () => ({ canary: answered(150, 6) }));
    const once = judgeAll([first, second].filter((poll) => poll !== undefined));
    const twice = judgeAll([first, first, second, first, second].filter((poll) => poll !== undefined));
    expect(last(twice)).toEqual(last(once));
  });
});

describe('what decides first', () => {
  const strict: JudgeSettings = { ...settings, backstopSeconds: 60 };

  it('is missing data before evidence', () => {
    const polls = pollsOf(4, (number) => (number < 3 ? { canary: answered(150, 30) } : { canary: null }));
    expect(rulings(judgeAll(polls)).slice(2)).toEqual(['rollback regression', 'hold noData']);
  });

  it('is evidence before an outage, and an outage before the proof of health', () => {
    const worse = { canary: answered(150, 100), stable: answered(2850, 228) };
    expect(last(judgeAll(pollsOf(5, () => worse))).ruling.decision).toBe('rollback');
    const shared = { canary: answered(1500, 120), stable: answered(28_500, 2280) };
    const proven = judgeAll(pollsOf(20, () => shared)).at(-1)?.state.errors.better ?? [];
    expect(Math.max(...proven)).toBeGreaterThan(Math.log(20));
    expect(last(judgeAll(pollsOf(20, () => shared))).ruling.reason).toBe('environment');
  });

  it('is suspicion before the clock', () => {
    const polls = [...pollsOf(19, () => ({})), pollAt(19, { canary: answered(150, 150), stepSeconds: 300 })];
    expect(last(judgeAll(polls)).ruling).toEqual({ decision: 'hold', reason: 'suspicion' });
  });

  it('is the limit of time for an outage, and not the one for a breach, where stable is as bad', () => {
    const outage = { canary: answered(150, 12), stable: answered(2850, 228) };
    const found = rulings(
      judgeAll(
        pollsOf(6, () => outage),
        { with: strict },
      ),
    );
    expect(new Set(found.slice(0, 4))).toEqual(new Set(['hold environment']));
    expect(found[4]).toBe('rollback environmentLimit');
  });
});

describe('what a canary may differ by', () => {
  it("is more where stable's own pods differ", () => {
    const apart = {
      ...calmHistory,
      pods: calmHistory.pods.map((pod, at) => pod.map(() => answered(1000, at % 2 === 0 ? 2 : 8))),
    };
    const polls = pollsOf(40, () => ({ step: 0, canary: answered(1500, 13), stable: answered(28_500, 142) }));
    const alike = judgeAll(polls, { with: usualSettings });
    const different = judgeAll(polls, { with: usualSettings, baseline: apart });
    expect(firstRollback(alike)).toBeGreaterThan(0);
    expect(firstRollback(different)).toBe(-1);
  });
});
