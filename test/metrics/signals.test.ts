import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { firstOf } from '../../src/signals.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

describe('a deadline', () => {
  it('fires though nobody else holds it, whatever is collected until then', async () => {
    const never = new AbortController().signal;
    const ended = new Promise<void>((resolve) => {
      const bounded = firstOf([firstOf([never, AbortSignal.timeout(60)]), AbortSignal.timeout(60_000)]);
      bounded.addEventListener('abort', () => resolve());
    });
    const collecting = setInterval(collect, 5);
    await ended;
    clearInterval(collecting);
  }, 3000);

  it('is over at once where one of its signals is', () => {
    expect(firstOf([AbortSignal.abort(), new AbortController().signal]).aborted).toBe(true);
  });
});
