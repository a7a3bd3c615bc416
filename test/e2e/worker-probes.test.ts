import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningCanaryd, startCanaryd } from '../../local/canaryd.ts';
import { startPostgres } from '../../local/postgres.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';

const closings: (() => Promise<unknown>)[] = [];
let worker: RunningCanaryd;

beforeAll(async () => {
  const [database, sandbox] = [await startPostgres(), await startSandbox({ tickMs: 0 })];
  const folder = await mkdtemp(join(tmpdir(), 'canaryd-worker-probes-'));
  closings.push(
    () => database.stop(),
    () => sandbox.close(),
    () => rm(folder, { recursive: true }),
  );
  const kubeconfigPath = join(folder, 'kubeconfig');
  await writeFile(kubeconfigPath, sandbox.kubeconfig);
  worker = await startCanaryd({
    databaseUrl: database.url,
    kubeconfigPath,
    prometheusUrl: 'http://127.0.0.1:1',
    scrapeSeconds: 1,
    tokens: [{ token: 'a-token-that-nobody-uses', kind: 'person', name: 'ana' }],
    role: 'worker',
  });
  closings.unshift(() => worker.stop());
}, 120_000);

afterAll(async () => {
  for (const close of closings) await close();
}, 60_000);

describe('canaryd with the role of a worker', () => {
  it('can be probed and scraped, and answers no requests', async () => {
    const ready = await fetch(`${worker.url}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([
      200,
      { status: 'ready', parts: { database: { ok: true }, prometheus: { ok: false, optional: true } } },
    ]);
    expect(await (await fetch(`${worker.url}/metrics`)).text()).toContain('canaryd_rollouts_quarantined 0');
    expect((await fetch(`${worker.url}/v1/rollouts`)).status).toBe(404);
  });

  it('ends at once and with 0 although somebody keeps a connection to its probes', async () => {
    const agent = new Agent({ keepAlive: true });
    closings.unshift(async () => agent.destroy());
    await new Promise((resolve, reject) => {
      const request = get(`${worker.url}/healthz`, { agent }, (response) =>
        response.once('end', resolve).resume(),
      );
      request.once('error', reject);
    });
    await expect.poll(() => Object.values(agent.freeSockets).flat()).toHaveLength(1);
    const begun = performance.now();
    worker.process.kill('SIGTERM');
    const [code] = await once(worker.process, 'exit');
    expect(code).toBe(0);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});
