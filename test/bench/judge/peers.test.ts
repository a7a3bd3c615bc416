import { describe, expect, it } from 'vitest';
import { alertFor5m, argo, flagger, tunedRatio } from '../../../bench/judge/peers.ts';
import { polls, secondsAt } from '../../../bench/judge/setting.ts';
import { fine, handMade } from './hand-made.ts';

const limits = { errorRate: 0.01, p99Ms: 2000 };
const failing = { requests: 1000, errors: 20 };
const atLimit = { requests: 1000, errors: 10 };
const slow = { requests: 1000, ms: 5000 };
const silent = { requests: 0 };

/** Minutes from 0. */
const inMinutes =
  (...minutes: number[]) =>
  (poll: number) =>
    minutes.includes(Math.floor(poll / 4));

function rolledBackAt(judge: typeof tunedRatio, recording: ReturnType<typeof handMade>): number | null {
  const rollback = judge.rollsBackAt(recording, limits);
  return rollback === null ? null : secondsAt(rollback.poll);
}

describe('every peer', () => {
  it.each([
    argo(0),
    argo(3),
    flagger(5),
    alertFor5m,
    tunedRatio,
  ])('leaves a canary alone that is at the limit and no worse: $name', (judge) => {
    expect(
      rolledBackAt(
        judge,
        handMade(
          () => atLimit,
          () => atLimit,
        ),
      ),
    ).toBeNull();
  });

  it.each([
    argo(0),
    argo(3),
    alertFor5m,
    tunedRatio,
  ])('takes no traffic, so not a number, for no breach: $name', (judge) => {
    expect(
      rolledBackAt(
        judge,
        handMade(() => silent, fine),
      ),
    ).toBeNull();
    expect(
      rolledBackAt(
        judge,
        handMade(
          () => silent,
          () => silent,
        ),
      ),
    ).toBeNull();
  });
});

describe('Argo', () => {
  it.each([
    [argo(0), 60],
    [argo(3), 240],
  ])('goes back with the measurement that is one more than its limit', (judge, seconds) => {
    expect(
      rolledBackAt(
        judge,
        handMade(() => failing, fine),
      ),
    ).toBe(seconds);
    expect(
      rolledBackAt(
        judge,
        handMade(() => slow, fine),
      ),
    ).toBe(seconds);
  });

  it('counts failures that do not come in a row, and needs more than failureLimit', () => {
    const at = (...minutes: number[]) =>
      handMade((poll) => (inMinutes(...minutes)(poll) ? failing : fine()), fine);
    expect(rolledBackAt(argo(3), at(0, 5, 10))).toBeNull();
    expect(rolledBackAt(argo(3), at(0, 5, 10, 19))).toBe(1200);
  });

  it('counts each metric for itself', () => {
    const mixed = handMade((poll) => {
      if (inMinutes(0, 1, 2)(poll)) return failing;
      return inMinutes(3, 4, 5)(poll) ? slow : fine();
    }, fine);
    expect(rolledBackAt(argo(3), mixed)).toBeNull();
  });

  it('looks at the last minute as a whole', () => {
    const burst = handMade((poll) => (poll === 1 ? { requests: 1000, errors: 39 } : fine()), fine);
    expect(rolledBackAt(argo(0), burst)).toBeNull();
    const larger = handMade((poll) => (poll === 1 ? { requests: 1000, errors: 41 } : fine()), fine);
    expect(rolledBackAt(argo(0), larger)).toBe(60);
  });
});

describe('Flagger', () => {
  it('goes back with the look after the one that reached its threshold', () => {
    expect(
      rolledBackAt(
        flagger(5),
        handMade(() => failing, fine),
      ),
    ).toBe(360);
  });

  it('takes nothing back for a good look', () => {
    const at = (...minutes: number[]) =>
      handMade((poll) => (inMinutes(...minutes)(poll) ? slow : fine()), fine);
    expect(rolledBackAt(flagger(5), at(0, 3, 6, 9))).toBeNull();
    expect(rolledBackAt(flagger(5), at(0, 3, 6, 9, 12))).toBe(840);
  });

  it('counts a look, whatever and however much was wrong', () => {
    const mixed = handMade((poll) => {
      if (inMinutes(0, 1, 2)(poll)) return { requests: 1000, errors: 20, ms: 5000 };
      return inMinutes(3)(poll) ? failing : fine();
    }, fine);
    expect(rolledBackAt(flagger(5), mixed)).toBeNull();
  });

  it('takes a look without a value for a failed one', () => {
    expect(
      rolledBackAt(
        flagger(5),
        handMade(() => silent, fine),
      ),
    ).toBe(360);
  });
});

describe('the alert', () => {
  it('fires when it was true for five minutes from its first evaluation', () => {
    expect(
      rolledBackAt(
        alertFor5m,
        handMade(() => failing, fine),
      ),
    ).toBe(315);
  });

  it('begins anew when it was not true once, without traffic too', () => {
    const pause = (gap: number) =>
      handMade((poll) => (poll >= gap && poll < gap + 4 ? silent : failing), fine);
    // Of a minute without requests one poll sees a window that is empty as a whole.
    expect(rolledBackAt(alertFor5m, pause(10))).toBe(secondsAt(34));
  });

  it('waits for each rule on its own', () => {
    const taken = handMade((poll) => (poll < 20 ? failing : slow), fine);
    expect(rolledBackAt(alertFor5m, taken)).toBe(secondsAt(20));
    const apart = handMade((poll) => (poll < 16 ? failing : poll < 40 ? slow : fine()), fine);
    expect(rolledBackAt(alertFor5m, apart)).toBe(secondsAt(36));
  });
});

describe('the ratio rule', () => {
  const worse = (from: number, count: number, bad: typeof slow) =>
    handMade((poll) => (poll >= from && poll < from + count ? bad : fine()), fine);

  it('goes back at exactly nine in a row', () => {
    expect(
      rolledBackAt(
        tunedRatio,
        handMade(() => failing, fine),
      ),
    ).toBe(135);
    // Slow requests stay in the window of the last minute for three polls more.
    expect(rolledBackAt(tunedRatio, worse(20, 5, slow))).toBeNull();
    expect(rolledBackAt(tunedRatio, worse(20, 6, slow))).toBe(secondsAt(28));
  });

  it('tolerates half more errors than stable and half a percent, and twice its latency', () => {
    const errors = (count: number) =>
      handMade(
        () => ({ requests: 1000, errors: count }),
        () => ({ requests: 1000, errors: 10 }),
      );
    expect(rolledBackAt(tunedRatio, errors(20))).toBeNull();
    expect(rolledBackAt(tunedRatio, errors(21))).toBe(135);
    const latency = (ms: number) => handMade(() => ({ requests: 1000, ms }), fine);
    expect(rolledBackAt(tunedRatio, latency(100))).toBeNull();
    expect(rolledBackAt(tunedRatio, latency(250))).toBe(135);
  });

  it('says nothing before there were nine polls', () => {
    expect(polls).toBe(80);
    expect(rolledBackAt(tunedRatio, worse(72, 8, slow))).toBeNull();
    expect(rolledBackAt(tunedRatio, worse(71, 9, slow))).toBe(1200);
  });
});
