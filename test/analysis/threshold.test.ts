import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reading } from '../../src/analysis/reading.ts';
import { judge, type Limit } from '../../src/analysis/threshold.ts';

const onErrors: Limit = { metric: 'errorRate', max: 0.01 };
const onLatency: Limit = { metric: 'p99LatencyMs', max: 2000 };
const none: Reading = { kind: 'none' };
const tooFew: Reading = { kind: 'tooFew', requests: 99, needed: 100 };
const unavailable: Reading = { kind: 'unavailable', why: 'connection refused' };

function value(measured: number, requests = 1000): Reading {
  return { kind: 'value', value: measured, requests };
}

describe('a canary whose stable cannot be compared with', () => {
  it.each<[string, Limit, number, string]>([
    ['an error rate of 0', onErrors, 0, 'pass'],
    ['an error rate just under its limit', onErrors, 0.009_999, 'pass'],
    ['an error rate at its limit', onErrors, 0.01, 'pass'],
    ['an error rate just over its limit', onErrors, 0.010_001, 'breach'],
    ['an error rate of 1', onErrors, 1, 'breach'],
    ['a P99 just under its limit', onLatency, 1999.9, 'pass'],
    ['a P99 at its limit', onLatency, 2000, 'pass'],
    ['a P99 just over its limit', onLatency, 2000.1, 'breach'],
    ['a P99 above the highest bucket', onLatency, Number.MAX_VALUE, 'breach'],
  ])('%s is judged by the limit alone', (_name, limit, measured, verdict) => {
    expect(judge(limit, { canary: value(measured), stable: none }).kind).toBe(verdict);
  });

  it.each([
    ['nothing', none],
    ['too few requests', tooFew],
    ['no answer from the provider', unavailable],
  ])('is held to its breach when stable has %s', (_name, stable) => {
    expect(judge(onErrors, { canary: value(0.02), stable })).toEqual({
      kind: 'breach',
      value: 0.02,
      stable: null,
      requests: 1000,
      bucket: null,
    });
  });
});

describe('a P99 that is a guess within its bucket', () => {
  const within = (measured: number, lowerMs: number, upperMs: number): Reading => ({
    kind: 'value',
    value: measured,
    requests: 1000,
    bucket: { lowerMs, upperMs },
  });

  it.each<[string, Reading, string]>([
    ['the limit lies inside the bucket', within(2200, 1000, 2500), 'breach'],
    ['the limit lies just above the lower bound', within(2200, 1999, 2500), 'breach'],
    ['the limit lies just below the upper bound', within(2000.5, 1000, 2001), 'breach'],
    ['the bucket begins at the limit', within(2200, 2000, 2500), 'breach'],
    ['the bucket lies wholly above the limit', within(3000, 2500, 5000), 'breach'],
    ['the bucket is not known', value(2200), 'breach'],
    ['the guess is within the limit', within(1900, 1000, 2500), 'pass'],
  ])('is held to its limit alone when stable has nothing: %s', (_name, ...[canary, verdict]) => {
    for (const stable of [none, tooFew, unavailable]) {
      expect(judge(onLatency, { canary, stable }).kind).toBe(verdict);
    }
  });

  it('breaches beside a stable that can be compared with only when it is also worse', () => {
    const canary = within(2200, 1000, 2500);
    expect(judge(onLatency, { canary, stable: within(1800, 1000, 2500) }).kind).toBe('breach');
    expect(judge(onLatency, { canary, stable: within(1900, 1000, 2500) }).kind).toBe('environment');
  });

  it.each<[string, Reading, number | null]>([
    ['with stable', within(120, 100, 250), 120],
    ['without stable', none, null],
  ])('shows its bucket in a breach %s', (_name, stable, compared) => {
    expect(judge(onLatency, { canary: within(3000, 2500, 5000), stable })).toEqual({
      kind: 'breach',
      value: 3000,
      stable: compared,
      requests: 1000,
      bucket: { lowerMs: 2500, upperMs: 5000 },
    });
  });
});

describe('a canary without a value', () => {
  it.each<[string, Reading, string]>([
    ['no data', none, 'inconclusive'],
    ['too few requests', tooFew, 'inconclusive'],
    ['a provider that does not answer', unavailable, 'error'],
    ['a value that is not a number', value(Number.NaN), 'inconclusive'],
    ['a value below 0', value(-0.01), 'inconclusive'],
  ])('is neither passed nor failed on %s', (_name, canary, verdict) => {
    expect(judge(onErrors, { canary, stable: value(0) }).kind).toBe(verdict);
  });

  it('says why the provider gave no answer', () => {
    const judgement = judge(onErrors, { canary: unavailable, stable: value(0) });
    expect(judgement).toEqual({ kind: 'error', why: 'connection refused' });
  });
});

describe('a breach that stable might share', () => {
  it.each<[string, Limit, Reading, Reading, string]>([
    ['errors far above stable', onErrors, value(0.05), value(0.011), 'breach'],
    ['errors as many as on stable', onErrors, value(0.05), value(0.05), 'environment'],
    ['fewer errors than stable', onErrors, value(0.02), value(0.05), 'environment'],
    ['more errors than stable, just within chance', onErrors, value(0.067), value(0.05), 'environment'],
    ['more errors than stable, just beyond chance', onErrors, value(0.068), value(0.05), 'breach'],
    [
      'the same ratios on few requests, within chance',
      onErrors,
      value(0.07, 100),
      value(0.05, 100),
      'environment',
    ],
    ['errors on every request of both arms', onErrors, value(1), value(1), 'environment'],
    ['a P99 as slow as stable', onLatency, value(2500), value(2500), 'environment'],
    ['a P99 of 1.2 times stable', onLatency, value(3000), value(2500), 'environment'],
    ['a P99 just over 1.2 times stable', onLatency, value(3000.1), value(2500), 'breach'],
    [
      'a P99 above the highest bucket on both arms',
      onLatency,
      value(Number.MAX_VALUE),
      value(Number.MAX_VALUE),
      'environment',
    ],
    [
      'a P99 above the highest bucket on the canary alone',
      onLatency,
      value(Number.MAX_VALUE),
      value(120),
      'breach',
    ],
  ])('is judged by whether the canary is worse: %s', (_name, ...[limit, canary, stable, verdict]) => {
    expect(judge(limit, { canary, stable }).kind).toBe(verdict);
  });

  it('carries both values and the requests, so that it explains itself', () => {
    const shared = judge(onLatency, { canary: value(2500, 300), stable: value(2400) });
    expect(shared).toEqual({ kind: 'environment', value: 2500, stable: 2400, requests: 300 });
    const own = judge(onLatency, { canary: value(2500, 300), stable: value(120) });
    expect(own).toEqual({ kind: 'breach', value: 2500, stable: 120, requests: 300, bucket: null });
  });

  it('lets a canary within its limit pass however good stable is', () => {
    expect(judge(onErrors, { canary: value(0.01), stable: value(0) }).kind).toBe('pass');
  });
});

describe('whatever is measured', () => {
  const readings: fc.Arbitrary<Reading> = fc.oneof(
    fc.constant(none),
    fc.constant(tooFew),
    fc.constant(unavailable),
    fc.record({
      kind: fc.constant('value' as const),
      value: fc.double(),
      requests: fc.integer({ min: 1, max: 1e6 }),
    }),
  );

  it('only a finite value at or below the limit passes', () => {
    fc.assert(
      fc.property(readings, readings, fc.constantFrom(onErrors, onLatency), (canary, stable, limit) => {
        if (judge(limit, { canary, stable }).kind !== 'pass') return;
        expect(canary).toMatchObject({ kind: 'value', value: expect.any(Number) });
        expect(canary.kind === 'value' && Number.isFinite(canary.value) && canary.value <= limit.max).toBe(
          true,
        );
      }),
    );
  });
});
