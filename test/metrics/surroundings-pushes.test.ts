import { describe, expect, it } from 'vitest';
import type { Answer } from '../../src/metrics/answer.ts';
import { budgetQuery, budgetsFrom } from '../../src/metrics/surroundings-budgets.ts';
import { latePushesQuery, proxySyncFrom, refusedPushesQuery } from '../../src/metrics/surroundings-pushes.ts';

const rows = (...values: number[]): Answer => ({
  kind: 'rows',
  rows: values.map((value) => ({ labels: {}, value })),
});
const failed: Answer = { kind: 'failed', why: 'Prometheus at p gave no answer in time', fault: 'time' };

describe('the pushes of istiod', () => {
  it('are asked for over five minutes, a refusal from its first one on', () => {
    expect(refusedPushesQuery()).toContain('increase(pilot_total_xds_rejects[300s])');
    expect(refusedPushesQuery()).toMatch(/or 0 \* sum\(pilot_xds_pushes\)$/);
    expect(latePushesQuery()).toBe(
      '1 - sum(increase(pilot_proxy_convergence_time_bucket{le=~"30|30[.]0"}[300s])) / sum(increase(pilot_proxy_convergence_time_bucket{le="+Inf"}[300s]))',
    );
  });

  it.each<[string, Answer, Answer, { rejected: number | null; lateRatio: number | null }]>([
    ['all of it', rows(0), rows(0.125), { rejected: 0, lateRatio: 0.125 }],
    ['part of a refusal is one', rows(0.2), rows(1), { rejected: 1, lateRatio: 1 }],
    ['buckets of two moments', rows(0), rows(-0.01), { rejected: 0, lateRatio: 0 }],
    ['nothing pushed', rows(0), rows(Number.NaN), { rejected: 0, lateRatio: null }],
    ['nothing told', rows(), rows(), { rejected: null, lateRatio: null }],
  ])('are told as far as istiod tells them: %s', (_name, refused, late, told) => {
    expect(proxySyncFrom(refused, late)).toEqual({ kind: 'read', value: { ...told, window: 300 } });
  });

  it('are unknown where they could not be asked for, and a gap where half of them was', () => {
    expect(proxySyncFrom(failed, failed)).toMatchObject({ kind: 'unread', why: failed.why });
    expect(proxySyncFrom(rows(3), failed)).toEqual({
      kind: 'read',
      value: { rejected: 3, lateRatio: null, window: 300 },
      gaps: [`how many of them have a change late: ${failed.why}`],
    });
  });
});

describe('an error budget', () => {
  const series = 'slo:error_budget_remaining:ratio';

  it.each<[Record<string, string>, string]>([
    [{}, series],
    [{ service: 'payments', env: 'prod' }, `${series}{service="payments",env="prod"}`],
    [{ service: 'a"} or vector(1) #' }, `${series}{service="a\\"} or vector(1) #"}`],
    [{ path: 'C:\\x\ny' }, `${series}{path="C:\\\\x\\ny"}`],
  ])('is one series whose labels cannot end the text that they stand in: %j', (labels, query) => {
    expect(budgetQuery({ series, labels })).toBe(query);
  });

  it('is what the series says, which may be less than nothing, or null where it says nothing', () => {
    const asked = [rows(0.75), rows(-0.2), rows(), rows(Number.NaN)].map((answer, index) => ({
      query: `q${index}`,
      min: 0.1,
      answer,
    }));
    expect(budgetsFrom(asked)).toEqual({
      kind: 'read',
      value: [0.75, -0.2, null, null].map((left, index) => ({ query: `q${index}`, left, min: 0.1 })),
    });
    expect(budgetsFrom([])).toEqual({ kind: 'read', value: [] });
  });

  it('is not chosen among several: they are a gap that says by which labels they differ', () => {
    const answer: Answer = {
      kind: 'rows',
      rows: ['payments', 'refunds'].map((service) => ({ labels: { job: 'slo', service }, value: 0.5 })),
    };
    expect(budgetsFrom([{ query: series, min: 0, answer }])).toEqual({
      kind: 'read',
      value: [],
      gaps: [
        `${series} has 2 series, which differ by service: choose one by labels in the plan, such as {service: "payments"}`,
      ],
    });
  });

  it('is unknown when none could be asked for, and a gap when another one could', () => {
    const asked = { query: series, min: 0, answer: failed };
    expect(budgetsFrom([asked])).toMatchObject({ kind: 'unread', why: failed.why });
    expect(budgetsFrom([asked, { query: 'other', min: 0, answer: rows(1) }])).toEqual({
      kind: 'read',
      value: [{ query: 'other', left: 1, min: 0 }],
      gaps: [`${series}: ${failed.why}`],
    });
  });
});
