import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { freePort } from '../../local/free-port.ts';
import { startPostgres } from '../../local/postgres.ts';
import { readConfig } from '../../src/config.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { startApi } from '../../src/serve/answer.ts';
import { closeParts, openParts } from '../../src/serve/parts.ts';
import { tokensOf } from '../../src/serve/tokens.ts';
import { migrate } from '../../src/store/migrate.ts';

const token = 'a-token-of-the-test-run';
const closings: (() => Promise<unknown>)[] = [];
const warnings: Record<string, unknown>[] = [];
const log = {
  info: () => undefined,
  error: () => undefined,
  warn: (fields: Record<string, unknown>) => void warnings.push(fields),
};
let api = '';
let sandboxes: Record<'eu' | 'us', Sandbox>;

/** canaryd with the clusters `eu` and `us`, and `lost`, whose kubeconfig is not there. */
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'canaryd-two-clusters-'));
  closings.push(() => rm(folder, { recursive: true, force: true }));
  const postgres = await startPostgres();
  closings.push(postgres.stop);
  await migrate(postgres.url);
  const [eu, us] = [await startSandbox({ tickMs: 0 }), await startSandbox({ tickMs: 0 })];
  closings.push(eu.close, us.close);
  sandboxes = { eu, us };
  await writeFile(join(folder, 'eu'), eu.kubeconfig);
  await writeFile(join(folder, 'us'), us.kubeconfig);
  const nobody = `http://127.0.0.1:${await freePort()}`;
  const clusters = ['eu', 'us', 'lost'].map((name) => ({
    name,
    kubeconfig: name,
    prometheus: { url: nobody },
  }));
  await writeFile(join(folder, 'canaryd.yaml'), stringify({ tokensFile: 'tokens.json', clusters }));
  await writeFile(join(folder, 'tokens.json'), JSON.stringify([{ token, kind: 'person', name: 'ana' }]));
  const config = await readConfig({
    CANARYD_CONFIG: join(folder, 'canaryd.yaml'),
    CANARYD_LISTEN: `127.0.0.1:${await freePort()}`,
    CANARYD_LOG_LEVEL: 'silent',
    DATABASE_URL: postgres.url,
  });
  const parts = await openParts(config, log);
  closings.push(() => closeParts(parts));
  const standing = { schema: { missing: () => null }, ending: new AbortController().signal };
  const close = await startApi(parts, await tokensOf(config), standing);
  closings.push(() => close({ drainMs: 0 }));
  api = `http://${config.listen.host}:${config.listen.port}`;
}, 120_000);
afterAll(async () => {
  for (const close of closings.reverse()) await close();
});

const Answer = z.looseObject({});

async function ask(path: string, body?: object) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const init = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) };
  const response = await fetch(api + path, { ...init, signal: AbortSignal.timeout(20_000) });
  return { status: response.status, body: Answer.parse(await response.json()) };
}

function preview(cluster?: string) {
  const plan = {
    checks: { errors: { metric: 'errorRate', max: '1%' } },
    steps: [
      { type: 'setWeight', weight: 5 },
      { type: 'bake', duration: '5m' },
      { type: 'promote', bake: '5m' },
    ],
  };
  const target = { namespace: 'payment-prod', virtualService: 'payment-service', canary: { subset: 'v2' } };
  const named = cluster === undefined ? target : { ...target, cluster };
  return ask('/v1/rollouts?dryRun=all', { target: named, plan });
}

describe('canaryd with several clusters', () => {
  it('starts although the credentials of one are missing, says so, and shows each by name', async () => {
    expect(warnings).toEqual([
      { cluster: 'lost', why: expect.stringMatching(/the kubeconfig .*lost cannot be read: ENOENT/) },
    ]);
    expect(await ask('/readyz')).toMatchObject({
      status: 200,
      body: {
        status: 'ready',
        parts: {
          database: { ok: true },
          'kubernetes:eu': { ok: true, optional: true },
          'kubernetes:us': { ok: true, optional: true },
          'kubernetes:lost': {
            ok: false,
            optional: true,
            why: 'its credentials cannot be read: the log says why',
          },
          'prometheus:eu': { ok: false, optional: true },
        },
      },
    });
  });

  it('previews on the cluster that the target names, and on no other', async () => {
    sandboxes.eu.faults.apiDown = true;
    try {
      expect(await preview('us')).toMatchObject({ status: 200, body: { target: { cluster: 'us' } } });
      expect(await preview('eu')).toMatchObject({
        status: 503,
        body: { type: '/problems/kubernetes-unavailable' },
      });
    } finally {
      sandboxes.eu.faults.apiDown = false;
    }
    expect(await preview('eu')).toMatchObject({
      status: 200,
      body: {
        target: { cluster: 'eu' },
        wouldStart: false,
        why: expect.stringMatching(/^No metrics: Prometheus at .* refused the connection; it would wait/),
        checks: [{ now: null, queries: [{ purpose: 'value' }] }],
      },
    });
    // The first write and the way back are tried, and nothing is stored.
    for (const { writes } of [sandboxes.eu, sandboxes.us])
      expect(writes.map(({ status, applied }) => ({ status, applied }))).toEqual([
        { status: 200, applied: false },
        { status: 200, applied: false },
      ]);
  });

  it('needs a target to name one of them', async () => {
    for (const cluster of [undefined, 'asia', 'default']) {
      expect(await preview(cluster)).toMatchObject({
        status: 422,
        body: { type: '/problems/cluster-unknown', detail: expect.stringContaining('"eu", "us", "lost"') },
      });
    }
  });

  it('answers for the lost one that its credentials are not accepted', async () => {
    expect(await preview('lost')).toMatchObject({
      status: 503,
      body: { type: '/problems/kubernetes-unavailable' },
    });
  });
});
