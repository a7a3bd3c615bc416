import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atMost } from '../../src/traffic/at-most.ts';

const patient = new AbortController().signal;

/** Tasks that run until they are told to end, and which of them have begun. */
function tasks() {
  const begun: number[] = [];
  const running = new Map<number, (how: 'well' | 'badly') => void>();
  const task = (number: number) => () => {
    begun.push(number);
    return new Promise<number>((resolve, reject) => {
      running.set(number, (how) => {
        running.delete(number);
        if (how === 'well') resolve(number);
        else reject(new Error(`task ${number}`));
      });
    });
  };
  const end = async (number: number, how: 'well' | 'badly' = 'well') => {
    running.get(number)?.(how);
    await settled();
  };
  return { begun, running, task, end };
}

/** Until all that follows from what has happened has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('at most so many at a time', () => {
  it('begin in the order in which they came, and one that fails makes room, too', async () => {
    const limit = atMost(2);
    const { begun, task, end } = tasks();
    const all = Promise.allSettled([1, 2, 3, 4].map((number) => limit(patient, task(number))));
    await settled();
    expect(begun).toEqual([1, 2]);
    await end(1, 'badly');
    expect(begun).toEqual([1, 2, 3]);
    await end(2);
    expect(begun).toEqual([1, 2, 3, 4]);
    await end(3);
    await end(4);
    expect((await all).map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
  });

  it('leave the queue at once when their time is up, never begin, and the others keep their order', async () => {
    const limit = atMost(1);
    const { begun, task, end } = tasks();
    const ending = new AbortController();
    const all = [patient, patient, ending.signal, patient, ending.signal].map((signal, number) =>
      limit(signal, task(number)),
    );
    await settled();
    ending.abort();
    expect(await Promise.all([all[2], all[4]])).toEqual([null, null]);
    expect(begun).toEqual([0]);
    await end(0);
    expect(begun).toEqual([0, 1]);
    await end(1);
    expect(begun).toEqual([0, 1, 3]);
    await end(3);
    expect(await Promise.all(all)).toEqual([0, 1, null, 3, null]);
  });

  it('take no place where their time was up before they came', async () => {
    const limit = atMost(1);
    const { begun, task } = tasks();
    expect(await limit(AbortSignal.abort(), task(1))).toBeNull();
    void limit(patient, task(2));
    await settled();
    expect(begun).toEqual([2]);
  });

  it('keep their place until they end, though their time is up meanwhile', async () => {
    const limit = atMost(1);
    const { begun, task, end } = tasks();
    const ending = new AbortController();
    const first = limit(ending.signal, task(1));
    void limit(patient, task(2));
    await settled();
    ending.abort();
    await settled();
    expect(begun).toEqual([1]);
    await end(1);
    expect(await first).toBe(1);
    expect(begun).toEqual([1, 2]);
  });

  it('are never more than that, leave no place idle, and keep their order, whoever gives up when', async () => {
    const moves = fc.array(fc.record({ kind: fc.constantFrom('come', 'end', 'giveUp'), who: fc.nat(1000) }), {
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), moves, async (most, all) => {
        const crowd = crowdAt(most);
        for (const { kind, who } of all) {
          await crowd[kind](who);
          const { running, waiting, begun } = crowd.seen();
          expect(running).toBe(Math.min(most, running + waiting));
          expect(begun).toEqual(begun.toSorted((one, other) => one - other));
        }
        while (crowd.seen().running > 0) await crowd.end(0);
        const { begun, came } = crowd.seen();
        const expected = came.map((_, number) => (begun.includes(number) ? number : null));
        expect(await Promise.all(came)).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });
});

/** People who come to a limit, end there and give up, by any number that tells them apart. */
function crowdAt(most: number) {
  const limit = atMost(most);
  const { begun, running, task, end } = tasks();
  const came: { ending: AbortController; answer: Promise<number | null> }[] = [];
  return {
    come: async () => {
      const ending = new AbortController();
      came.push({ ending, answer: limit(ending.signal, task(came.length)) });
      await settled();
    },
    giveUp: async (who: number) => {
      came.at(who % Math.max(came.length, 1))?.ending.abort();
      await settled();
    },
    end: (who: number) => end([...running.keys()].at(who % Math.max(running.size, 1)) ?? -1),
    seen: () => ({
      begun,
      running: running.size,
      waiting: came.filter(({ ending }, number) => !ending.signal.aborted && !begun.includes(number)).length,
      came: came.map(({ answer }) => answer),
    }),
  };
}
