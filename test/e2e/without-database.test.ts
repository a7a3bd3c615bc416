import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type RunningCanaryd, startCanaryd } from '../../local/canaryd.ts';
import { freePort } from '../../local/free-port.ts';
import { type LocalPostgres, startPostgres } from '../../local/postgres.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { query } from '../store/databases.ts';
import { briefPlan, payment } from './release.ts';

const token = 'canaryd-0123456789abcdef';
let folder: string;
let sandbox: Sandbox;
let postgres: LocalPostgres;
let canaryd: RunningCanaryd;

/** PostgreSQL is down and Redis was never there; only the mesh answers. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'canaryd-test-'));
  sandbox = await startSandbox({ tickMs: 0 });
  await writeFile(join(folder, 'kubeconfig'), sandbox.kubeconfig);
  postgres = await startPostgres({ dataDir: await mkdtemp(join(tmpdir(), 'canaryd-test-')) });
  await postgres.stop();
  canaryd = await startCanaryd({
    databaseUrl: postgres.url,
    redisUrl: `redis://127.0.0.1:${await freePort()}`,
    kubeconfigPath: join(folder, 'kubeconfig'),
    prometheusUrl: `http://127.0.0.1:${await freePort()}`,
    scrapeSeconds: 1,
    tokens: [{ token, kind: 'person', name: 'you' }],
    until: 'alive',
  });
}, 60_000);

afterAll(async () => {
  await canaryd?.stop();
  await postgres?.stop();
  await sandbox?.close();
  for (const path of [folder, postgres?.dataDir]) if (path) await rm(path, { recursive: true, force: true });
}, 60_000);

const Part = z.looseObject({ ok: z.boolean(), why: z.string().optional() });
const Answer = z.looseObject({ id: z.string().optional(), parts: z.record(z.string(), Part).default({}) });

async function ask(path: string, body?: object) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const asked = performance.now();
  const sent = body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) };
  const answer = await fetch(canaryd.url + path, { ...sent, signal: AbortSignal.timeout(10_000) });
  const read = Answer.parse(await answer.json());
  const ms = performance.now() - asked;
  return { ...read, status: answer.status, retryAfter: answer.headers.get('retry-after'), ms };
}

const isReady = async () => (await ask('/readyz')).status;
const startAgain = async () => {
  postgres = await startPostgres({ dataDir: postgres.dataDir, port: Number(new URL(postgres.url).port) });
};

describe('canaryd whose database is down when it starts', () => {
  it('lives, is not ready and says why, and sends callers away with when to come back', async () => {
    expect((await ask('/healthz')).status).toBe(200);
    const { status, parts } = await ask('/readyz');
    expect(status).toBe(503);
    expect(parts['database']).toEqual({
      ok: false,
      why: 'the database cannot be reached (ECONNREFUSED)',
    });
    expect(parts['database:turns']).toMatchObject({ ok: false });
    const refused = await ask('/v1/rollouts', { target: payment('v2'), plan: briefPlan });
    expect(refused).toMatchObject({ status: 503, type: '/problems/database-unavailable' });
    expect(Number(refused.retryAfter)).toBeGreaterThan(0);
    expect(refused.ms).toBeLessThan(2000);
  });

  it('is ready soon after the database is there, also without Redis and Prometheus, and takes rollouts', async () => {
    await startAgain();
    await expect.poll(isReady, { timeout: 15_000 }).toBe(200);
    const { parts } = await ask('/readyz');
    expect(parts).toMatchObject({
      database: { ok: true },
      'database:turns': { ok: true },
      queue: { ok: false, optional: true, why: expect.stringContaining('ECONNREFUSED') },
      prometheus: { ok: false, optional: true },
      kubernetes: { ok: true, optional: true },
    });
    const made = await ask('/v1/rollouts', { target: payment('v2'), plan: briefPlan });
    expect(made.status).toBe(202);
    expect(made.ms).toBeLessThan(2000);
    expect((await ask(`/v1/rollouts/${made.id}`)).status).toBe(200);
  });
});

/** What the API has at most. */
const poolSize = 10;

/** The processes of PostgreSQL that wait for a lock on behalf of canaryd. */
async function waiting(): Promise<number[]> {
  const theirs = "application_name = 'canaryd' and wait_event_type = 'Lock'";
  const rows = await query(postgres.url, `select pid from pg_stat_activity where ${theirs}`);
  return z
    .array(z.object({ pid: z.int() }))
    .parse(rows)
    .map(({ pid }) => pid);
}

describe('canaryd whose database connections are all taken', () => {
  it('answers 503 within 2 s to whom it has none for, and lives', async () => {
    const locking = new pg.Client({ connectionString: postgres.url });
    await locking.connect();
    await locking.query('begin; lock table rollout in access exclusive mode');
    const held = Array.from({ length: poolSize }, () => ask('/v1/rollouts'));
    await expect.poll(async () => (await waiting()).length).toBeGreaterThanOrEqual(poolSize);
    const pids = await waiting();
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await locking.end();
    try {
      const late = await ask('/v1/rollouts');
      expect(late).toMatchObject({ status: 503, type: '/problems/database-unavailable' });
      expect(late.ms).toBeLessThan(2000);
      expect((await ask('/healthz')).ms).toBeLessThan(500);
      for (const { status } of await Promise.all(held)) expect(status).toBe(503);
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    }
  });
});

describe('canaryd whose database goes away', () => {
  it('lives, is not ready, sends callers away, and is ready again by itself', async () => {
    await postgres.stop();
    await expect.poll(isReady).toBe(503);
    expect((await ask('/healthz')).status).toBe(200);
    const refused = await ask('/v1/rollouts');
    expect(refused).toMatchObject({ status: 503, type: '/problems/database-unavailable', retryAfter: '2' });
    expect(refused.ms).toBeLessThan(2000);
    await startAgain();
    await expect.poll(isReady, { timeout: 10_000 }).toBe(200);
  });
});
