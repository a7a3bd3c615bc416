import { describe, expect, it } from 'vitest';
import type { Measured } from '../../../bench/scale/probe.ts';
import { reportOf } from '../../../bench/scale/report.ts';

const spread = { count: 9, median: 12_345, p99: 123_456, most: 1_234_567 };
const measured: Measured = {
  rollouts: 20_000,
  namespaces: 400,
  workers: 10,
  seconds: 600.1,
  load: 123.45,
  createSeconds: 600,
  turns: 1_200_000,
  late: spread,
  took: {
    turn: spread,
    claim: spread,
    look: spread,
    measure: spread,
    save: spread,
    write: spread,
    ring: spread,
  },
  busyMs: 123_456,
  breachToPatch: spread,
  peakMegabytes: [1234, 500],
  counts: {
    PostgreSQL: { transactions: 9_000_000, update: 9_000_000, select: 1 },
    Redis: { evalsha: 9_000_000, hset: 1 },
    Prometheus: { query: 90_000_000 },
    Kubernetes: { 'get virtualservices': 9_000_000, 'patch virtualservices': 1_000_000 },
  },
  cpuSeconds: { canaryd: 12_345.6, 'canned Prometheus': 1234.5 },
  faults: [],
};

describe('the report of a run', () => {
  it('is at most 80 columns wide, however large the figures are', () => {
    const lines = reportOf(measured).split('\n');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });

  it('says how many calls a second and a turn each part got', () => {
    expect(reportOf(measured)).toMatch(/Prometheus: queries \| +149975\.0 \| 75\.00/);
    expect(reportOf(measured)).toMatch(/- get virtualservices \| +14997\.5 \| 7\.50/);
  });

  it('leaves a figure open that nothing was measured for', () => {
    expect(reportOf({ ...measured, late: null })).toMatch(/lag of a turn \| +\| +\| +/);
  });

  it('tells what went wrong', () => {
    expect(reportOf({ ...measured, faults: ['1 rollouts are lost.'] })).toContain(
      'FAULT: 1 rollouts are lost.',
    );
  });
});
