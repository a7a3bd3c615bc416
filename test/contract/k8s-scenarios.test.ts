import {
  CustomObjectsApi,
  KubeConfig,
  type KubernetesObject,
  makeInformer,
  Watch,
} from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { at, type Json, objectAt, textAt } from '../../src/sandbox/json.ts';
import { send } from '../sandbox/https-client.ts';
import { readFixture } from './k8s-recording.ts';
import { openStage, type Stage } from './k8s-stage.ts';

const Tally = z.looseObject({
  name: z.string(),
  tally: z.record(z.string(), z.number()),
  generationDelta: z.number().optional(),
  /** How many of the annotations are there in the end. */
  kept: z.number().optional(),
});
const tallies = z.array(Tally).parse(readFixture('scenarios/tallies.json'));
const ClientWatch = z.looseObject({ recording: z.string(), name: z.string(), resolved: z.json() });
const clientWatches = z.array(ClientWatch).parse(readFixture('scenarios/client-watches.json'));

const collection = '/apis/networking.istio.io/v1/namespaces/demo/virtualservices';
const group = { group: 'networking.istio.io', version: 'v1', namespace: 'demo', plural: 'virtualservices' };

function virtualService(name: string) {
  const route = [{ destination: { host: 'reviews', subset: 'stable' }, weight: 100 }];
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace: 'demo' },
    spec: { hosts: ['reviews'], http: [{ name: 'primary', route }] },
  };
}

let stage: Stage;

beforeEach(async () => {
  stage = await openStage(['b', 'c', 'cn', 'reviews'].map(virtualService));
});
afterEach(() => stage.server.close());

describe('many writers at once', () => {
  it.each(tallies)('$name end as recorded', async ({ name, tally, generationDelta, kept }) => {
    const before = await readReviews();
    const count = Number(/^\d+/.exec(name)?.[0]);
    const replies = await Promise.all(
      Array.from({ length: count }, (_, index) => writeOf(name, before, index)),
    );
    const seen: Record<string, number> = {};
    for (const { status, text } of replies) {
      const key = status < 300 ? String(status) : `${status} ${textAt(JSON.parse(text), 'reason')}`;
      seen[key] = (seen[key] ?? 0) + 1;
    }
    expect(seen).toEqual(tally);
    const after = await readReviews();
    const generation = (object: Json) => Number(at(object, 'metadata', 'generation'));
    if (generationDelta !== undefined) expect(generation(after) - generation(before)).toBe(generationDelta);
    if (kept !== undefined)
      expect(Object.keys(objectAt(after, 'metadata', 'annotations'))).toHaveLength(kept);
  });
});

async function readReviews(): Promise<Json> {
  const headers = { authorization: 'Bearer admin-token' };
  return JSON.parse(
    (await send(stage.server, { method: 'GET', path: `${collection}/reviews`, headers })).text,
  );
}

function writeOf(name: string, before: Json, index: number) {
  const version = textAt(before, 'metadata', 'resourceVersion');
  const weight = { op: 'replace', path: '/spec/http/0/route/0/weight', value: index + 1 };
  const first = {
    op: name.includes('test') ? 'test' : 'replace',
    path: '/metadata/resourceVersion',
    value: version,
  };
  if (name.includes('PUT')) return write('PUT', 'application/json', weighted(before, index));
  if (name.includes('merge')) {
    const body = { metadata: { annotations: { [`k${index}`]: 'x' } } };
    return write('PATCH', 'application/merge-patch+json', body);
  }
  return write('PATCH', 'application/json-patch+json', name.includes('without') ? [weight] : [first, weight]);
}

function weighted(object: Json, weight: number): Json {
  const text = JSON.stringify(object).replace('"weight":100', `"weight":${weight}`);
  return JSON.parse(text);
}

function write(method: string, contentType: string, body: Json) {
  const headers = { authorization: 'Bearer admin-token', 'content-type': contentType };
  return send(stage.server, { method, path: `${collection}/reviews`, headers, body: JSON.stringify(body) });
}

describe('the official client', () => {
  const recorded = (name: string) => clientWatches.filter((one) => one.name === name);

  it.each(recorded('watch'))('watches from a list as in $recording', async ({ resolved }) => {
    const api = configFor('admin-token').makeApiClient(CustomObjectsApi);
    const list = ListVersion.parse(await api.listNamespacedCustomObject(group));
    const query = { resourceVersion: list.metadata.resourceVersion, allowWatchBookmarks: true };
    const seen = await watch(query, () => setWeight(33));
    expect(seen.doneErr).toBeNull();
    expect(seen.events.map(({ type }) => type)).toEqual(
      Watched.parse(resolved).events.map(({ type }) => type),
    );
  });

  it.each(recorded('watch-410'))('is told of a version that is too old as in $recording', async ({
    resolved,
  }) => {
    const { events } = Watched.parse(resolved);
    const seen = await watch({ resourceVersion: '1' }, async () => undefined);
    const message = expect.stringContaining('too old resource version: 1 (');
    expect(seen).toEqual({
      doneErr: null,
      events: events.map(({ type, obj }) => ({ type, obj: { ...obj, message } })),
    });
  });

  it.each(recorded('watch-401'))('is refused without a right as in $recording', async ({ resolved }) => {
    const seen = await watch({}, async () => undefined, 'wrong');
    expect(seen.events).toEqual(Watched.parse(resolved).events);
    expect(seen.doneErr).toMatchObject({ message: 'Unauthorized', statusCode: 401 });
  });

  it.each(recorded('informer'))('keeps an informer up to date as in $recording', async ({ resolved }) => {
    const seen = await inform();
    expect(seen).toEqual(z.array(z.tuple([z.string(), z.string()])).parse(resolved));
  });
});

const ListVersion = z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string() }) });
const Watched = z.looseObject({
  events: z.array(z.looseObject({ type: z.string(), obj: z.looseObject({}).optional() })),
  doneErr: z.unknown(),
});

function configFor(token: string): KubeConfig {
  const { url, ca } = stage.server;
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: 'stage', server: url, caData: Buffer.from(ca).toString('base64'), skipTLSVerify: false },
    { name: 'user', token },
  );
  return config;
}

function setWeight(weight: number) {
  return write('PATCH', 'application/json-patch+json', [
    { op: 'replace', path: '/spec/http/0/route/0/weight', value: weight },
  ]);
}

/** Everything the client reported until the watch was over; its time passes once `meanwhile` is done. */
async function watch(
  query: Record<string, string | boolean>,
  meanwhile: () => Promise<unknown>,
  token = 'admin-token',
) {
  const events: { type: string; obj: unknown }[] = [];
  const over = deferred<unknown>();
  await new Watch(configFor(token)).watch(
    collection,
    { ...query, timeoutSeconds: 2 },
    (type, obj) => events.push({ type, obj }),
    (error) => over.resolve(error ?? null),
  );
  await meanwhile();
  stage.clock.pass(2000);
  return { doneErr: await over.promise, events: events.filter(({ type }) => type !== 'BOOKMARK') };
}

async function inform(): Promise<[string, string][]> {
  const seen: [string, string][] = [];
  const config = configFor('admin-token');
  const api = config.makeApiClient(CustomObjectsApi);
  const informer = makeInformer<KubernetesObject>(config, collection, () =>
    api.listNamespacedCustomObject(group),
  );
  const changed = deferred<null>();
  const ended = deferred<null>();
  for (const event of ['add', 'update', 'delete'] as const) {
    informer.on(event, (object) => {
      seen.push([event, object.metadata?.name ?? '']);
      if (event === 'update') changed.resolve(null);
    });
  }
  informer.on('connect', () => seen.push(['connect', '']));
  informer.on('error', (error) => {
    seen.push(['error', String(error)]);
    ended.resolve(null);
  });
  await informer.start();
  await touchCn();
  await changed.promise;
  await informer.stop();
  await ended.promise;
  return seen;
}

function touchCn() {
  const headers = { authorization: 'Bearer admin-token', 'content-type': 'application/merge-patch+json' };
  const body = JSON.stringify({ metadata: { labels: { touched: 'yes' } } });
  return send(stage.server, { method: 'PATCH', path: `${collection}/cn`, headers, body });
}

type Deferred<Value> = { promise: Promise<Value>; resolve(value: Value): void };

function deferred<Value>(): Deferred<Value> {
  let resolve: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((done) => {
    resolve = done;
  });
  return { promise, resolve: (value) => resolve(value) };
}
