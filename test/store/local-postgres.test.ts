import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startPostgres } from '../../local/postgres.ts';
import { query } from './databases.ts';

const script = fileURLToPath(new URL('./postgres-process.ts', import.meta.url));

describe('a local PostgreSQL', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'canaryd-test-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('listens on loopback only and wants its random password', async () => {
    const server = await startPostgres();
    expect(await query(server.url, 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    const stranger = new URL(server.url);
    expect(stranger.password).toMatch(/^[\w-]{12}$/);
    stranger.password = 'guessed';
    await expect(query(stranger.href, 'select 1')).rejects.toThrow(/password/);
    await server.stop();
  });

  it('keeps its data in a folder that was named, and is found there again at the same URL', async () => {
    const first = await startPostgres({ dataDir: folder });
    await query(first.url, 'create table kept (id text)');
    await first.stop();
    const second = await startPostgres({ dataDir: folder, port: Number(new URL(first.url).port) });
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'select * from kept')).toEqual([]);
    await second.stop();
  });

  it.each([
    'SIGINT',
    'SIGTERM',
    'SIGKILL',
  ] as const)('goes, data and all, when its starter gets %s', async (signal) => {
    const starter = spawn(process.execPath, ['--import', 'tsx', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said = await new Promise<string>((resolve) =>
      starter.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    const [pid, dataDir] = JSON.parse(said);
    expect([isAlive(pid), existsSync(dataDir)]).toEqual([true, true]);
    starter.kill(signal);
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
    expect(existsSync(dataDir)).toBe(false);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
