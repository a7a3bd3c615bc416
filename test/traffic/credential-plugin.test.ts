import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { connectKube } from '../../src/traffic/kube.ts';
import { json, startTinyApiServer } from './tiny-api-server.ts';

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A cluster that takes one token only, and a plugin that answers what stands in a file while no file holds it. */
async function withPlugin(accepted: string) {
  const folder = await mkdtemp(join(tmpdir(), 'canaryd-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const [plugin, token, held] = ['plugin.sh', 'token', 'held'].map((name) => join(folder, name));
  if (plugin === undefined || token === undefined || held === undefined) throw new Error('no paths');
  const script = `#!/bin/sh
while [ -e ${held} ]; do sleep 0.05; done
printf '{"status":{"token":"%s"}}' "$(cat ${token})"
`;
  await writeFile(plugin, script, { mode: 0o755 });
  const server = await startTinyApiServer((request, response) =>
    request.headers.authorization === `Bearer ${accepted}`
      ? json(response, 200, { gitVersion: 'v1.33.0' })
      : json(response, 401, { kind: 'Status', code: 401 }),
  );
  cleanups.push(server.close);
  const text = server.kubeconfig.replace(/token: .*/, `exec: {command: ${plugin}, args: []}`);
  return { token, held, source: { kind: 'text' as const, text } };
}

describe('a plugin that hands out credentials', () => {
  it('and hangs when they are renewed lets every call end in its time, and is used once it answers', async () => {
    const { token, held, source } = await withPlugin('new');
    await writeFile(token, 'old');
    const kube = await connectKube(source, { readTimeoutMs: 300 });
    cleanups.push(kube.close);
    await writeFile(held, '');
    const late = {
      kind: 'unavailable',
      reason: 'timeout',
      why: "the cluster's credentials were not renewed in time",
    };
    const { signal } = new AbortController();
    expect(await kube.readVersion(signal)).toEqual(late);
    expect(await kube.readVersion(signal)).toEqual(late);
    expect(await kube.readVersion(AbortSignal.abort())).toEqual(late);
    await writeFile(token, 'new');
    await rm(held);
    await expect
      .poll(async () => (await kube.readVersion(signal)).kind, { timeout: 5000, interval: 20 })
      .toBe('found');
  });
});
