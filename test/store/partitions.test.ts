import { describe, expect, it } from 'vitest';
import { isCovered, monthOf } from '../../src/store/partitions.ts';

describe('a month', () => {
  it.each([
    ['2026-11-23T06:00:00Z', 0, { name: '2026_11', from: '2026-11-01', until: '2026-12-01' }],
    ['2026-11-30T23:59:59.999Z', 0, { name: '2026_11', from: '2026-11-01', until: '2026-12-01' }],
    ['2026-12-01T00:00:00Z', 0, { name: '2026_12', from: '2026-12-01', until: '2027-01-01' }],
    ['2026-12-31T12:00:00Z', 2, { name: '2027_02', from: '2027-02-01', until: '2027-03-01' }],
    ['2027-03-31T12:00:00Z', -1, { name: '2027_02', from: '2027-02-01', until: '2027-03-01' }],
    ['2028-02-29T12:00:00Z', -12, { name: '2027_02', from: '2027-02-01', until: '2027-03-01' }],
  ])('of %s, %i months on, is %o', (at, offset, { name, from, until }) => {
    const month = { name, from: Date.parse(from), until: Date.parse(until) };
    expect(monthOf(Date.parse(at), offset)).toEqual(month);
  });
});

describe('a month is covered', () => {
  const month = monthOf(Date.parse('2026-11-23'));
  it.each([
    ['by its own partition', { from: month.from, until: month.until }, true],
    ['by one that began with the first row ever', { from: null, until: month.until }, true],
    ['not by the month before', { from: null, until: month.from }, false],
    ['not by the month after', { from: month.until, until: month.until + 1 }, false],
  ])('%s', (_what, range, covered) => {
    expect(isCovered(month, [{ name: 'one', ...range }])).toBe(covered);
  });
});
