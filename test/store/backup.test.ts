import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensurePostgresClient } from '../../local/postgres-client.ts';
import { databaseNow } from '../../src/store/clock.ts';
import { connect, type Database } from '../../src/store/database.ts';
import { housekeep } from '../../src/store/housekeeping.ts';
import { migrate } from '../../src/store/migrate.ts';
import { monthOf } from '../../src/store/partitions.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { turnStore } from '../../src/store/turn-store.ts';
import { aRollout, rolloutId, targetNamed } from '../fakes/rollouts.ts';
import { type Databases, majors, query, startDatabases } from './databases.ts';

const run = promisify(execFile);
const usual = { measurementDays: 90, auditMonths: null };
const client = await ensurePostgresClient(() => undefined);
const tables = ['rollout', 'audit', 'measurement', 'idempotency', 'hold', 'canaryd_migration'];

describe.each(majors)('a database on PostgreSQL %i that is dumped and restored', (major) => {
  const reason =
    client === null ? 'no pg_dump on this machine' : `pg_dump ${client.major} dumps no PostgreSQL ${major}`;
  const isMissing = client === null || client.major < major;
  let databases: Databases;
  let folder: string;
  let original: string;
  let restored: string;
  let database: Database;
  const page = (message: string) => ({
    type: 'page' as const,
    actor: aRollout().requestedBy,
    message,
    facts: { b: 1e2, a: [1] },
  });

  beforeAll(async () => {
    if (isMissing) return;
    databases = await startDatabases(major);
    folder = await mkdtemp(join(tmpdir(), 'canaryd-backup-'));
    original = await databases.fresh();
    await fill(original);
    restored = await databases.empty();
    await dumpAndRestore(original, restored);
    database = connect(restored);
  }, 60_000);
  afterAll(async () => {
    await database?.close();
    await databases?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  /** Two live rollouts, months to come, a row that no month took, and one in each of two months. */
  async function fill(url: string): Promise<void> {
    const { db, close } = connect(url);
    const store = rolloutStore(db);
    await store.create(aRollout(), [page('one'), page('two')], null);
    await store.create(aRollout({ id: rolloutId(2), target: targetNamed('ledger') }), [page('three')], null);
    const now = await databaseNow(db);
    await housekeep(db, usual, now);
    for (const months of [1, 9]) {
      const at = new Date(monthOf(now, months).from).toISOString();
      await query(url, `insert into measurement values ('${rolloutId(1)}', '${at}', '{"p99":1}')`);
      await query(
        url,
        `insert into audit (subject, seq, at, type, actor_kind, actor_name, message, facts)
        values ('plan/pci', 0, '${at}', 'page', 'person', 'ana', 'later', '{}')`,
      );
    }
    await close();
  }

  async function dumpAndRestore(from: string, to: string): Promise<void> {
    if (client === null) return;
    const file = join(folder, 'canaryd.dump');
    await run(client.dump, ['--format=custom', `--file=${file}`, `--dbname=${from}`]);
    await run(client.restore, [
      '--exit-on-error',
      '--single-transaction',
      '--no-owner',
      `--dbname=${to}`,
      file,
    ]);
  }

  function tried(name: string, test: () => Promise<void>): void {
    it(name, async (context) => {
      context.skip(isMissing, reason);
      await test();
    });
  }

  tried('has every row, in the partition where it was', async () => {
    for (const table of tables) {
      const all = `select tableoid::regclass::text as place, * from ${table} order by 2, 3`;
      const rows = await query(original, all);
      expect(await query(restored, all), table).toEqual(rows);
    }
    expect(await query(restored, 'select 1 from audit')).toHaveLength(5);
  });

  tried('needs no migration, and is kept in order from there on', async () => {
    expect(await migrate(restored)).toEqual([]);
    expect(await housekeep(database.db, usual)).toMatchObject({ moved: 2, dropped: [], postponed: [] });
  });

  tried('denies what the original denies, in every partition', async () => {
    const names = 'select tableoid::regclass::text as place from audit group by 1';
    const places = (await query(restored, names)).map((row) => Object(row).place);
    for (const place of ['audit', 'audit_default', ...places]) {
      await expect(query(restored, `delete from ${place}`), place).rejects.toThrow(/append-only/);
    }
    await expect(query(restored, 'delete from rollout')).rejects.toThrow(/are kept/);
  });

  tried('goes on with its rollouts: turns are claimed, rows numbered on, epochs raised', async () => {
    await query(restored, 'update rollout set epoch = epoch + 1000000 where ended_at is null');
    const store = { ...turnStore(database.db), ...rolloutStore(database.db) };
    expect((await store.due(10)).toSorted()).toEqual([rolloutId(1), rolloutId(2)]);
    const claim = await store.claim(rolloutId(1), 'worker-a', 15);
    expect(claim?.epoch).toBe(1_000_001);
    const change = { rollout: aRollout(), measurements: null, nextAt: 0, release: true };
    await store.save(rolloutId(1), 1_000_001, { ...change, events: [page('after')] });
    const rows = await store.events(rolloutId(1), 0, 10);
    expect(rows.map(({ seq, message }) => [seq, message])).toEqual([
      [1, 'one'],
      [2, 'two'],
      [3, 'after'],
    ]);
    const newest = Math.max(...rows.map((row) => row.number));
    expect(newest).toBe(6);
  });

  tried('refuses a second rollout on an object that has one', async () => {
    const again = aRollout({ id: rolloutId(3) });
    expect(await rolloutStore(database.db).create(again, [], null)).toEqual({
      kind: 'taken',
      by: rolloutId(1),
    });
  });
});
