import { expect, it } from 'vitest';
import { readAlertRules } from '../../src/metrics/alert-rules.ts';
import type { Listed } from '../../src/metrics/answer.ts';
import type { PrometheusLists } from '../../src/metrics/client.ts';

const signal = new AbortController().signal;
const rule = {
  type: 'alerting',
  name: 'ServiceErrors',
  query: 'errors > 0.01',
  duration: 300,
  labels: { severity: 'critical' },
  health: 'ok',
};

function read(answer: Listed): ReturnType<typeof readAlertRules> {
  const client: PrometheusLists = {
    list: async ({ list, parameters }) => {
      expect([list, parameters]).toEqual([
        'rules',
        [
          ['type', 'alert'],
          ['exclude_alerts', 'true'],
        ],
      ]);
      return answer;
    },
  };
  return readAlertRules(client, signal);
}

function listed(...rules: object[]): Listed {
  return { kind: 'listed', data: { groups: [{ name: 'bank', interval: 15, rules }] }, partial: [] };
}

it('reads alert rules with their groups, and for how long each must be true', async () => {
  const { duration: _, ...atOnce } = rule;
  const recorded = { ...rule, type: 'recording', name: 'job:errors' };
  const labels = { severity: 'critical' };
  expect(await read(listed(rule, recorded, { ...atOnce, name: 'AtOnce' }))).toEqual({
    kind: 'read',
    rules: [
      { group: 'bank', alert: 'ServiceErrors', expr: 'errors > 0.01', forSeconds: 300, labels },
      { group: 'bank', alert: 'AtOnce', expr: 'errors > 0.01', forSeconds: 0, labels },
    ],
    gaps: [],
  });
});

it('says what it did not understand', async () => {
  expect(await read(listed({ ...rule, query: 7 }))).toMatchObject({
    kind: 'read',
    rules: [],
    gaps: [expect.stringContaining('ServiceErrors')],
  });
});

it('is unread when Prometheus fails, which is no answer without rules', async () => {
  const failed: Listed = { kind: 'failed', why: 'Prometheus refused', fault: 'connection' };
  expect(await read(failed)).toEqual({ kind: 'unread', why: 'Prometheus refused' });
});
