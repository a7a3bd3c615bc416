import { describe, expect, it } from 'vitest';
import { protections } from './protections.ts';
import { aimedAt, faultKinds, scheduleOf } from './schedule.ts';

describe('a schedule of faults', () => {
  it('is the same for the same seed, and another one for another seed', () => {
    expect(scheduleOf(7, 60)).toEqual(scheduleOf(7, 60));
    expect(scheduleOf(8, 60)).not.toEqual(scheduleOf(7, 60));
  });

  it.each([1, 2, 3, 7])('has every kind of fault within 20 seconds (seed %i)', (seed) => {
    const kinds = new Set(scheduleOf(seed, 20).map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual([...faultKinds].sort());
  });

  it('ends in time, one fault after the other, with rests between 0.3 and 0.9 s', () => {
    const times = scheduleOf(3, 30).map(({ atMs }) => atMs);
    const rests = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
    expect(Math.min(...rests)).toBeGreaterThanOrEqual(300);
    expect(Math.max(...rests)).toBeLessThanOrEqual(900);
    expect(Math.max(...times)).toBeLessThan(30_000);
  });

  it.each(protections)('that aims at %s brings one kind of fault again and again', (protection) => {
    const schedule = aimedAt(protection, 1, 20);
    expect(new Set(schedule.map(({ kind }) => kind)).size).toBe(1);
    expect(schedule.length).toBeGreaterThan(20);
  });

  it('aims at each protection with another fault', () => {
    const kinds = protections.map((protection) => aimedAt(protection, 1, 5)[0]?.kind);
    expect(new Set(kinds).size).toBe(protections.length);
  });
});
