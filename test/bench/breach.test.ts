import { describe, expect, it } from 'vitest';
import { breachedSince, type Instant } from '../../bench/breach.ts';

const limit = { max: 0.01, minRequests: 100 };

function instants(...values: [value: number, requests: number][]): Instant[] {
  return values.map(([value, requests], index) => ({ atMs: index * 1000, value, requests }));
}

describe('a breach', () => {
  it('begins at the first instant above the limit with enough requests', () => {
    const seen = instants([0.5, 99], [0.01, 100], [0.011, 100], [0.2, 150]);
    expect(breachedSince(seen, limit, 3000)).toBe(2000);
  });

  it.each([
    ['back at the limit', 0.01, 200],
    ['short of requests', 0.5, 99],
    ['without data', Number.NaN, 0],
  ])('begins anew after an instant that is %s', (_name, value, requests) => {
    const seen = instants([0.2, 200], [value, requests], [0.2, 200]);
    expect(breachedSince(seen, limit, 2000)).toBe(2000);
  });

  it('is none when the last instant before the rollback is none', () => {
    expect(breachedSince(instants([0.2, 200], [0, 200]), limit, 1000)).toBeNull();
  });

  it('is not judged by what came after the rollback', () => {
    expect(breachedSince(instants([0.2, 200], [0.2, 200], [0, 0]), limit, 1999)).toBe(0);
  });

  it('that is infinite is a breach', () => {
    expect(breachedSince(instants([Number.POSITIVE_INFINITY, 100]), limit, 0)).toBe(0);
  });
});
