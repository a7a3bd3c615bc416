import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { connectKube, type Kube } from '../../src/traffic/kube.ts';
import type { KubeSource } from '../../src/traffic/kube-connection.ts';
import type { Opened } from '../../src/traffic/open-path.ts';
import { json, kubeconfigFor, startTinyApiServer, type TinyApiServer } from './tiny-api-server.ts';

type Answer = Parameters<typeof startTinyApiServer>[0];

const cleanups: (() => Promise<void>)[] = [];
const query = new URLSearchParams({ watch: 'true' });
const signal = new AbortController().signal;

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function serve(answer: Answer): Promise<{ server: TinyApiServer; kube: Kube }> {
  const server = await startTinyApiServer(answer);
  cleanups.push(server.close);
  return { server, kube: await connected({ kind: 'text', text: server.kubeconfig }) };
}

async function connected(source: KubeSource): Promise<Kube> {
  const kube = await connectKube(source);
  cleanups.push(kube.close);
  return kube;
}

function openPods(kube: Kube, until = signal): Promise<Opened> {
  return kube.openList({ resource: 'pods', namespace: 'shop', query }, until);
}

async function textOf(opened: Opened): Promise<string> {
  if (opened.kind !== 'open') throw new Error(JSON.stringify(opened));
  const chunks: Uint8Array[] = [];
  for await (const chunk of opened.chunks) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('a list that is opened', () => {
  it.each([
    ['pods', '/api/v1/namespaces/shop/pods?watch=true'],
    ['replicasets', '/apis/apps/v1/namespaces/shop/replicasets?watch=true'],
    ['virtualservices', '/apis/networking.istio.io/v1/namespaces/shop/virtualservices?watch=true'],
  ] as const)('asks for %s where the API has them, with our token', async (resource, path) => {
    const { kube, server } = await serve((_request, response) => json(response, 200, {}));
    expect(await textOf(await kube.openList({ resource, namespace: 'shop', query }, signal))).toBe('{}');
    expect(server.requests).toEqual([`GET ${path}`]);
    expect(server.credentials).toEqual(['Bearer a-token']);
  });

  it('of a namespace that is no name is not asked for', async () => {
    const { kube, server } = await serve((_request, response) => json(response, 200, {}));
    expect(await kube.openList({ resource: 'pods', namespace: '../nodes', query }, signal)).toMatchObject({
      kind: 'broken',
    });
    expect(server.requests).toEqual([]);
  });

  it('says with which code it was refused', async () => {
    const forbidden = { kind: 'Status', code: 403, message: 'pods is forbidden' };
    const { kube } = await serve((_request, response) => json(response, 403, forbidden));
    expect(await openPods(kube)).toMatchObject({
      kind: 'refused',
      refusal: { code: 403, status: { message: 'pods is forbidden' } },
    });
  });

  it('is not followed to another server', async () => {
    const { kube } = await serve((_request, response) => {
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
    });
    expect(await openPods(kube)).toMatchObject({ refusal: { code: 302 } });
  });

  it('is broken when the server is not there', async () => {
    const { kube, server } = await serve((_request, response) => json(response, 200, {}));
    await server.close();
    expect(await openPods(kube)).toMatchObject({
      kind: 'broken',
      why: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('throws while it is read when the connection breaks', async () => {
    const { kube } = await serve((_request, response) => {
      response.writeHead(200).write('{"type":"ADDED"');
      setImmediate(() => response.destroy());
    });
    const opened = await openPods(kube);
    await expect(textOf(opened)).rejects.toThrow();
  });

  it('ends at the signal, before the headers and after them', async () => {
    let sendsHeaders = false;
    const { kube } = await serve((_request, response) => {
      if (sendsHeaders) response.writeHead(200).flushHeaders();
    });
    const early = new AbortController();
    const waiting = openPods(kube, early.signal);
    early.abort();
    expect(await waiting).toMatchObject({ kind: 'broken', how: 'timeout' });
    sendsHeaders = true;
    const late = new AbortController();
    const reading = textOf(await openPods(kube, late.signal));
    late.abort();
    await expect(reading).rejects.toThrow();
  });

  it('is asked for again with credentials that were renewed', async () => {
    const server = await startTinyApiServer((request, response) => {
      const isNew = request.headers.authorization === 'Bearer new';
      json(response, isNew ? 200 : 401, isNew ? {} : { kind: 'Status', code: 401 });
    });
    cleanups.push(server.close);
    const folder = await mkdtemp(join(tmpdir(), 'canaryd-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const path = join(folder, 'kubeconfig');
    await writeFile(path, kubeconfigFor(server.url, 'old'));
    const kube = await connected({ kind: 'file', path });
    await writeFile(path, kubeconfigFor(server.url, 'new'));
    expect(await textOf(await openPods(kube))).toBe('{}');
    expect(server.credentials).toEqual(['Bearer old', 'Bearer new']);
  });
});
