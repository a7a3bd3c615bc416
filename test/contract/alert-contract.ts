import { describe, expect, it } from 'vitest';
import type { Labels, ReceivedAlerts, ToldAlert } from '../../src/rollout/ports/alerts.ts';
import type { Actor } from '../../src/rollout/reasons.ts';

const by: Actor = { kind: 'machine', name: 'alertmanager' };
const other: Actor = { kind: 'machine', name: 'alertmanager-2' };
const labels = { alertname: 'PaymentsErrorRate', severity: 'critical' };
const startsAt = Date.parse('2026-01-05T09:00:00.123Z');
const match = { alertname: 'PaymentsErrorRate' };

/** An alert that fires. */
export function told(over: Partial<ToldAlert> = {}): ToldAlert {
  return { fingerprint: 'a1b2', labels, startsAt, endsAt: null, ...over };
}

/** What every keeper of alerts that were sent promises. */
export function alertContract(open: () => Promise<ReceivedAlerts>): void {
  async function withAlerts(...alerts: ToldAlert[]) {
    const kept = await open();
    const firing = (...matches: Labels[]) => kept.firing('default', matches.length === 0 ? [match] : matches);
    const receive = (...more: ToldAlert[]) => kept.receive({ cluster: 'default', by, alerts: more });
    const isNew = await receive(...alerts);
    return { kept, firing, receive, isNew };
  }

  describe('an alert that was sent', () => {
    it('fires from then on, with its labels, its beginning and who sent it', async () => {
      const { firing, isNew } = await withAlerts(told());
      expect(isNew).toBe(1);
      expect(await firing()).toEqual([{ labels, startsAt, receivedBy: { kind: 'hook', by } }]);
    });

    it('is one however often and by whomever it is sent, and is told of as who sent it first', async () => {
      const { kept, firing, receive } = await withAlerts(told());
      expect(await receive(told(), told())).toBe(0);
      expect(await kept.receive({ cluster: 'default', by: other, alerts: [told()] })).toBe(0);
      expect(await firing()).toMatchObject([{ receivedBy: { by } }]);
    });

    it('is one when two send it at the same moment', async () => {
      const kept = await open();
      const alerts = Array.from({ length: 40 }, (_, at) => told({ fingerprint: `a${at}` }));
      const counts = await Promise.all(
        [alerts, alerts.toReversed()].map((sent) => kept.receive({ cluster: 'default', by, alerts: sent })),
      );
      expect(counts.reduce((sum, count) => sum + count)).toBe(40);
    });

    it('is another one when it begins anew, or has another fingerprint', async () => {
      const { firing, isNew } = await withAlerts(
        told(),
        told({ startsAt: startsAt + 1 }),
        told({ fingerprint: 'c3' }),
      );
      expect(isNew).toBe(3);
      expect(await firing()).toHaveLength(3);
    });

    it('fires no more when it was resolved, and fires again when that is taken back', async () => {
      const { firing, receive } = await withAlerts(told());
      expect(await receive(told({ endsAt: startsAt + 60_000 }))).toBe(0);
      expect(await firing()).toEqual([]);
      await receive(told());
      expect(await firing()).toHaveLength(1);
    });

    it('never fired when it is resolved before anybody heard of it', async () => {
      const { firing, isNew } = await withAlerts(told({ endsAt: startsAt + 60_000 }));
      expect([isNew, await firing()]).toEqual([1, []]);
    });

    it('is of its own cluster alone', async () => {
      const { kept } = await withAlerts(told());
      expect(await kept.firing('eu', [match])).toEqual([]);
      expect(await kept.receive({ cluster: 'eu', by, alerts: [told()] })).toBe(1);
    });

    it('is heard by who asks for all of its labels, or for some, but for no other', async () => {
      const { firing } = await withAlerts(told());
      expect(await firing(labels)).toHaveLength(1);
      expect(await firing({ severity: 'critical' })).toHaveLength(1);
      expect(await firing({ severity: 'warning' }, match)).toHaveLength(1);
      expect(await firing({ ...labels, severity: 'warning' })).toEqual([]);
      expect(await firing({ ...labels, pod: 'payments-1' })).toEqual([]);
    });

    it('has a beginning that nobody knows when its sender does not', async () => {
      const { firing } = await withAlerts(told({ startsAt: Date.parse('0001-01-01T00:00:00Z') }));
      expect(await firing()).toMatchObject([{ startsAt: null }]);
    });

    it('is no younger than the news of it, whatever the clock of its sender says', async () => {
      const ahead = Date.parse('2099-01-01T00:00:00Z');
      const { firing } = await withAlerts(told({ startsAt: ahead }));
      const [alert] = await firing();
      expect(alert?.startsAt).toBeLessThan(ahead);
    });

    it('may have labels of any text', async () => {
      const odd = { ...labels, summary: '\'; drop table alert; -- "\\ \u{1F600}', nul: 'a\0b' };
      const { firing } = await withAlerts(told({ labels: odd }));
      expect(await firing({ summary: odd.summary })).toHaveLength(1);
    });

    it('is among the 100 that began last', async () => {
      const many = Array.from({ length: 120 }, (_, at) => told({ startsAt: startsAt + at }));
      const { firing } = await withAlerts(...many);
      const found = await firing();
      expect([found.length, found[0]?.startsAt]).toEqual([100, startsAt + 119]);
    });
  });

  it('no alert at all is nothing new', async () => {
    const { isNew, firing } = await withAlerts();
    expect([isNew, await firing()]).toEqual([0, []]);
  });
}
