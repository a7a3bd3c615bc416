import { describe, expect, it } from 'vitest';
import { wakeUpsFor } from '../../src/queue/wake-up.ts';
import { rolloutId } from '../fakes/rollouts.ts';

const ring = (number: number, delayMs: number) => ({ id: rolloutId(number), at: 1000 + delayMs, delayMs });

describe('alarms that are set together', () => {
  it('share a job where they are due within 50 ms, and ring when the last of them is due', () => {
    expect(wakeUpsFor([ring(1, 10_050), ring(2, 10_000), ring(3, 10_051)])).toEqual([
      {
        jobId: expect.stringMatching(`^wake-${rolloutId(2)}-11000-[0-9a-f]{16}$`),
        data: { rolloutId: rolloutId(2), others: [rolloutId(1)] },
        delayMs: 10_050,
      },
      { jobId: `wake-${rolloutId(3)}-11051`, data: { rolloutId: rolloutId(3) }, delayMs: 10_051 },
    ]);
  });

  it('are one alarm where they are the same, and two where one rollout is due at two times', () => {
    expect(wakeUpsFor([ring(1, 5000), ring(1, 5000), ring(1, 9000)]).map(({ delayMs }) => delayMs)).toEqual([
      5000, 9000,
    ]);
  });

  it('are another job than the same alarm alone, which the queue may have already', () => {
    const ids = [[ring(1, 100)], [ring(1, 100), ring(2, 110)], [ring(1, 100), ring(3, 110)]].map(
      (rings) => wakeUpsFor(rings)[0]?.jobId,
    );
    expect(new Set(ids).size).toBe(3);
  });

  it('are no more than 50 to a job, however many are due at one moment', () => {
    const all = wakeUpsFor(Array.from({ length: 120 }, (_, number) => ring(number, 10_000)));
    expect(all.map(({ data }) => 1 + (data.others?.length ?? 0))).toEqual([50, 50, 20]);
  });

  it('that are one and alone look as every version knows them', () => {
    expect(wakeUpsFor([ring(1, 0)])[0]?.data).toEqual({ rolloutId: rolloutId(1) });
  });
});
