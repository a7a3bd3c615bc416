import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ArmCounters,
  atBounds,
  countedSince,
  type KnownArm,
  withBounds,
} from '../../src/analysis/counters.ts';
import type { Increment } from '../../src/analysis/sequential/poll.ts';

const minute = 60_000;

/** Counters of a pod whose slow requests are above 100 ms and whose others are below. */
function pod(requests: number, errors = 0, slow = 0) {
  return { requests, errors, atMost: [requests - slow, requests] };
}

/** What is counted at each of these looks, a minute apart; the first only learns what the pods have. */
function looks(...seen: ArmCounters[]): Increment[] {
  let known: KnownArm = {};
  return seen.map((now, at) => {
    const counted = countedSince(known, now, at * minute);
    known = counted.known;
    return counted.increment;
  });
}

const none: Increment = { requests: 0, errors: 0, buckets: [] };

describe('what pods counted between two looks', () => {
  it('is the difference of each pod, added up', () => {
    const [, second] = looks({ a: pod(100, 1, 4), b: pod(1000) }, { a: pod(130, 2, 10), b: pod(1040, 3) });
    expect(second).toEqual({ requests: 70, errors: 4, buckets: [64, 6] });
  });

  it('is all that a newborn pod has', () => {
    const [, second] = looks({ a: pod(100) }, { a: pod(100), b: pod(7, 2, 1) });
    expect(second).toEqual({ requests: 7, errors: 2, buckets: [6, 1] });
  });

  it('has the first errors of a pod that had none: a code that is born', () => {
    const [, second] = looks({ a: pod(100) }, { a: pod(110, 3) });
    expect(second).toMatchObject({ requests: 10, errors: 3 });
  });

  it('is all that a pod has since its proxy restarted', () => {
    const [, second, third] = looks({ a: pod(1000, 400) }, { a: pod(20, 19, 1) }, { a: pod(25, 19, 1) });
    expect(second).toEqual({ requests: 20, errors: 19, buckets: [19, 1] });
    expect(third).toMatchObject({ requests: 5, errors: 0 });
  });

  it('waits for a pod that was not scraped, and has its requests once', () => {
    const [, second, third, fourth] = looks(
      { a: pod(100), b: pod(100) },
      { b: pod(110) },
      { a: pod(140, 5), b: pod(120) },
      { a: pod(141, 5), b: pod(120) },
    );
    expect(second).toMatchObject({ requests: 10, errors: 0 });
    expect(third).toMatchObject({ requests: 50, errors: 5 });
    expect(fourth).toMatchObject({ requests: 1, errors: 0 });
  });

  it('is nothing while another replica of Prometheus lags, and then what is new', () => {
    const all = looks({ a: pod(1000, 10) }, { a: pod(990, 9) }, { a: pod(998, 9) }, { a: pod(1050, 12) });
    expect(all.slice(1)).toMatchObject([none, none, { requests: 50, errors: 2 }]);
  });

  it('goes on after some minutes from counters that never caught up', () => {
    const all = looks({ a: pod(1000, 10) }, ...Array.from({ length: 5 }, () => ({ a: pod(700, 1) })), {
      a: pod(740, 3),
    });
    expect(all.slice(1, 6)).toEqual([none, none, none, none, none]);
    expect(all[6]).toMatchObject({ requests: 40, errors: 2 });
  });

  it('is nothing at the look at which a proxy dropped its counters of errors, and not nothing for ever', () => {
    const all = looks({ a: pod(1000, 500) }, { a: pod(1010, 0) }, { a: pod(1020, 2) });
    expect(all.slice(1)).toMatchObject([none, { requests: 10, errors: 2 }]);
  });

  it('has no latency from a histogram whose bounds changed, and has it from the next look on', () => {
    const other = (requests: number) => ({
      requests,
      errors: 0,
      atMost: [requests - 9, requests - 1, requests],
    });
    const [, second, third] = looks({ a: pod(100) }, { a: other(110) }, { a: other(130) });
    expect(second).toEqual({ requests: 10, errors: 0, buckets: [] });
    expect(third).toEqual({ requests: 20, errors: 0, buckets: [20, 0, 0] });
  });

  it('has every request in one bucket, though a scrape found one in a low bucket before a high one', () => {
    const [, second] = looks(
      { a: { requests: 10, errors: 0, atMost: [10, 10, 10] } },
      { a: { requests: 15, errors: 0, atMost: [15, 14, 15] } },
    );
    expect(second?.buckets).toEqual([5, 0, 0]);
  });

  it('keeps the last bucket for what is slower than every bound', () => {
    const [, second] = looks({ a: pod(100) }, { a: pod(150, 0, 50) });
    expect(second?.buckets).toEqual([0, 50]);
  });

  it('is zero of an arm whose pods are all gone, which are remembered for an hour and then forgotten', () => {
    const first = countedSince({}, { a: pod(100) }, 0).known;
    const later = countedSince(first, {}, 59 * minute);
    expect(later.increment).toEqual(none);
    expect(countedSince(later.known, { a: pod(103) }, 59.5 * minute).increment).toMatchObject({
      requests: 3,
    });
    expect(countedSince(later.known, {}, 60 * minute).known).toEqual({});
  });
});

describe('a history with fewer bounds', () => {
  const history = {
    boundsMs: [50, 100, 250],
    pods: [[{ requests: 10, errors: 1, buckets: [4, 3, 2, 1] }]],
  };

  it('adds up the buckets between those that are left', () => {
    expect(withBounds(history, [100]).pods[0]?.[0]?.buckets).toEqual([7, 3]);
    expect(withBounds(history, [50, 250]).pods[0]?.[0]?.buckets).toEqual([4, 5, 1]);
  });

  it('has no histogram where it lacks a bound', () => {
    expect(withBounds(history, [100, 500])).toEqual({
      boundsMs: [100, 500],
      pods: [[{ requests: 10, errors: 1, buckets: [] }]],
    });
  });
});

/** What happens to one pod between two looks: requests by kind, then a scrape that fails or not. */
const PodStep = fc.record({
  restarts: fc.boolean(),
  fine: fc.nat(40),
  failed: fc.nat(10),
  slow: fc.nat(10),
  isMissing: fc.boolean(),
});
const Steps = fc.array(fc.tuple(PodStep, PodStep, PodStep), { maxLength: 30 });

type Step = typeof PodStep extends fc.Arbitrary<infer One> ? One : never;
type Truth = { now: ReturnType<typeof pod>; shown: ReturnType<typeof pod>; counted: Increment };

function emptyPod(): Truth {
  return { now: pod(0), shown: pod(0), counted: { requests: 0, errors: 0, buckets: [0, 0] } };
}

function grown({ now }: Truth, { fine, failed, slow }: Step, begins: boolean) {
  const before = begins ? pod(0) : now;
  const requests = before.requests + fine + failed + slow;
  return pod(requests, before.errors + failed, requests - (before.atMost[0] ?? 0) - fine - failed);
}

/** The pod after a step: a proxy that begins anew has lost what no scrape showed. */
function after(truth: Truth, step: Step, isPlainRestart: (shown: number, fresh: number) => boolean): Truth {
  const fresh = grown(truth, step, true);
  const restarts = step.restarts && isPlainRestart(truth.shown.requests, fresh.requests);
  const now = restarts ? fresh : grown(truth, step, false);
  if (step.isMissing && !restarts) return { ...truth, now };
  const { counted, shown } = truth;
  const base = restarts ? pod(0) : shown;
  const [low = 0, all = 0] = now.atMost;
  const [baseLow = 0, baseAll = 0] = base.atMost;
  const [fast = 0, slower = 0] = counted.buckets;
  return {
    now,
    shown: now,
    counted: {
      requests: counted.requests + now.requests - base.requests,
      errors: counted.errors + now.errors - base.errors,
      buckets: [fast + low - baseLow, slower + (all - low) - (baseAll - baseLow)],
    },
  };
}

function played(steps: [Step, Step, Step][], isPlainRestart: (shown: number, fresh: number) => boolean) {
  const names = ['a', 'b', 'c'] as const;
  let pods = names.map(() => emptyPod());
  let known: KnownArm = countedSince({}, Object.fromEntries(names.map((name) => [name, pod(0)])), 0).known;
  const sum: Increment = { requests: 0, errors: 0, buckets: [0, 0] };
  let isNeverNegative = true;
  for (const [at, step] of steps.entries()) {
    pods = pods.map((truth, which) => after(truth, step[which] ?? step[0], isPlainRestart));
    const seen = names.flatMap((name, which) => {
      const truth = pods[which];
      return truth === undefined || truth.shown !== truth.now ? [] : [[name, truth.now] as const];
    });
    const counted = countedSince(known, Object.fromEntries(seen), (at + 1) * 1000);
    known = counted.known;
    const { requests, errors, buckets } = counted.increment;
    isNeverNegative &&= [requests, errors, ...buckets].every((count) => count >= 0);
    sum.requests += requests;
    sum.errors += errors;
    sum.buckets = sum.buckets.map((count, bucket) => count + (buckets[bucket] ?? 0));
  }
  const total = (of: (one: Increment) => number) => pods.reduce((all, { counted }) => all + of(counted), 0);
  const truth = {
    requests: total(({ requests }) => requests),
    errors: total(({ errors }) => errors),
    buckets: [total(({ buckets }) => buckets[0] ?? 0), total(({ buckets }) => buckets[1] ?? 0)],
  };
  return { sum, truth, isNeverNegative };
}

describe('whatever pods count, restart and are not scraped', () => {
  it('the increments add up to what was counted, where a restart is seen as one', () => {
    const isSeen = (shown: number, fresh: number) => fresh < shown / 2;
    fc.assert(
      fc.property(Steps, (steps) => {
        const { sum, truth, isNeverNegative } = played(steps, isSeen);
        expect(sum).toEqual(truth);
        expect(isNeverNegative).toBe(true);
      }),
    );
  });

  it('the increments are never negative, and never more than what was counted', () => {
    fc.assert(
      fc.property(Steps, (steps) => {
        const { sum, truth, isNeverNegative } = played(steps, () => true);
        expect(isNeverNegative).toBe(true);
        expect(sum.requests).toBeLessThanOrEqual(truth.requests);
        expect(sum.errors).toBeLessThanOrEqual(truth.errors);
        expect(sum.buckets[1]).toBeLessThanOrEqual(truth.buckets[1] ?? 0);
      }),
    );
  });
});

describe('a pod that was never seen', () => {
  it('with far more than all others had meanwhile is an old one, and counts from then on', () => {
    const [, second, third] = looks(
      { a: pod(1000) },
      { a: pod(1100), b: pod(9000, 9000) },
      { a: pod(1200), b: pod(9100, 9000) },
    );
    expect(second).toMatchObject({ requests: 100, errors: 0 });
    expect(third).toMatchObject({ requests: 200, errors: 0 });
  });

  it('of an arm that had none counts with all it has, however much that is', () => {
    const [, second] = looks({}, { a: pod(9000, 9000) });
    expect(second).toMatchObject({ requests: 9000, errors: 9000 });
  });
});

describe('how requests divide', () => {
  const wholeAfter = (...seen: ArmCounters[]) => {
    let known: KnownArm = {};
    let isWhole = false;
    for (const [at, now] of seen.entries()) ({ known, isWhole } = countedSince(known, now, at * minute));
    return isWhole;
  };

  it.each<[string, boolean, ArmCounters[]]>([
    [
      'every pod was there and went on',
      true,
      [
        { a: pod(10), b: pod(10) },
        { a: pod(20), b: pod(10) },
      ],
    ],
    ['a pod was missing', false, [{ a: pod(10), b: pod(10) }, { a: pod(20) }]],
    ['a pod is new', false, [{ a: pod(10) }, { a: pod(20), b: pod(5) }]],
    ['a pod began anew', false, [{ a: pod(100) }, { a: pod(2) }]],
    ['another replica told of a pod', false, [{ a: pod(100) }, { a: pod(98) }]],
    ['a pod has been gone for longer', true, [{ a: pod(1), b: pod(1) }, { a: pod(2) }, { a: pod(3) }]],
  ])('is known only from whole looks: %s', (_name, isWhole, seen) => {
    expect(wholeAfter(...seen)).toBe(isWhole);
  });
});

describe('counters at some of their bounds', () => {
  it('are those of the bounds that are left, and of all requests', () => {
    const counters = { a: { requests: 10, errors: 1, atMost: [2, 5, 9, 10] } };
    expect(atBounds(counters, [10, 100, 1000], [10, 1000])).toEqual({
      a: { requests: 10, errors: 1, atMost: [2, 9, 10] },
    });
    expect(atBounds(counters, [10, 100, 1000], [10, 500])).toEqual({
      a: { requests: 10, errors: 1, atMost: [] },
    });
  });
});
