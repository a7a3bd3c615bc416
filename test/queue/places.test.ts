import { describe, expect, it } from 'vitest';
import { places } from '../../src/queue/places.ts';

describe('turns of alarms', () => {
  it('find so many places and no more, and whoever waits longest is next, also after a failure', async () => {
    const inPlace = places(2);
    const running: string[] = [];
    const ends = new Map<string, () => void>();
    const work = (name: string) =>
      inPlace(async () => {
        running.push(name);
        await new Promise<void>((resolve) => ends.set(name, resolve));
        running.splice(running.indexOf(name), 1);
        if (name === 'a') throw new Error('a bad turn');
      });
    const [a, b, c, d] = [work('a'), work('b'), work('c'), work('d')];
    expect(running).toEqual(['a', 'b']);
    ends.get('a')?.();
    await expect(a).rejects.toThrow('a bad turn');
    expect(running).toEqual(['b', 'c']);
    ends.get('b')?.();
    ends.get('c')?.();
    await Promise.all([b, c]);
    expect(running).toEqual(['d']);
    ends.get('d')?.();
    await d;
    expect(running).toEqual([]);
  });
});
