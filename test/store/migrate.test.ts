import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { type Databases, query, startDatabases } from './databases.ts';

const run = promisify(execFile);
const shipped = fileURLToPath(new URL('../../migrations/', import.meta.url));

describe('migrations', () => {
  let databases: Databases;
  let folder: string;
  let versions: number[];

  beforeAll(async () => {
    databases = await startDatabases();
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

  async function tablesOf(url: string): Promise<number> {
    return (await query(url, "select 1 from information_schema.tables where table_schema = 'public'")).length;
  }

  it('make the schema from nothing, and change nothing when they run again', async () => {
    const url = await databases.empty();
    expect(await migrate(url)).toEqual(versions);
    expect(await migrate(url)).toEqual([]);
    expect(await tablesOf(url)).toBe(5);
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
    expect(await tablesOf(url)).toBe(0);
  });

  it('of an older build leave the schema of a newer one alone', async () => {
    const url = await databases.empty();
    await writeFile(join(folder, '9999.do.broken.sql'), 'create table newer (id text);');
    await migrate(url, `${folder}/*.sql`);
    expect(await migrate(url)).toEqual([]);
    expect(await tablesOf(url)).toBe(6);
  });

  it('say why without the password when there is no database', async () => {
    const url = 'postgres://canaryd:secret@127.0.0.1:1/nowhere';
    const failure = migrate(url);
    await expect(failure).rejects.toMatchObject({ code: 'migration' });
    await expect(failure).rejects.not.toThrow(/secret/);
  });
});
