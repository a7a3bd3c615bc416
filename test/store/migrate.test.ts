import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { rolloutId } from '../fakes/rollouts.ts';
import { type Databases, majors, query, startDatabases } from './databases.ts';

const run = promisify(execFile);
const id = rolloutId(1);
const shipped = fileURLToPath(new URL('../../migrations/', import.meta.url));

describe.each(majors)('migrations on PostgreSQL %i', (major) => {
  let databases: Databases;
  let folder: string;
  let versions: number[];

  beforeAll(async () => {
    databases = await startDatabases(major);
    folder = await mkdtemp(join(tmpdir(), 'canaryd-migrations-'));
    await cp(shipped, folder, { recursive: true });
    versions = (await readdir(shipped))
      .map((name) => Number.parseInt(name, 10))
      .sort((left, right) => left - right);
  });
  afterAll(async () => {
    await databases.stop();
    await rm(folder, { recursive: true });
  });

  async function tablesOf(url: string): Promise<unknown[]> {
    const tables = "select table_name from information_schema.tables where table_schema = 'public'";
    return (await query(url, tables)).map((row) => Object.values(Object(row))[0]);
  }

  it('make the schema from nothing, and change nothing when they run again', async () => {
    const url = await databases.empty();
    expect(await migrate(url)).toEqual(versions);
    expect(await migrate(url)).toEqual([]);
    expect(await tablesOf(url)).toEqual(
      expect.arrayContaining(['rollout', 'audit', 'measurement', 'idempotency', 'hold']),
    );
  });

  it('run once when two processes and this one start at the same time', async () => {
    const url = await databases.empty();
    const script = fileURLToPath(new URL('./migrate-process.ts', import.meta.url));
    const other = async () => {
      const { stdout } = await run(process.execPath, ['--import', 'tsx', script, url]);
      return JSON.parse(stdout);
    };
    const applied = await Promise.all([other(), other(), migrate(url), migrate(url)]);
    expect(applied.flat()).toEqual(versions);
  });

  it('are refused when one that was applied has been edited since', async () => {
    const url = await databases.empty();
    await migrate(url);
    await writeFile(join(folder, '0001.do.rollout.sql'), 'create table rollout (id text);');
    await expect(migrate(url, `${folder}/*.sql`)).rejects.toMatchObject({ code: 'migration' });
  });

  it('leave nothing behind when one of them fails', async () => {
    const url = await databases.empty();
    await cp(shipped, folder, { recursive: true });
    await writeFile(join(folder, '9999.do.broken.sql'), 'create table half (id text); select nonsense;');
    await expect(migrate(url, `${folder}/*.sql`)).rejects.toMatchObject({ code: 'migration' });
    expect(await tablesOf(url)).toEqual([]);
  });

  it('of an older build leave the schema of a newer one alone', async () => {
    const url = await databases.empty();
    await writeFile(join(folder, '9999.do.broken.sql'), 'create table newer (id text);');
    await migrate(url, `${folder}/*.sql`);
    expect(await migrate(url)).toEqual([]);
    expect(await tablesOf(url)).toContain('newer');
  });

  describe('of the audit log and the measurements by month', () => {
    const row = (rollout: string, seq: number) =>
      `insert into audit (rollout_id, seq, at, type, actor_kind, actor_name, message, facts)
      values ('${rollout}', ${seq}, now(), 'page', 'canaryd', 'canaryd', 'row ${seq}', '{"b":1,"a":1e2}')
      returning number`;
    let url: string;
    let before: unknown[];

    beforeAll(async () => {
      url = await databases.empty();
      const older = join(folder, 'older');
      await cp(shipped, older, { recursive: true, filter: (path) => !/000[4-9][.]|00[1-9]\d[.]/.test(path) });
      expect(await migrate(url, `${older}/*.sql`)).toEqual([1, 2, 3]);
      await query(
        url,
        `insert into rollout (id, document, status, next_at) values ('${id}',
        '{"id":"${id}","target":{"cluster":"c","namespace":"n","virtualService":"v","route":"r"},
        "requestedBy":{"name":"ana"},"revision":1,"createdAt":0}', 'running', now())`,
      );
      await query(url, row(id, 1));
      await query(url, row(id, 2));
      await query(url, `insert into measurement values ('${id}', now(), '{}'), ('${id}', 'epoch', '{}')`);
      before = await query(url, 'select * from audit order by number');
      await migrate(url);
    });

    it('keep every row as it was, and name its rollout as its subject', async () => {
      const after = await query(url, 'select * from audit order by number');
      expect(after).toEqual(before.map((kept) => ({ ...Object(kept), subject: id })));
      expect(await query(url, 'select 1 from measurement')).toHaveLength(2);
    });

    it('take rows of a version that knows no subject, and number them on', async () => {
      expect(await query(url, row(id, 3))).toEqual([{ number: '3' }]);
      expect(await query(url, 'select subject from audit where seq = 3')).toEqual([{ subject: id }]);
    });

    it('take rows of no rollout, which say what they are about', async () => {
      const about = (subject: string) =>
        `insert into audit (subject, seq, at, type, actor_kind, actor_name, message, facts)
        values (${subject}, 0, now(), 'page', 'canaryd', 'canaryd', 'a plan', '{}')`;
      await query(url, about("'plan/pci-standard'"));
      await query(url, about("'plan/pci-standard'"));
      await expect(query(url, about('null'))).rejects.toThrow(/subject/);
      await expect(query(url, row(id, 0))).rejects.toThrow(/seq/);
      await expect(query(url, row(id, 1))).rejects.toThrow(/unique/);
    });
  });

  it('allow one open hold order for each scope', async () => {
    const url = await databases.fresh();
    const hold = (number: number, cluster: string, namespace: string) =>
      query(
        url,
        `insert into hold (id, cluster, namespace, by_kind, by_name)
        values ('ho_0000000000000000000000000${number}', ${cluster}, ${namespace}, 'person', 'ana')`,
      );
    await hold(1, 'null', 'null');
    await hold(2, "'east'", 'null');
    await hold(3, "'east'", "'payments'");
    await expect(hold(4, 'null', 'null')).rejects.toThrow(/hold_open/);
    await expect(query(url, 'update hold set lifted_at = now()')).rejects.toThrow(/lifted_by_somebody/);
    await query(url, "update hold set lifted_at = now(), lifted_by_kind = 'person', lifted_by_name = 'bob'");
    await hold(4, 'null', 'null');
  });

  it('let any number of scheduled rollouts wait for an object, and one that is live', async () => {
    const url = await databases.fresh();
    const put = (number: number, status: string) =>
      query(
        url,
        `insert into rollout (id, document, status, next_at) values ('${rolloutId(number)}',
        '{"id":"${rolloutId(number)}","target":{"cluster":"c","namespace":"n","virtualService":"v","route":"r"},
        "requestedBy":{"name":"ana"},"revision":1,"createdAt":0}', '${status}', now())`,
      );
    await put(1, 'scheduled');
    await put(2, 'scheduled');
    await put(3, 'awaiting_approval');
    await expect(put(4, 'preflight')).rejects.toThrow(/rollout_live/);
    await expect(query(url, "update rollout set status = 'preflight'")).rejects.toThrow(/rollout_live/);
  });

  it('say why without the password when there is no database', async () => {
    const url = 'postgres://canaryd:secret@127.0.0.1:1/nowhere';
    const failure = migrate(url);
    await expect(failure).rejects.toMatchObject({ code: 'migration' });
    await expect(failure).rejects.not.toThrow(/secret/);
  });
});
