import { describe, expect, it } from 'vitest';
import {
  type Counts,
  type Measurements,
  type Reading,
  withSoundNumbers,
} from '../../src/analysis/reading.ts';

const fine: Reading = { kind: 'value', value: 0.001, requests: 500 };
const counted: Counts = { requests: 80, errors: 1 };

function measured(canary: Reading, increment: Counts | null = counted): Measurements {
  return {
    takenAt: 1_700_000_000_000,
    checks: { errors: { canary, stable: fine } },
    requests: { canary, stable: fine },
    increments: { canary: increment, stable: counted },
    unattributed: canary,
  };
}

describe('numbers from a metrics provider', () => {
  it('are left alone when they are sound', () => {
    const sound = measured({ ...fine, bucket: { lowerMs: 100, upperMs: 250 } });
    expect(withSoundNumbers(sound)).toEqual(sound);
  });

  it('above every bucket become the largest number, which breaches every limit', () => {
    const { checks } = withSoundNumbers(
      measured({ kind: 'value', value: Number.POSITIVE_INFINITY, requests: 500 }),
    );
    expect(checks['errors']?.canary).toEqual({ kind: 'value', value: Number.MAX_VALUE, requests: 500 });
  });

  it.each<[string, Reading]>([
    ['a value that is not a number', { kind: 'value', value: Number.NaN, requests: 500 }],
    ['a value below 0', { kind: 'value', value: -0.1, requests: 500 }],
    ['minus infinity', { kind: 'value', value: Number.NEGATIVE_INFINITY, requests: 500 }],
    ['infinitely many requests', { kind: 'value', value: 0.1, requests: Number.POSITIVE_INFINITY }],
    ['requests that are not a number', { kind: 'value', value: 0.1, requests: Number.NaN }],
    ['too few requests, below 0', { kind: 'tooFew', requests: -1, needed: 100 }],
    [
      'too few requests, and no number is enough',
      { kind: 'tooFew', requests: 1, needed: Number.NEGATIVE_INFINITY },
    ],
  ])('are no answer at all when they are %s', (_name, canary) => {
    const { checks, requests, unattributed } = withSoundNumbers(measured(canary));
    for (const reading of [checks['errors']?.canary, requests.canary, unattributed]) {
      expect(reading).toMatchObject({ kind: 'unavailable', why: expect.stringContaining('not a number') });
    }
    expect(requests.stable).toEqual(fine);
  });

  it.each<[string, Reading]>([
    ['no data', { kind: 'none' }],
    ['too few requests', { kind: 'tooFew', requests: 3, needed: 100 }],
    ['no answer', { kind: 'unavailable', why: 'connection refused' }],
  ])('do not turn %s into something else', (_name, canary) => {
    expect(withSoundNumbers(measured(canary)).requests.canary).toEqual(canary);
  });

  it.each<[string, Counts]>([
    ['not a number', { requests: Number.NaN, errors: 0 }],
    ['infinite', { requests: Number.POSITIVE_INFINITY, errors: 0 }],
    ['below 0', { requests: 10, errors: -1 }],
  ])('count no stretch whose counts are %s', (_name, increment) => {
    const { increments } = withSoundNumbers(measured(fine, increment));
    expect(increments).toEqual({ canary: null, stable: counted });
  });

  it('stay absent where nothing was counted', () => {
    expect(withSoundNumbers(measured(fine, null)).increments.canary).toBeNull();
  });
});
