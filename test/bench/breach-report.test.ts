import { describe, expect, it } from 'vitest';
import { type Row, reportOf } from '../../bench/breach-report.ts';

function measured(seed: number, seconds: number | null): Row {
  const lastRequestMs = Date.UTC(2026, 0, 1, 12, 0, 10);
  return {
    kind: 'measured',
    seed,
    scenario: 'slow',
    breachedMs: seconds === null ? null : lastRequestMs - seconds * 1000,
    lastRequestMs,
    boundSeconds: 6,
    exposedSeconds: 4,
    cause: 'p99',
    value: 3500,
    requests: 500,
    limit: 2000,
    unit: 'ms',
    askedAgain: { value: 3500, requests: 500 },
  };
}

describe('the report', () => {
  it.each([
    ['just within', 6, true],
    ['just beyond', 6.001, false],
    ['before the query was above the limit', null, true],
  ])('counts a rollback %s', (_name, seconds, isWithin) => {
    expect(reportOf([measured(1, seconds)], 1).isWithin).toBe(isWithin);
  });

  it('prints every figure, and least, median and most', () => {
    const { text } = reportOf([measured(1, 3.9), measured(2, 2), measured(3, 5.5), measured(4, 4)], 4);
    expect(text).toMatch(/ 1 \|\s+slow \| 12:00:06\.100 \| 12:00:10\.000 \|\s+3\.90 s/);
    expect(text).toMatch(/slow \|\s+4 \| 2\.00 s \| 3\.95 s \| 5\.50 s \| 4 of 4/);
  });

  it('counts a seed that could not run as broken', () => {
    const failed: Row = { kind: 'failed', seed: 2, scenario: 'slow', why: 'no Prometheus' };
    const { text, isWithin } = reportOf([measured(1, 3), failed], 2);
    expect(isWithin).toBe(false);
    expect(text).toContain('failed: no Prometheus');
  });

  it('counts figures that are missing as broken', () => {
    expect(reportOf([measured(1, 3)], 2).isWithin).toBe(false);
  });
});
