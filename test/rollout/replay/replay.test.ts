import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Plan } from '../../../src/rollout/plan.ts';
import type { Recording } from '../../../src/rollout/replay/recording.ts';
import { type Replay, replay } from '../../../src/rollout/replay/replay.ts';
import { numbersIn } from '../../analysis/sequential/rollouts.ts';
import { plan, recorded } from './recordings.ts';

type Replayed = Extract<Replay, { kind: 'replayed' }>;

function replayed(recording: Recording, by: Plan = plan): Replayed {
  const found = replay(by, recording);
  if (found.kind !== 'replayed') throw new Error(JSON.stringify(found.faults));
  return found;
}

const ruled = (of: 'threshold' | 'sequential', { polls }: Replayed) =>
  polls.map(({ [of]: line }) => ('reason' in line ? `${line.decision} ${line.reason}` : line.decision));
const bad = { errors: 0.05, slow: 0.005 };
const slow = { errors: 0.005, slow: 0.1 };
const outage = { errors: 0.08, slow: 0.005 };

describe('a replay of a healthy release', () => {
  const found = replayed(recorded(60));

  it('has a line for each poll, and no judge rolls anything back', () => {
    expect(found.polls.map(({ at }) => at)).toEqual(
      Array.from({ length: 60 }, (_, number) => 15 * (number + 1)),
    );
    expect(found.verdict.threshold.rollback).toBeNull();
    expect(found.verdict.sequential.rollback).toBeNull();
  });

  it('says when each judge would have gone on', () => {
    const threshold = ruled('threshold', found);
    expect(threshold.slice(0, 19).every((line) => line === 'continue gathering')).toBe(true);
    expect(threshold[19]).toBe('advance checksPassed');
    const sequential = ruled('sequential', found);
    expect(sequential.indexOf('advance provenHealthy')).toBeGreaterThanOrEqual(3);
    expect(sequential.indexOf('advance provenHealthy')).toBeLessThan(19);
  });

  it('begins each step anew when the share changes', () => {
    expect(ruled('threshold', found)[20]).toBe('continue gathering');
    expect(ruled('sequential', found)[20]).toBe('continue gathering');
  });

  it('shows what the checks measured', () => {
    const p99 = 500 + (500 * (0.99 - 0.98 * 0.995)) / (0.02 * 0.995);
    expect(found.polls[3]?.threshold).toMatchObject({
      checks: {
        errors: { verdict: 'pass', canary: 3 / 600, stable: 57 / 11_400, failuresInARow: 0 },
        p99: { verdict: 'pass', canary: expect.closeTo(p99, 6), failuresInARow: 0 },
      },
    });
  });

  it('counts the bad requests of all polls', () => {
    const { failed, slow: slowly } = found.verdict.threshold.badRequests;
    expect([failed, slowly]).toEqual([390, 130]);
    expect(found.verdict.sequential.badRequests).toEqual({ failed, slow: slowly });
  });
});

describe('a replay of a bad release', () => {
  const found = replayed(recorded(20, (number) => (number < 4 ? {} : { canary: bad })));

  it('says when each judge would have rolled back, with what harm and why', () => {
    const { threshold, sequential } = found.verdict;
    expect(threshold.rollback).toEqual({ at: 90, step: 0, share: 5 });
    expect(sequential.rollback).toMatchObject({ step: 0, share: 5 });
    expect(sequential.rollback?.at).toBeGreaterThanOrEqual(90);
    expect(sequential.rollback?.at).toBeLessThanOrEqual(120);
    expect(threshold.badRequests.failed).toBe(18);
    expect(threshold.sentence).toBe(
      'Rolled back the canary 90 s after it got 5 %: 5xx ratio of the canary was 2.67 %, above the limit of 1 %, 2 times in a row (check errors; 600 requests in 60 s, stable 0.5 %).',
    );
    expect(sequential.sentence).toMatch(
      /^Rolled back the canary \d+ s after it got 5 %: it (?:is worse than stable|breaks a limit)\. 5xx of the canary /,
    );
  });

  it('lets a judge say nothing more after it rolled back', () => {
    expect(ruled('threshold', found).slice(4, 8)).toEqual([
      'continue gathering',
      'rollback check',
      'rolledBack',
      'rolledBack',
    ]);
    expect(found.polls.at(-1)?.threshold).toEqual({ decision: 'rolledBack', at: 90 });
    const { rollback } = found.verdict.sequential;
    expect(found.polls.at(-1)?.sequential).toEqual({ decision: 'rolledBack', at: rollback?.at });
  });

  it('in latency alone names the check and its bucket', () => {
    const { threshold, sequential } = replayed(recorded(20, () => ({ canary: slow }))).verdict;
    expect(threshold.sentence).toContain('P99 latency of the canary was 2350 ms (between 1000 and 2500 ms)');
    expect(sequential.rollback?.at).toBeLessThanOrEqual(60);
    expect(threshold.badRequests.slow).toBeGreaterThan(0);
  });

  it('that comes only at the second share is rolled back there', () => {
    const late = replayed(recorded(40, (number) => (number < 30 ? {} : { canary: bad }))).verdict;
    expect(late.threshold.rollback).toMatchObject({ step: 1, share: 25 });
    expect(late.sequential.rollback).toMatchObject({ step: 1, share: 25 });
    expect(late.sequential.sentence).toContain('after it got 25 %');
  });

  it('that fails one request in three goes back by the guard against bursts, too', () => {
    const patient = Plan.parse({
      ...plan,
      checks: { errors: { metric: 'errorRate', max: 0.01, window: 60, failures: 50, minRequests: 100 } },
    });
    const found = replayed(
      recorded(20, () => ({ canary: { errors: 0.4, slow: 0 } })),
      patient,
    );
    expect(ruled('threshold', found)).toContain('rollback severeErrors');
  });
});

describe('a replay of an outage that both arms share', () => {
  const during = (from: number, to: number) => (number: number) =>
    number >= from && number < to ? { canary: outage, stable: outage } : {};

  it('rolls nothing back while it is short, and the plan says that it is the environment', () => {
    const found = replayed(recorded(20, during(4, 12)));
    expect(found.verdict.threshold.rollback).toBeNull();
    expect(found.verdict.sequential.rollback).toBeNull();
    expect(ruled('threshold', found)).toContain('hold environment');
    expect(ruled('sequential', found)).toContain('hold environment');
  });

  it('goes back by the plan after five minutes, as a live rollout does', () => {
    const found = replayed(recorded(20, during(0, 20)), Plan.parse({ ...plan, deadline: '4h' }));
    const longer = { ...recorded(30, during(0, 30)) };
    expect(found.verdict.threshold.rollback).toBeNull();
    const at = ruled('threshold', replayed(atOneShare(longer))).indexOf('rollback environmentLimit');
    expect(at).toBe(20);
  });
});

describe('a replay with missing scrapes', () => {
  it.each(['canary', 'stable'] as const)('holds in both judges while %s is missing, and goes on', (arm) => {
    const found = replayed(recorded(20, (number) => (number === 5 || number === 6 ? { [arm]: null } : {})));
    expect(ruled('threshold', found).slice(5, 9)).toEqual([
      'hold metricsMissing',
      'hold metricsMissing',
      'hold metricsMissing',
      'continue gathering',
    ]);
    expect(ruled('sequential', found).slice(5, 7)).toEqual(['hold noData', 'hold noData']);
    expect(found.verdict.threshold.rollback).toBeNull();
    expect(found.verdict.sequential.rollback).toBeNull();
  });

  it('forgets nothing that was seen before', () => {
    const found = replayed(
      recorded(20, (number) => (number === 5 ? { canary: null } : number < 4 ? {} : { canary: bad })),
    );
    expect(found.verdict.threshold.rollback?.at).toBe(105);
    expect(found.verdict.sequential.rollback?.at).toBeLessThanOrEqual(120);
  });

  it('goes back by the plan when nothing was scraped for 15 minutes', () => {
    const found = replayed(
      atOneShare(recorded(80, (number) => (number < 4 ? {} : { canary: null, stable: null }))),
    );
    expect(found.verdict.threshold.sentence).toContain('there were no usable metrics for 15 min');
    expect(found.verdict.sequential.rollback).toBeNull();
    expect(ruled('sequential', found).at(-1)).toBe('inconclusive noData');
  });
});

describe('a replay at 100 %', () => {
  it.each([
    ['has no requests', { errors: 0, slow: 0 }],
    ['is not scraped', null],
  ])('judges the canary alone where stable %s', (_name, stable) => {
    const healthy = replayed(recorded(60, (number) => (number < 40 ? {} : { stable })));
    expect(healthy.verdict.threshold.rollback).toBeNull();
    expect(healthy.verdict.sequential.rollback).toBeNull();
    const found = replayed(recorded(60, (number) => (number < 40 ? {} : { stable, canary: bad })));
    expect(found.verdict.threshold.rollback).toEqual({ at: 630, step: 2, share: 100 });
    expect(found.verdict.sequential.rollback).toEqual({ at: 630, step: 2, share: 100 });
    expect(found.polls[41]?.sequential).toMatchObject({ reason: 'limit', loudest: 'limit:errors' });
  });
});

describe('a replay', () => {
  it('measures as seldom as the plan says', () => {
    const seldom = Plan.parse({ ...plan, interval: '45s' });
    const found = replayed(
      recorded(20, () => ({ canary: bad })),
      seldom,
    );
    expect(found.verdict.threshold.rollback?.at).toBe(60);
  });

  it('of polls after a rollback, at 0 %, says nothing against anybody', () => {
    const recording = recorded(30);
    const polls = recording.polls.map((poll, number) =>
      number < 10
        ? poll
        : { ...poll, share: 0, canary: { requests: 0, errors: 0, buckets: [0, 0, 0, 0, 0, 0] } },
    );
    const found = replayed({ ...recording, polls });
    expect(found.verdict.threshold.rollback).toBeNull();
    expect(found.verdict.sequential.rollback).toBeNull();
    expect(found.polls.at(-1)?.share).toBe(0);
  });

  it('says where requests divide otherwise than the weights', () => {
    const recording = recorded(20);
    const polls = recording.polls.map((poll) => ({ ...poll, stable: poll.canary }));
    expect(ruled('threshold', replayed({ ...recording, polls }))).toContain('hold trafficMismatch');
  });

  it('is the same each time, and has only numbers that are some', () => {
    const rate = fc.double({ min: 0, max: 1, noNaN: true });
    const one = fc.option(fc.record({ errors: rate, slow: rate }));
    fc.assert(
      fc.property(
        fc.array(fc.record({ canary: one, stable: one }), { minLength: 1, maxLength: 60 }),
        (arms) => {
          const recording = recorded(arms.length, (number) => arms[number] ?? {});
          const found = replayed(recording);
          expect(found.polls).toHaveLength(arms.length);
          expect(numbersIn(found).every(Number.isFinite)).toBe(true);
          expect(JSON.stringify(replayed(recording))).toBe(JSON.stringify(found));
        },
      ),
      { numRuns: 50 },
    );
  });
});

/** All polls at the first share, as in a long bake. */
function atOneShare(recording: Recording): Recording {
  const first = recording.polls[0];
  if (first === undefined) throw new Error('there is no poll');
  return {
    ...recording,
    polls: recording.polls.map((poll) => ({
      ...poll,
      share: first.share,
      canary: poll.canary && (scaled(poll.canary, first.canary?.requests ?? 0) ?? null),
      stable: poll.stable && (scaled(poll.stable, first.stable?.requests ?? 0) ?? null),
    })),
  };
}

type Arm = NonNullable<Recording['polls'][number]['canary']>;

function scaled({ requests, errors, buckets }: Arm, wanted: number): Arm {
  const times = requests === 0 ? 0 : wanted / requests;
  return { requests: wanted, errors: errors * times, buckets: buckets.map((count) => count * times) };
}

describe('a replay of a plan with checks that no recording has', () => {
  const custom = {
    metric: 'custom' as const,
    template: 'orders-failed',
    args: {},
    max: 3,
    window: 60,
    failures: 2,
  };

  it('is that of the plan without them', () => {
    const beside = { ...plan, checks: { ...plan.checks, orders: custom } };
    expect(replayed(recorded(60), beside)).toEqual(replayed(recorded(60)));
  });

  it('holds nothing against a canary that an observed check would', () => {
    const observed = { metric: 'errorRate' as const, max: 0, window: 60, failures: 1, minRequests: 1 };
    const beside = { ...plan, checks: { ...plan.checks, seen: { ...observed, mode: 'observe' as const } } };
    expect(replayed(recorded(60), beside).verdict).toEqual(replayed(recorded(60)).verdict);
  });
});
