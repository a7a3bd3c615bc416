import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { databaseNow } from '../../src/store/clock.ts';
import { connect, type Database } from '../../src/store/database.ts';
import { housekeep, type Retention } from '../../src/store/housekeeping.ts';
import { monthOf } from '../../src/store/partitions.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { aRollout, rolloutId } from '../fakes/rollouts.ts';
import { type Databases, majors, query, startDatabases } from './databases.ts';

const usual: Retention = { measurementDays: 90, auditMonths: null };
const dayMs = 86_400_000;

describe.each(majors)('housekeeping on PostgreSQL %i', (major) => {
  let databases: Databases;
  let url: string;
  let database: Database;
  /** The middle of this month, by PostgreSQL's clock. */
  let now: number;
  let seq: number;

  beforeAll(async () => {
    databases = await startDatabases(major);
  });
  beforeEach(async () => {
    url = await databases.fresh();
    database = connect(url);
    now = monthOf(await databaseNow(database.db)).from + 14 * dayMs;
    seq = 0;
  });
  afterEach(() => database.close());
  afterAll(() => databases.stop());

  const keep = (at: number, retention = usual) => housekeep(database.db, retention, at);
  const later = (months: number) => monthOf(now, months).from + dayMs;
  const named = (table: string, months: number) => `${table}_${monthOf(now, months).name}`;

  async function audited(at: number): Promise<void> {
    seq += 1;
    await sql`insert into audit (rollout_id, seq, at, type, actor_kind, actor_name, message, facts)
      values (${rolloutId(1)}, ${seq}, ${new Date(at)}, 'page', 'canaryd', 'canaryd', ${`row ${seq}`}, '{}')`.execute(
      database.db,
    );
  }

  async function measured(at: number): Promise<void> {
    await sql`insert into measurement (rollout_id, at, payload)
      values (${rolloutId(1)}, ${new Date(at)}, '{}')`.execute(database.db);
  }

  async function placesOf(table: string): Promise<unknown[]> {
    const rows = await query(url, `select tableoid::regclass::text as place from ${table} order by at`);
    return rows.map((row) => Object(row).place);
  }

  async function partitions(table: string): Promise<unknown[]> {
    const children = `select inhrelid::regclass::text as name from pg_inherits where inhparent = '${table}'::regclass`;
    return (await query(url, `${children} order by 1`)).map((row) => Object(row).name);
  }

  it('makes the months to come, each once, so that rows land in their own', async () => {
    const made = ['audit', 'measurement'].flatMap((table) => [1, 2, 3].map((month) => named(table, month)));
    expect(await keep(now)).toEqual({ kind: 'done', made, moved: 0, dropped: [], postponed: [] });
    expect(await keep(now)).toEqual({ kind: 'done', made: [], moved: 0, dropped: [], postponed: [] });
    for (const at of [now, later(1), later(3)]) {
      await audited(at);
      await measured(at);
    }
    expect(await placesOf('audit')).toEqual(['audit_first', named('audit', 1), named('audit', 3)]);
    expect(await placesOf('measurement')).toEqual([
      'measurement_first',
      named('measurement', 1),
      named('measurement', 3),
    ]);
  });

  it('has no gap and no overlap at the end of a month', async () => {
    await keep(now);
    const { until } = monthOf(now, 1);
    await audited(until - 1);
    await audited(until);
    expect(await placesOf('audit')).toEqual([named('audit', 1), named('audit', 2)]);
  });

  it('drops measurements once their whole month is older than 90 days, and nothing else', async () => {
    await keep(now);
    await audited(now);
    await measured(now);
    await measured(later(1));
    const end = monthOf(now).until + 90 * dayMs;
    expect(await keep(end - 1)).toMatchObject({ dropped: [] });
    expect(await placesOf('measurement')).toHaveLength(2);
    expect(await keep(end)).toMatchObject({ dropped: ['measurement_first'], postponed: [] });
    expect(await placesOf('measurement')).toEqual([named('measurement', 1)]);
    expect(await placesOf('audit')).toEqual(['audit_first']);
  });

  it('keeps the audit log for ever unless told otherwise', async () => {
    await audited(now);
    expect(await keep(later(1200))).toMatchObject({ dropped: ['measurement_first'] });
    expect(await placesOf('audit')).toEqual(['audit_first']);
  });

  it('drops audit months beyond the whole months that are to be kept', async () => {
    const twoMonths: Retention = { measurementDays: null, auditMonths: 2 };
    await keep(now, twoMonths);
    await audited(now);
    await audited(later(1));
    await measured(now);
    expect(await keep(later(2), twoMonths)).toMatchObject({ dropped: [] });
    expect(await keep(later(3), twoMonths)).toMatchObject({ dropped: ['audit_first'] });
    expect(await placesOf('audit')).toEqual([named('audit', 1)]);
    expect(await placesOf('measurement')).toEqual(['measurement_first']);
  });

  it('keeps an old month for as long as a rollout lives that has rows in it', async () => {
    const oneMonth: Retention = { measurementDays: 1, auditMonths: 1 };
    await rolloutStore(database.db).create(aRollout({ id: rolloutId(1) }), [], null);
    await audited(now);
    await measured(now);
    const old = ['audit_first', 'measurement_first'];
    expect(await keep(later(6), oneMonth)).toMatchObject({ dropped: [], postponed: old });
    await query(url, "update rollout set status = 'cancelled', ended_at = now(), next_at = null");
    expect(await keep(later(6), oneMonth)).toMatchObject({ dropped: old, postponed: [] });
  });

  it('takes a row that has no month yet, and brings it into its month later', async () => {
    for (const at of [later(7), later(7) + 1, later(9)]) {
      await audited(at);
      await measured(at);
    }
    expect(new Set(await placesOf('audit'))).toEqual(new Set(['audit_default']));
    const before = await query(url, 'select * from audit order by number');
    expect(await keep(later(8))).toMatchObject({ moved: 6, postponed: [] });
    expect(await placesOf('audit')).toEqual([named('audit', 7), named('audit', 7), named('audit', 9)]);
    expect(await query(url, 'select * from audit order by number')).toEqual(before);
    expect(await query(url, 'select 1 from measurement_default')).toEqual([]);
  });

  it('leaves the audit log append-only in every partition, also one that is addressed directly', async () => {
    await audited(later(7));
    await keep(later(7));
    await audited(now);
    const all = await partitions('audit');
    expect(all).toEqual(expect.arrayContaining(['audit_default', 'audit_first', named('audit', 7)]));
    for (const name of ['audit', ...all]) {
      for (const change of [`update ${name} set message = ''`, `delete from ${name}`, `truncate ${name}`]) {
        await expect(query(url, change), change).rejects.toThrow(/append-only/);
      }
    }
    expect(await placesOf('audit')).toHaveLength(2);
  });

  it('keeps a sequence number of a rollout unique in each month', async () => {
    await audited(now);
    seq = 0;
    await expect(audited(now)).rejects.toThrow(/unique/);
  });

  it('is done by one of several workers that begin at the same time', async () => {
    const kept = await Promise.all(
      Array.from({ length: 6 }, () => connect(url, { poolSize: 1 })).map(async (worker) => {
        const answer = await housekeep(worker.db, usual, now);
        await worker.close();
        return answer;
      }),
    );
    const made = kept.flatMap((answer) => (answer.kind === 'done' ? answer.made : []));
    expect(made.toSorted()).toEqual(
      ['audit', 'measurement'].flatMap((table) => [1, 2, 3].map((month) => named(table, month))).toSorted(),
    );
  });

  it('leaves it to the worker that is at it', async () => {
    const worker = new pg.Client({ connectionString: url });
    await worker.connect();
    await worker.query('select pg_advisory_lock(7260424118)');
    expect(await keep(now)).toEqual({ kind: 'elsewhere' });
    await worker.end();
    await expect.poll(() => keep(now)).toMatchObject({ kind: 'done' });
  });

  describe('while somebody reads for a long time', () => {
    const oneMonth: Retention = { measurementDays: 1, auditMonths: 1 };
    let reader: pg.Client;

    beforeEach(async () => {
      await keep(now);
      reader = new pg.Client({ connectionString: url });
      await reader.connect();
      await reader.query('begin');
      await reader.query('select count(*) from audit, measurement');
    });
    afterEach(() => reader.end());

    it('postpones what would disturb, and drops it the next time', async () => {
      const old = ['audit_first', 'measurement_first'];
      expect(await keep(later(3), oneMonth)).toMatchObject({
        dropped: [],
        postponed: expect.arrayContaining(old),
      });
      await reader.query('commit');
      expect(await keep(later(3), oneMonth)).toMatchObject({
        dropped: expect.arrayContaining(old),
        postponed: [],
      });
    });

    it('keeps no turn from writing', async () => {
      let isDone = false;
      const housekeeping = keep(later(3), oneMonth).finally(() => {
        isDone = true;
      });
      const waits: number[] = [];
      while (!isDone) {
        const began = performance.now();
        await audited(later(3));
        await measured(later(3) + seq);
        waits.push(performance.now() - began);
      }
      expect(await housekeeping).toMatchObject({ dropped: [] });
      expect(waits.length).toBeGreaterThan(1);
      expect(Math.max(...waits)).toBeLessThan(1000);
    });
  });

  it('says that the database is not there', async () => {
    const nowhere = connect('postgres://canaryd:secret@127.0.0.1:1/nowhere');
    await expect(housekeep(nowhere.db, usual)).rejects.toMatchObject({ code: 'databaseUnavailable' });
    await nowhere.close();
  });

  it.each([
    [
      'the events of a rollout after one',
      "select * from audit where rollout_id = 'x' and seq > 4 order by seq limit 9",
    ],
    ['the audit log after a row', 'select * from audit where number > 4 order by number limit 9'],
    ['the audit log of a day', "select * from audit where at >= '2026-01-01' and at < '2026-01-02'"],
    ['what was said of a plan', "select * from audit where subject = 'plan/x' order by number limit 9"],
    ['the measurements of a rollout', "select * from measurement where rollout_id = 'x' order by at"],
  ])('keeps an index for %s', async (_what, statement) => {
    await keep(now);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('set enable_seqscan = off');
    const { rows } = await client.query(`explain ${statement}`);
    await client.end();
    const plan = rows.map((row) => Object.values(row)[0]).join('\n');
    expect(plan).toMatch(/Index|Bitmap/);
    expect(plan).not.toMatch(/Seq Scan/);
  });
});
