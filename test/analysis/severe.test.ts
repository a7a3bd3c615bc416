import { describe, expect, it } from 'vitest';
import type { Counts } from '../../src/analysis/reading.ts';
import { emptyTally, type Tally, tally } from '../../src/analysis/severe.ts';

const quiet: Counts = { requests: 0, errors: 0 };
const fine: Counts = { requests: 100, errors: 0 };

/** Folds stretches into one tally; stable is fine unless told otherwise. */
function tallied(stretches: Counts[], stable: Counts | null = fine): Tally {
  return stretches.reduce((before, canary) => tally(before, canary, stable).tally, emptyTally);
}

describe('one increment', () => {
  it.each<[string, Counts, number]>([
    ['no error', { requests: 100, errors: 0 }, 0],
    ['25 % errors', { requests: 100, errors: 25 }, 0],
    ['just over 25 % errors', { requests: 100, errors: 26 }, 1],
    ['nothing but errors', { requests: 100, errors: 100 }, 1],
    ['nothing but errors on exactly 20 requests', { requests: 20, errors: 20 }, 1],
    ['nothing but errors on 19 requests', { requests: 19, errors: 19 }, 0],
  ])('with %s is counted as it should be', (_name, canary, inARow) => {
    expect(tallied([canary]).inARow).toBe(inARow);
  });
});

describe('increments in a row', () => {
  const bad: Counts = { requests: 40, errors: 20 };

  it('count up while each of them is severe', () => {
    expect(tallied([bad, bad]).inARow).toBe(2);
    expect(tallied([bad, bad, bad]).inARow).toBe(3);
  });

  it('start anew after one that is not severe', () => {
    expect(tallied([bad, fine, bad]).inARow).toBe(1);
  });

  it('are not broken by a stretch that is too short to judge', () => {
    expect(tallied([bad, { requests: 5, errors: 0 }, { requests: 35, errors: 20 }]).inARow).toBe(2);
    expect(tallied([bad, quiet, bad]).inARow).toBe(2);
  });
});

describe('a stretch of fewer than 20 requests', () => {
  it('is added to the next one and judged with it', () => {
    const first = tally(emptyTally, { requests: 12, errors: 6 }, quiet);
    expect(first.judged).toBeNull();
    expect(first.tally.canary).toEqual({ requests: 12, errors: 6 });
    const second = tally(first.tally, { requests: 8, errors: 0 }, quiet);
    expect(second.judged).toEqual({ requests: 20, errors: 6 });
    expect(second.tally).toMatchObject({ canary: quiet, stable: quiet, inARow: 1 });
  });

  it('is never judged twice', () => {
    const judged = tally(tallied([{ requests: 19, errors: 19 }]), { requests: 1, errors: 1 }, quiet);
    expect(judged.judged).toEqual({ requests: 20, errors: 20 });
    expect(tally(judged.tally, quiet, quiet).judged).toBeNull();
  });
});

describe('a stable that is as bad', () => {
  const bad: Counts = { requests: 40, errors: 20 };

  it.each<[string, Counts | null, number]>([
    ['clears the canary above 25 % on enough requests', { requests: 20, errors: 6 }, 0],
    ['does not clear it at 25 %', { requests: 20, errors: 5 }, 1],
    ['does not clear it on 19 requests', { requests: 19, errors: 19 }, 1],
    ['does not clear it when it gave no answer', null, 1],
  ])('%s', (_name, stable, inARow) => {
    expect(tallied([bad], stable).inARow).toBe(inARow);
  });

  it('is counted over the same stretches as the canary', () => {
    const first = tally(emptyTally, { requests: 10, errors: 10 }, { requests: 12, errors: 12 });
    const second = tally(first.tally, { requests: 10, errors: 10 }, { requests: 12, errors: 12 });
    expect(second.tally.inARow).toBe(0);
  });
});
