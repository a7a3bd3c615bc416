import { request } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { type JsonObject, textAt } from '../../src/sandbox/json.ts';
import { namespaces, virtualServices } from '../../src/sandbox/resources.ts';
import { startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { inProcess } from './in-process.ts';

const collection = '/apis/networking.istio.io/v1/namespaces/demo/virtualservices';

function virtualService(name: string, labels: Record<string, string> = {}): JsonObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace: 'demo', labels },
    spec: { hosts: [name] },
  };
}

const typesOf = (events: JsonObject[]) => events.map(({ type }) => type);

describe('a watch', () => {
  it('ends by itself after timeoutSeconds, and after half an hour when none is given', () => {
    const server = inProcess();
    const short = server.watch(`${collection}?watch=1&timeoutSeconds=3`);
    const long = server.watch(`${collection}?watch=1`);
    server.clock.pass(2999);
    expect(short.isOver()).toBe(false);
    server.clock.pass(1);
    expect([short.isOver(), long.isOver()]).toEqual([true, false]);
    server.clock.pass(1_800_000);
    expect(long.isOver()).toBe(true);
    storeObject(server.store, virtualService('late'));
    expect([...short.events, ...long.events]).toEqual([]);
  });

  it('sends nothing more to a client that has gone', () => {
    const server = inProcess();
    const watch = server.watch(`${collection}?watch=1&allowWatchBookmarks=true`);
    watch.leave();
    storeObject(server.store, virtualService('late'));
    server.clock.pass(1_800_000);
    expect([watch.events, watch.isOver()]).toEqual([[], false]);
  });

  it('marks its place once a minute and shortly before the end, when asked to', () => {
    const server = inProcess();
    const asked = server.watch(`${collection}?watch=1&timeoutSeconds=130&allowWatchBookmarks=true`);
    const unasked = server.watch(`${collection}?watch=1&timeoutSeconds=130`);
    server.clock.pass(130_000);
    expect(typesOf(asked.events)).toEqual(['BOOKMARK', 'BOOKMARK', 'BOOKMARK']);
    expect(unasked.events).toEqual([]);
  });

  it('from a forgotten version is one error and the end', () => {
    const server = inProcess();
    const version = server.store.version();
    storeObject(server.store, virtualService('a'));
    server.store.history.forget();
    const watch = server.watch(`${collection}?watch=1&resourceVersion=${version}`);
    const object = { kind: 'Status', reason: 'Expired', code: 410 };
    expect(watch.events).toMatchObject([{ type: 'ERROR', object }]);
    expect(watch.isOver()).toBe(true);
  });

  it('forgets the oldest changes by itself', () => {
    const server = inProcess();
    const version = server.store.version();
    for (let index = 0; index <= 1000; index += 1) {
      storeObject(server.store, virtualService('a', { index: String(index) }));
    }
    expect(server.store.history.since(version)).toBeNull();
    expect(server.store.history.since(version + 1)).toHaveLength(1000);
    const path = `${collection}?resourceVersion=${version}&resourceVersionMatch=Exact`;
    expect(server.ask('GET', path).status).toBe(410);
  });

  it('sees only its namespace and kind', () => {
    const server = inProcess();
    const watch = server.watch(`${collection}?watch=1`);
    storeObject(server.store, { ...virtualService('a'), metadata: { name: 'a', namespace: 'other' } });
    storeObject(server.store, { kind: 'Pod', metadata: { name: 'a', namespace: 'demo' } });
    expect(watch.events).toEqual([]);
  });

  it('over the wire is cut with every other connection when the server is gone', async () => {
    const sandbox = await startSandbox({ tickMs: 0 });
    const config = new KubeConfig();
    config.loadFromString(sandbox.kubeconfig);
    const ca = Buffer.from(config.getCurrentCluster()?.caData ?? '', 'base64');
    const cut = await new Promise((resolve) => {
      const path = '/apis/networking.istio.io/v1/virtualservices?watch=1';
      const headers = { authorization: 'Bearer admin-token' };
      const sent = request(`${sandbox.apiUrl}${path}`, { ca, headers, agent: false }, (reply) => {
        reply.once('data', () => {
          sandbox.faults.apiDown = true;
          storeObject(sandbox.store, virtualService('unseen'));
        });
        reply.on('error', resolve);
        reply.on('end', () => resolve('ended'));
      });
      sent.on('error', resolve);
      sent.end();
    });
    expect(cut).toMatchObject({ code: 'ECONNRESET' });
    await sandbox.close();
  });
});

describe('a list', () => {
  it('shows each page as things stood at the first, whatever happened in between', () => {
    const server = inProcess();
    for (const name of ['a', 'b', 'c']) storeObject(server.store, virtualService(name));
    const first = server.ask('GET', `${collection}?limit=1`);
    const token = textAt(Object(first.body), 'metadata', 'continue');
    server.ask('DELETE', `${collection}/b`);
    storeObject(server.store, virtualService('bb'));
    const rest = Object(server.ask('GET', `${collection}?limit=5&continue=${token}`).body);
    expect(rest.items.map((item: JsonObject) => textAt(item, 'metadata', 'name'))).toEqual(['b', 'c']);
    expect(rest.metadata.resourceVersion).toBe(textAt(Object(first.body), 'metadata', 'resourceVersion'));
  });

  it('goes on without a promise when that is forgotten, if the client wants to', () => {
    const server = inProcess();
    for (const name of ['a', 'b', 'c']) storeObject(server.store, virtualService(name));
    const token = textAt(Object(server.ask('GET', `${collection}?limit=1`).body), 'metadata', 'continue');
    server.ask('DELETE', `${collection}/b`);
    server.store.history.forget();
    const expired = server.ask('GET', `${collection}?limit=1&continue=${token}`);
    expect([expired.status, Object(expired.body).reason]).toEqual([410, 'Expired']);
    const other = textAt(Object(expired.body), 'metadata', 'continue');
    const rest = Object(server.ask('GET', `${collection}?continue=${other}`).body);
    expect(rest.items.map((item: JsonObject) => textAt(item, 'metadata', 'name'))).toEqual(['c']);
  });
});

describe('a namespace', () => {
  const place = { type: namespaces, namespace: '', name: 'fresh' };
  const inside = '/apis/networking.istio.io/v1/namespaces/fresh/virtualservices';
  const object = (name: string, finalizers: string[] = []) => ({
    ...virtualService(name),
    metadata: { name, finalizers },
  });

  it('can be created, filled, deleted, and created again', () => {
    const server = inProcess();
    const create = () =>
      server.ask('POST', '/api/v1/namespaces', {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'fresh' },
      });
    expect(create().body).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': 'fresh' } },
      status: { phase: 'Active' },
    });
    expect(server.ask('POST', inside, object('a')).status).toBe(201);
    expect(server.ask('DELETE', '/api/v1/namespaces/fresh').body).toMatchObject({
      status: { phase: 'Terminating' },
    });
    expect(server.ask('POST', inside, object('b')).status).toBe(403);
    server.clock.pass(1000);
    expect(server.store.get(place)).toBeNull();
    expect(server.store.list(virtualServices)).toEqual([]);
    expect(create().status).toBe(201);
  });

  it('stays until the last finalizer in it is gone', () => {
    const server = inProcess();
    server.ask('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'fresh' },
    });
    server.ask('POST', inside, object('a', ['a.io/b']));
    server.ask('DELETE', '/api/v1/namespaces/fresh');
    server.clock.pass(1000);
    expect(server.store.get(place)).not.toBeNull();
    server.ask('PATCH', `${inside}/a`, { metadata: { finalizers: null } }, 'application/merge-patch+json');
    server.clock.pass(1000);
    expect(server.store.get(place)).toBeNull();
  });
});
