import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { gather } from '../../src/gather.ts';

type Batch = { asked: number[]; answer: (spoilt?: number) => void };

/** What was asked together, in its order; each batch is answered when the test says so, one of its answers spoilt. */
function gathering(options: { most?: number; atOnce?: number } = {}) {
  const batches: Batch[] = [];
  const ask = gather<number, string>({
    waitMs: 5,
    most: 100,
    atOnce: 2,
    ...options,
    together: (asked) => {
      const { promise, resolve } = withResolve<number | undefined>();
      batches.push({ asked, answer: resolve });
      return asked.map(async (one) => {
        if (one === (await promise)) throw new Error(`${one} is spoilt`);
        return `answer to ${one}`;
      });
    },
  });
  return { batches, ask, asked: () => batches.map((batch) => batch.asked) };
}

function withResolve<T>() {
  let resolve: (value?: T) => void = () => undefined;
  const promise = new Promise<T | undefined>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe('questions that are gathered', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('are asked together when they come within the wait, and each gets its own answer', async () => {
    const { batches, ask, asked } = gathering();
    const answers = [ask(1), ask(2)];
    await vi.advanceTimersByTimeAsync(4);
    answers.push(ask(3));
    expect(asked()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    answers.push(ask(4));
    expect(asked()).toEqual([[1, 2, 3]]);
    await vi.advanceTimersByTimeAsync(5);
    expect(asked()).toEqual([[1, 2, 3], [4]]);
    for (const batch of batches) batch.answer();
    expect(await Promise.all(answers)).toEqual(['answer to 1', 'answer to 2', 'answer to 3', 'answer to 4']);
  });

  it('wait no longer once there are enough of them', async () => {
    const { ask, asked } = gathering({ most: 2 });
    for (const one of [1, 2, 3]) void ask(one);
    expect(asked()).toEqual([[1, 2]]);
    await vi.advanceTimersByTimeAsync(5);
    expect(asked()).toEqual([[1, 2], [3]]);
  });

  it('fail one by one: a bad one takes no other with it', async () => {
    const { batches, ask } = gathering();
    const answers = Promise.allSettled([ask(1), ask(2)]);
    await vi.advanceTimersByTimeAsync(5);
    batches[0]?.answer(1);
    expect(await answers).toMatchObject([
      { status: 'rejected' },
      { status: 'fulfilled', value: 'answer to 2' },
    ]);
  });

  it('wait while as many as may be are under way, and go with the end of the first of them', async () => {
    const { batches, ask, asked } = gathering({ most: 1, atOnce: 1 });
    const first = ask(1);
    for (const one of [2, 3]) void ask(one);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked()).toEqual([[1]]);
    batches[0]?.answer();
    await first;
    await vi.advanceTimersByTimeAsync(0);
    expect(asked()).toEqual([[1], [2]]);
  });

  it('go on although all of those before them failed', async () => {
    const { batches, ask, asked } = gathering({ atOnce: 1 });
    const failed = ask(1).catch((error: Error) => error.message);
    await vi.advanceTimersByTimeAsync(5);
    batches[0]?.answer(1);
    expect(await failed).toBe('1 is spoilt');
    void ask(2);
    await vi.advanceTimersByTimeAsync(5);
    expect(asked()).toEqual([[1], [2]]);
  });
});
