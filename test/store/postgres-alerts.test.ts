import { describe, expect, it } from 'vitest';
import { alertStore, forgetAlerts } from '../../src/store/alert-store.ts';
import { housekeep } from '../../src/store/housekeeping.ts';
import { alertContract, told } from '../contract/alert-contract.ts';
import { freshDatabases, majors, query } from './databases.ts';

const match = { alertname: 'PaymentsErrorRate' };
const by = { kind: 'machine', name: 'alertmanager' } as const;

describe.each(majors)('alerts on PostgreSQL %i', (major) => {
  const fresh = freshDatabases(major);

  alertContract(async () => alertStore((await fresh()).db));

  async function withAlert() {
    const { db, url } = await fresh();
    const alerts = alertStore(db);
    await alerts.receive({ cluster: 'default', by, alerts: [told()] });
    const rows = () => query(url, 'select ends_at from alert');
    return { db, url, alerts, rows };
  }

  it.each([
    ['11 hours', 1],
    ['12 hours', 0],
  ])('that nobody repeated for %s are heard by %i', async (silent, heard) => {
    const { url, alerts } = await withAlert();
    await query(url, `update alert set seen_at = seen_at - interval '${silent}'`);
    expect(await alerts.firing('default', [match])).toHaveLength(heard);
    await alerts.receive({ cluster: 'default', by, alerts: [told()] });
    expect(await alerts.firing('default', [match])).toHaveLength(1);
  });

  it.each([
    ['was resolved 29 days ago', "ends_at = clock_timestamp() - interval '29 days'", 1],
    ['was resolved 31 days ago', "ends_at = clock_timestamp() - interval '31 days'", 0],
    ['was repeated 30 days ago', "seen_at = clock_timestamp() - interval '30 days'", 1],
    ['was repeated 31 days ago', "seen_at = clock_timestamp() - interval '31 days'", 0],
    ['fires', 'ends_at = null', 1],
  ])('are kept for 30 days after they are over: one that %s', async (_when, set, left) => {
    const { url, db, rows } = await withAlert();
    await query(url, `update alert set ${set}`);
    const gone = await forgetAlerts(db);
    expect([gone, (await rows()).length]).toEqual([1 - left, left]);
  });

  it('are forgotten by whoever keeps house', async () => {
    const { url, db, rows } = await withAlert();
    await query(url, "update alert set ends_at = clock_timestamp() - interval '31 days'");
    expect(await housekeep(db, { measurementDays: null, auditMonths: null })).toMatchObject({ kind: 'done' });
    expect(await rows()).toEqual([]);
  });

  it('are heard also when a newer version took them from somebody that this one does not know', async () => {
    const { url, alerts } = await withAlert();
    await query(url, 'alter table alert drop constraint alert_by_kind_check');
    await query(url, "update alert set by_kind = 'robot'");
    expect(await alerts.firing('default', [match])).toMatchObject([{ receivedBy: { by } }]);
  });
});
