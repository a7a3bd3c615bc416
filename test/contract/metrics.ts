import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { countedSince } from '../../src/analysis/counters.ts';
import type { Measurements } from '../../src/analysis/reading.ts';
import type { Check } from '../../src/rollout/plan-parts.ts';
import type { MeasureRequest, Metrics, MetricsSurvey } from '../../src/rollout/ports/metrics.ts';
import type { Target } from '../../src/rollout/target.ts';
import { mood } from '../fakes/metrics.ts';
import { type World, windowSeconds } from './metrics-worlds.ts';

const judging = { window: windowSeconds, failures: 2, minRequests: 100 };
export const contractChecks = {
  errorRate: { metric: 'errorRate', max: 0.01, ...judging },
  p99: { metric: 'p99LatencyMs', max: 2000, ...judging },
} satisfies Record<string, Check>;

const judged = { judged: { historySeconds: 0 } };

/** A request of the contract's checks for a target, at the world's own time. */
export function contractRequest(
  world: World,
  target: Target,
  changes: Partial<MeasureRequest> = {},
): MeasureRequest {
  return {
    target,
    checks: contractChecks,
    at: world.now(),
    incrementSeconds: 1,
    mirrored: false,
    ...changes,
  };
}

export const noSignal = new AbortController().signal;

/** Repeats an assertion until it holds, as the state it waits for becomes visible. */
export function eventually(assertion: () => Promise<void>): Promise<void> {
  return vi.waitFor(assertion, { timeout: 15_000, interval: 100 });
}

/** What every metrics provider promises to the core. */
export function metricsContract(name: string, makeWorld: () => Promise<World>): void {
  describe(`${name} as a metrics provider`, () => {
    let world: World;
    beforeAll(async () => {
      world = await makeWorld();
    }, 180_000);
    afterAll(() => world.stop());

    const survey = (metrics: Metrics, target: Target, signal = noSignal) =>
      metrics.survey(contractRequest(world, target), signal);
    const measure = (target: Target) => world.metrics.measure(contractRequest(world, target), noSignal);

    it('finds no errors in a service that never had any', async () => {
      const target = world.serve({ canary: mood.healthy, stable: mood.healthy });
      await eventually(async () => {
        const { checks } = await measure(target);
        const healthy = { kind: 'value', value: 0, requests: expect.any(Number) };
        expect(checks['errorRate']).toEqual({ canary: healthy, stable: healthy });
      });
    });

    it('finds that every request failed, when no series of good ones exists', async () => {
      const target = world.serve({ canary: { ...mood.healthy, errorRatio: 1 }, stable: mood.healthy });
      await eventually(async () => {
        const { checks, increments } = await measure(target);
        expect(checks['errorRate']?.canary).toMatchObject({ kind: 'value', value: 1 });
        expect(checks['errorRate']?.stable).toMatchObject({ kind: 'value', value: 0 });
        expect(increments.canary?.errors).toBeGreaterThan(0);
        expect(increments.canary?.errors).toBe(increments.canary?.requests);
        expect(increments.stable?.errors).toBe(0);
      });
    });

    it('finds the share of errors and the requests it is taken of', async () => {
      const target = world.serve({ canary: { ...mood.failing, errorRatio: 0.25 }, stable: mood.healthy });
      await eventually(async () => {
        const { checks, requests } = await measure(target);
        const canary = checks['errorRate']?.canary;
        expect(canary?.kind === 'value' && canary.value).toBeCloseTo(0.25);
        expect(requests.canary.kind === 'value' && requests.canary.value).toBeGreaterThan(500);
        expect(requests.canary.kind === 'value' && requests.canary.value).toBeLessThan(1500);
      });
    });

    it('finds a slow canary, and the bucket that holds its P99', async () => {
      const target = world.serve({ canary: { ...mood.slow, p99Ms: 4000 }, stable: mood.healthy });
      await eventually(async () => {
        const { p99 } = (await measure(target)).checks;
        expect(p99?.canary).toMatchObject({ kind: 'value', bucket: { lowerMs: 2500, upperMs: 5000 } });
        expect(p99?.canary.kind === 'value' && p99.canary.value).toBeGreaterThan(2500);
        expect(p99?.stable).toMatchObject({ kind: 'value', bucket: { lowerMs: 100, upperMs: 250 } });
      });
    });

    it('says how many requests are missing when there are too few', async () => {
      const target = world.serve({ canary: mood.tooFew, stable: mood.healthy });
      await eventually(async () => {
        const { errorRate, p99 } = (await measure(target)).checks;
        const tooFew = { kind: 'tooFew', requests: expect.any(Number), needed: 100 };
        expect([errorRate?.canary, p99?.canary]).toEqual([tooFew, tooFew]);
      });
    });

    it('tells an idle canary, with 0 requests, from one without data', async () => {
      const target = world.serve({ canary: mood.idle, stable: mood.healthy });
      await eventually(async () => {
        const { checks, requests } = await measure(target);
        expect([checks['errorRate']?.canary, checks['p99']?.canary]).toEqual([
          { kind: 'none' },
          { kind: 'none' },
        ]);
        expect(requests.canary).toEqual({ kind: 'value', value: 0, requests: 0 });
      });
    });

    it('finds none of a canary that was never there', async () => {
      const target = world.serve({ canary: mood.none, stable: mood.healthy });
      await eventually(async () => {
        const { checks, requests, increments } = await measure(target);
        expect(checks['errorRate']?.stable.kind).toBe('value');
        expect([checks['errorRate']?.canary, checks['p99']?.canary, requests.canary]).toEqual([
          { kind: 'none' },
          { kind: 'none' },
          { kind: 'none' },
        ]);
        expect(increments.canary).toBeNull();
      });
    });

    it('leaves out copies of requests, which only their receiver counts, where it is told of them', async () => {
      const canary = { ...mood.healthy, requests: 400, copies: 1200 };
      const target = world.serve({ canary, stable: { ...mood.healthy, copies: 0 } });
      const mirrored = (is: boolean) =>
        world.metrics.measure(contractRequest(world, target, { mirrored: is }), noSignal);
      await eventually(async () => {
        const [all, own] = [await mirrored(false), await mirrored(true)];
        expect(all.checks['errorRate']?.canary).toMatchObject({ value: expect.closeTo(0.75, 1) });
        expect(own.checks['errorRate']?.canary).toMatchObject({ kind: 'value', value: 0 });
        expect(own.checks['p99']?.canary).toMatchObject({ kind: 'value', bucket: { upperMs: 250 } });
        expect(own.checks['errorRate']?.stable).toMatchObject({ kind: 'value', value: 0 });
        const { requests, increments } = own;
        expect(requests.canary.kind === 'value' && requests.canary.value).toBeGreaterThan(200);
        expect(requests.canary.kind === 'value' && requests.canary.value).toBeLessThan(600);
        expect([increments.canary?.errors, increments.stable?.errors]).toEqual([0, 0]);
      });
    });

    it('has the counters of pods for who judges by them: what they count between two polls', async () => {
      const target = world.serve({ canary: { ...mood.failing, errorRatio: 0.25 }, stable: mood.healthy });
      let polls = 0;
      const ask = async () => {
        polls += 1;
        const request = contractRequest(world, target, { at: world.now() + 100 * polls, ...judged });
        const { counters } = await world.metrics.measure(request, noSignal);
        if (counters?.kind !== 'counters') throw new Error(JSON.stringify(counters));
        return counters;
      };
      let known = { canary: countedSince({}, {}, 0).known, stable: countedSince({}, {}, 0).known };
      await eventually(async () => {
        const { canary, stable } = await ask();
        known = {
          canary: countedSince({}, canary ?? {}, 0).known,
          stable: countedSince({}, stable ?? {}, 0).known,
        };
        expect(Object.keys(known.canary)).toHaveLength(1);
        expect(Object.keys(known.stable)).toHaveLength(1);
      });
      await eventually(async () => {
        const { boundsMs, canary, stable } = await ask();
        expect(boundsMs.slice(0, 9)).toEqual([0.5, 1, 5, 10, 25, 50, 100, 250, 500]);
        const [one, other] = [
          countedSince(known.canary, canary ?? {}, 0).increment,
          countedSince(known.stable, stable ?? {}, 0).increment,
        ];
        expect(one.requests).toBeGreaterThan(20);
        expect(one.errors / one.requests).toBeCloseTo(0.25, 1);
        expect(one.buckets).toHaveLength(boundsMs.length + 1);
        expect(one.buckets.reduce((sum, count) => sum + count, 0)).toBeCloseTo(one.requests, 0);
        expect(other).toMatchObject({ errors: 0 });
      });
    });

    it('has no pods of a canary that was never there, beside those of stable', async () => {
      const target = world.serve({ canary: mood.none, stable: mood.healthy });
      await eventually(async () => {
        const { counters } = await world.metrics.measure(contractRequest(world, target, judged), noSignal);
        expect(counters).toMatchObject({ kind: 'counters', canary: {}, stable: expect.anything() });
      });
    });

    it('has stable’s history, and neither that nor counters where nobody asks', async () => {
      const target = world.serve({ canary: mood.none, stable: mood.healthy });
      const withHistory = contractRequest(world, target, { judged: { historySeconds: 600 } });
      await eventually(async () => {
        const { history } = await world.metrics.measure(withHistory, noSignal);
        expect(history).toMatchObject({ kind: 'history', pods: expect.any(Array) });
      });
      const { counters, history } = await measure(target);
      expect([counters, history]).toEqual([undefined, undefined]);
    });

    it('is unavailable in its counters and its history during an outage, too, and says why', async () => {
      const target = world.serve({ canary: mood.healthy, stable: mood.healthy });
      const request = contractRequest(world, target, { judged: { historySeconds: 600 } });
      const { counters, history } = await world.metricsDown.measure(request, noSignal);
      const down = { kind: 'unavailable', why: expect.stringContaining('refused the connection') };
      expect([counters, history]).toEqual([down, down]);
    });

    it('says when it measured', async () => {
      const target = world.serve({ canary: mood.none, stable: mood.none });
      const request = contractRequest(world, target);
      expect((await world.metrics.measure(request, noSignal)).takenAt).toBe(request.at);
    });

    it('surveys what a measurement finds, with the queries that it asks', async () => {
      const target = world.serve({ canary: mood.idle, stable: mood.healthy });
      await eventually(async () => {
        const { measurements, checks, guards } = await survey(world.metrics, target);
        expect(measurements.checks['errorRate']?.stable).toMatchObject({ kind: 'value', value: 0 });
        expect(measurements.checks['p99']?.stable).toMatchObject({ bucket: { lowerMs: 100, upperMs: 250 } });
        expect(measurements.requests.canary).toEqual({ kind: 'value', value: 0, requests: 0 });
        expect(checks['p99']?.boundsMs?.slice(0, 9)).toEqual([0.5, 1, 5, 10, 25, 50, 100, 250, 500]);
        expect(checks['p99']?.boundsMs?.every(Number.isFinite)).toBe(true);
        expect(checks['errorRate']?.boundsMs).toBeNull();
        expect(purposesIn(checks['errorRate'])).toEqual(['value']);
        expect(purposesIn(checks['p99'])).toEqual(['value', 'requests', 'buckets']);
        expect(guards.map(({ purpose }) => purpose)).toContain('callers');
      });
    });

    it('surveys a service without traffic, which has no histogram', async () => {
      const target = world.serve({ canary: mood.none, stable: mood.none });
      const { measurements, checks } = await survey(world.metrics, target);
      expect(measurements.requests.stable).toEqual({ kind: 'none' });
      expect(checks['p99']?.boundsMs).toBeNull();
      expect(purposesIn(checks['p99'])).toHaveLength(3);
    });

    it('shows its queries during an outage, too, and says why it has no values', async () => {
      const target = world.serve({ canary: mood.healthy, stable: mood.healthy });
      const { measurements, checks } = await survey(world.metricsDown, target);
      expectNothingMeasured(measurements, /refused the connection/);
      expect(purposesIn(checks['p99'])).toEqual(['value', 'requests', 'buckets']);
      expect(checks['p99']?.boundsMs).toBeNull();
    });

    it('gives a survey up when its time is up', async () => {
      const target = world.serve({ canary: mood.healthy, stable: mood.healthy });
      const { measurements } = await survey(world.metrics, target, AbortSignal.abort());
      expectNothingMeasured(measurements, /./);
    });

    it('is unavailable in every reading during an outage, and says why', async () => {
      const target = world.serve({ canary: mood.healthy, stable: mood.healthy });
      const measured = await world.metricsDown.measure(contractRequest(world, target), noSignal);
      expectNothingMeasured(measured, /refused the connection/);
    });

    it('is unavailable in every reading when the turn has ended', async () => {
      const target = world.serve({ canary: mood.healthy, stable: mood.healthy });
      const measured = await world.metrics.measure(contractRequest(world, target), AbortSignal.abort());
      expectNothingMeasured(measured, /./);
    });
  });
}

function purposesIn(check: MetricsSurvey['checks'][string] | undefined) {
  return check?.queries.map(({ purpose }) => purpose);
}

function expectNothingMeasured(
  { checks, requests, increments, unattributed }: Measurements,
  why: RegExp,
): void {
  const unavailable = { kind: 'unavailable', why: expect.stringMatching(why) };
  const both = { canary: unavailable, stable: unavailable };
  expect({ checks, requests, unattributed }).toEqual({
    checks: { errorRate: both, p99: both },
    requests: both,
    unattributed: unavailable,
  });
  expect(increments).toEqual({ canary: null, stable: null });
}
