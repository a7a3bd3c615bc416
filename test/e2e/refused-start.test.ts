import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCanaryd } from '../../local/canaryd.ts';
import { type LocalPostgres, startPostgres } from '../../local/postgres.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';

let postgres: LocalPostgres;
let sandbox: Sandbox;
let folder: string;

beforeAll(async () => {
  postgres = await startPostgres();
  sandbox = await startSandbox({ tickMs: 0 });
  folder = await mkdtemp(join(tmpdir(), 'canaryd-refused-'));
  await writeFile(join(folder, 'kubeconfig'), sandbox.kubeconfig);
}, 60_000);

afterAll(async () => {
  await postgres?.stop();
  await sandbox?.close();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

async function lastWords(change: (url: URL) => void): Promise<string> {
  const url = new URL(postgres.url);
  change(url);
  const started = startCanaryd({
    databaseUrl: url.href,
    kubeconfigPath: join(folder, 'kubeconfig'),
    prometheusUrl: 'http://127.0.0.1:1',
    scrapeSeconds: 1,
    tokens: [{ token: 'a-token-that-nobody-uses', kind: 'person', name: 'ana' }],
  });
  return started.then(
    () => 'it started',
    (error: unknown) => String(error),
  );
}

describe('a start that PostgreSQL refuses', () => {
  it('ends at once with what is wrong, where, and what to do, and without the password', async () => {
    const begun = performance.now();
    const words = await lastWords((url) => {
      url.password = 'not-this-secret';
    });
    expect(words).toContain(
      'canaryd did not start: PostgreSQL lets nobody in: the password is wrong (28P01)',
    );
    expect(words).toContain(`127.0.0.1:${new URL(postgres.url).port}`);
    expect(words).toContain('correct DATABASE_URL');
    expect(words).not.toContain('not-this-secret');
    expect(performance.now() - begun).toBeLessThan(40_000);
  });

  it('names a database that is not there', async () => {
    const words = await lastWords((url) => {
      url.pathname = '/nowhere';
    });
    expect(words).toContain('there is no such database (3D000): the database nowhere on 127.0.0.1:');
  });
});
