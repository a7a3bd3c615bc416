import { describe, expect, it } from 'vitest';
import { type Bound, type Sample, verdictOn } from '../../../bench/soak/verdict.ts';

const median: Bound = { of: 'median', part: 0.1, more: 5 };
const least: Bound = { of: 'least', part: 0.1, more: 5 };

/** A run of ten minutes with a sample every five seconds. */
function run(valueAt: (seconds: number, index: number) => number | null): Sample[] {
  return Array.from({ length: 120 }, (_, index) => {
    const seconds = (index + 1) * 5;
    return { seconds, values: { open: valueAt(seconds, index) } };
  });
}

describe('the verdict on a run', () => {
  it('is flat when nothing changes', () => {
    expect(
      verdictOn(
        run(() => 40),
        'open',
        median,
      ),
    ).toEqual({
      name: 'open',
      first: 40,
      last: 40,
      most: 49,
      verdict: 'flat',
    });
  });

  it.each([
    ['at its bound', 115, 'flat'],
    ['just above its bound', 115.1, 'grows'],
  ])('compares the last third with the first: %s', (_what, last, verdict) => {
    const samples = run((seconds) => (seconds > 430 ? last : 100));
    expect(verdictOn(samples, 'open', median).verdict).toBe(verdict);
  });

  it('finds what leaks a little all the time', () => {
    expect(
      verdictOn(
        run((seconds) => 50 + seconds / 10),
        'open',
        median,
      ).verdict,
    ).toBe('grows');
  });

  it('is flat when something only comes and goes', () => {
    expect(
      verdictOn(
        run((_seconds, index) => (index % 3 === 0 ? 90 : 40)),
        'open',
        median,
      ).verdict,
    ).toBe('flat');
  });

  it('is not led astray by what a process needs to get warm', () => {
    const samples = run((seconds) => (seconds < 90 ? 10 : 100));
    expect(verdictOn(samples, 'open', median)).toMatchObject({ first: 100, last: 100, verdict: 'flat' });
  });

  it('takes a fifth of a short run as its warm-up', () => {
    const samples = run(() => 7).slice(0, 12);
    expect(verdictOn(samples, 'open', median)).toMatchObject({ first: 7, last: 7 });
  });

  it('looks at what garbage collections leave, where the least is asked for', () => {
    const saw = run((_seconds, index) => 50 + (index % 10) * 20);
    expect(verdictOn(saw, 'open', least)).toMatchObject({ first: 50, last: 50, verdict: 'flat' });
    const rising = run((seconds, index) => 50 + (index % 10) * 20 + seconds / 10);
    expect(verdictOn(rising, 'open', least).verdict).toBe('grows');
  });

  it('leaves out moments at which there was nothing to count', () => {
    const samples = run((_seconds, index) => (index % 2 === 0 ? null : 4));
    expect(verdictOn(samples, 'open', median)).toMatchObject({ first: 4, last: 4 });
  });

  it('says when nothing was ever counted', () => {
    expect(verdictOn([], 'open', median).verdict).toBe('not seen');
    expect(
      verdictOn(
        run(() => null),
        'open',
        median,
      ).verdict,
    ).toBe('not seen');
  });
});
