import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensurePostgresClient } from '../../local/postgres-client.ts';
import { connect } from '../../src/store/database.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { turnStore } from '../../src/store/turn-store.ts';
import { aRollout, rolloutId, targetNamed } from '../fakes/rollouts.ts';
import { type Databases, query, startDatabases } from './databases.ts';

const run = promisify(execFile);
const client = await ensurePostgresClient(() => undefined);
const page = new URL('../../docs/runbooks/quarantined.md', import.meta.url);
const major = 15;

describe.skipIf(client === null || client.major < major)('the runbook that restores one row', () => {
  let databases: Databases;
  let folder: string;
  let url: string;

  beforeAll(async () => {
    databases = await startDatabases(major);
    folder = await mkdtemp(join(tmpdir(), 'canaryd-row-'));
    url = await databases.fresh();
  }, 60_000);
  afterAll(async () => {
    await databases?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  /** The commands of the page, with the place of the scratch database put in. */
  async function typeThePage(): Promise<string> {
    const [, section = ''] = (await readFile(page, 'utf8')).split('## Restore one row');
    const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
    const scratch = await databases.empty();
    const script = blocks.slice(0, 2).join('').replace('createdb canaryd_row\n', '');
    const placed = script.replaceAll(/(-d |--dbname=)canaryd_row/g, `$1"${scratch}"`);
    const path = `${dirname(client?.restore ?? '')}:${process.env['PATH']}`;
    const env = { ...process.env, PATH: path, DATABASE_URL: url, ID: rolloutId(1) };
    return (await run('bash', ['-euc', placed], { cwd: folder, env })).stdout;
  }

  it('makes a damaged rollout readable, and keeps its epoch, its audit number and all other rows', async () => {
    const { db, close } = connect(url);
    const store = { ...rolloutStore(db), ...turnStore(db) };
    await store.create(aRollout(), [], null);
    await store.create(aRollout({ id: rolloutId(2), target: targetNamed('ledger') }), [], null);
    const dump = ['--format=custom', `--file=${join(folder, 'canaryd.dump')}`, `--dbname=${url}`];
    await run(client?.dump ?? 'pg_dump', dump);
    const columns = 'select id, document, status, epoch, last_seq, next_at from rollout order by id';
    await query(url, 'update rollout set epoch = 41, last_seq = 9');
    const before = await query(url, columns);
    await query(url, `update rollout set document = document - 'state' where id = '${rolloutId(1)}'`);
    expect(await typeThePage()).toContain('UPDATE 1');
    expect(await query(url, columns)).toEqual(before);
    expect(await store.claim(rolloutId(1), 'worker-a', 15)).toMatchObject({ epoch: 42 });
    await close();
  }, 60_000);
});
