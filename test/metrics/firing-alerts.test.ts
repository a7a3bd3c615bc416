import { describe, expect, it } from 'vitest';
import type { Listed } from '../../src/metrics/answer.ts';
import type { PrometheusLists } from '../../src/metrics/client.ts';
import { firingAlerts } from '../../src/metrics/firing-alerts.ts';

const labels = { alertname: 'PaymentsErrorRate' };
const found = { labels, state: 'firing', activeAt: '2026-01-05T10:00:00Z' };

function provider(answer: Listed, now = () => 0) {
  let asked = 0;
  const client: PrometheusLists = {
    list: async ({ list }) => {
      asked += 1;
      expect(list).toBe('alerts');
      return answer;
    },
  };
  return { read: firingAlerts(client, { now }), asked: () => asked };
}

const listed = (...alerts: object[]): Listed => ({ kind: 'listed', data: { alerts }, partial: [] });

describe('the alerts of Prometheus', () => {
  it('are those that fire, since their condition holds', async () => {
    const { read } = provider(listed(found, { ...found, state: 'pending' }));
    expect(await read()).toEqual({
      kind: 'read',
      alerts: [{ labels, startsAt: Date.parse('2026-01-05T10:00:00Z'), receivedBy: { kind: 'prometheus' } }],
    });
  });

  it.each([
    [undefined],
    ['0001-01-01T00:00:00Z'],
    ['yesterday'],
  ])('have no known beginning where it says %s', async (activeAt) => {
    const { read } = provider(listed({ ...found, activeAt }));
    expect(await read()).toMatchObject({ alerts: [{ startsAt: null }] });
  });

  it('are unread when it fails, which is no answer without alerts', async () => {
    const { read } = provider({ kind: 'failed', why: 'Prometheus refused', fault: 'connection' });
    expect(await read()).toEqual({ kind: 'unread', why: 'Prometheus refused' });
  });

  it('are asked for once by all who ask within 2 s', async () => {
    let now = 0;
    const { read, asked } = provider(listed(found), () => now);
    await Promise.all([read(), read()]);
    now = 1999;
    await read();
    expect(asked()).toBe(1);
    now = 2000;
    await read();
    expect(asked()).toBe(2);
  });
});
