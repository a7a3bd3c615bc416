import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/sandbox/random.ts';
import { binomialFrom } from './draws.ts';
import { answered, boundsMs, judgeAll, last, pollsOf, settings } from './rollouts.ts';

type All = ReturnType<typeof judgeAll>;
const rulings = (judged: All) => judged.map(({ ruling }) => `${ruling.decision} ${ruling.reason}`);

/** Polls of one long step in which stable has 1.5 % errors, over its limit of 1 %. */
const besideBrokenStable = (rate: number, polls = 60) =>
  judgeAll(
    pollsOf(polls, (number) => ({
      step: 0,
      stepSeconds: 15 * (number + 1),
      canary: answered(150, 150 * rate),
      stable: answered(2850, 2850 * 0.015),
    })),
  );

describe('an outage that both arms share', () => {
  const outage = { canary: answered(150, 12), stable: answered(2850, 228) };

  it('is waited out for five minutes, and then the canary goes back', () => {
    const found = rulings(judgeAll(pollsOf(22, () => ({ ...outage, step: 0 }))));
    expect(new Set(found.slice(0, 20))).toEqual(new Set(['hold environment']));
    expect(found[20]).toBe('rollback environmentLimit');
  });

  it.each([0.05, 0.2, 0.8])('of three minutes leads nobody back, however deep: %d', (rate) => {
    const polls = pollsOf(60, (number) =>
      number >= 8 && number < 20
        ? { canary: answered(150, 150 * rate), stable: answered(2850, 2850 * rate) }
        : {},
    );
    const found = rulings(judgeAll(polls));
    expect(found.some((ruling) => ruling.startsWith('rollback'))).toBe(false);
    expect(found.slice(9, 20).every((ruling) => ruling === 'hold environment')).toBe(true);
    expect(found.slice(30).some((ruling) => ruling === 'hold environment')).toBe(false);
  });

  it('that is no more than a drift over the limit is held, until a person has to look', () => {
    const found = rulings(
      judgeAll(
        pollsOf(60, (number) => ({
          step: 0,
          stepSeconds: 15 * (number + 1),
          canary: answered(1500, 17),
          stable: answered(28_500, 330),
        })),
      ),
    );
    expect(found[30]).toBe('hold environment');
    expect(found[59]).toBe('inconclusive environment');
    expect(found).not.toContain('rollback environmentLimit');
  });

  it.each([
    ['inside it', [2000, 679, 0, 0, 171, 0], []],
    ['above it', [2000, 793, 0, 0, 0, 57], ['rollback environmentLimit']],
  ])('leads back only if stable is over the limit wherever in the bucket it lies: %s', (_name, all, ends) => {
    const stable = { requests: 2850, errors: 14, buckets: all };
    const canary = { requests: 150, errors: 0.75, buckets: all.map((count) => count / 19) };
    const found = rulings(judgeAll(pollsOf(24, () => ({ step: 0, canary, stable }))));
    expect(found[15]).toBe('hold environment');
    expect([...new Set(found.filter((ruling) => ruling.startsWith('rollback')))]).toEqual(ends);
  });

  it('never lets the canary go on meanwhile', () => {
    const found = rulings(besideBrokenStable(0.015));
    expect(found.some((ruling) => ruling.startsWith('advance'))).toBe(false);
  });

  it('does not come and go where stable is right at its limit', () => {
    const random = seededRandom(3);
    const arm = (requests: number) => answered(requests, binomialFrom(random, requests, 0.0105), 0);
    const polls = pollsOf(400, (number) => ({
      step: 0,
      stepSeconds: 15 * (number + 1),
      canary: arm(150),
      stable: arm(2850),
    }));
    const pods = Array.from({ length: 10 }, () => Array.from({ length: 30 }, () => answered(1000, 10)));
    const isHeld = rulings(judgeAll(polls, { baseline: { boundsMs, pods } })).map((ruling) =>
      ruling.endsWith('environment'),
    );
    const stays = isHeld.filter((held, at) => held && !isHeld[at - 1]).length;
    expect(stays).toBeGreaterThan(0);
    expect(isHeld.filter(Boolean).length / stays).toBeGreaterThan(3);
  });
});

describe('a canary that is within the limit while stable is not', () => {
  it.each([0.003, 0.005, 0.0075])('lifts the hold and goes on: %d', (rate) => {
    const found = rulings(besideBrokenStable(rate));
    expect(found[0]).toBe('hold environment');
    expect(found).toContain('advance provenHealthy');
    expect(found.some((ruling) => ruling.startsWith('rollback'))).toBe(false);
    const lifted = found.findIndex((ruling) => ruling !== 'hold environment');
    expect(found.slice(lifted)).not.toContain('hold environment');
  });

  it('is held again as soon as it is clearly over it, too', () => {
    const polls = pollsOf(60, (number) => ({
      step: 0,
      canary: answered(1500, number < 40 ? 7.5 : 60),
      stable: answered(28_500, 28_500 * 0.04),
    }));
    const found = rulings(judgeAll(polls));
    expect(found[39]).toBe('advance provenHealthy');
    expect(found[44]).toBe('hold environment');
  });
});

describe('where a plan wants limits to be absolute', () => {
  it('there is no outage, only a canary over its limit', () => {
    const polls = pollsOf(20, () => ({ canary: answered(150, 12), stable: answered(2850, 228) }));
    const found = judgeAll(polls, { with: { ...settings, attribution: 'absolute' } });
    expect(rulings(found)).not.toContain('hold environment');
    expect(last(found).state.limits[0]?.outage.seconds).toBe(0);
  });
});
