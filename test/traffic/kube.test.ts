import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { AppError } from '../../src/errors.ts';
import { connectKube, type Kube, type KubeOptions } from '../../src/traffic/kube.ts';
import type { KubeSource } from '../../src/traffic/kube-connection.ts';
import type { PatchOperation } from '../../src/traffic/patch-operation.ts';
import { destination, withRoute } from './objects.ts';
import { json, kubeconfigFor, startTinyApiServer, type TinyApiServer, text } from './tiny-api-server.ts';

const name = { namespace: 'shop', name: 'payment' };
const object = withRoute([destination('v1', 100), destination('v2', 0)]);
const patch: PatchOperation[] = [{ op: 'replace', path: '/metadata/resourceVersion', value: '41' }];
const signal = new AbortController().signal;
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(
  answer: Answer,
  options: KubeOptions = {},
): Promise<{ server: TinyApiServer; kube: Kube }> {
  const server = await startTinyApiServer(answer);
  cleanups.push(server.close);
  return { server, kube: await open({ kind: 'text', text: server.kubeconfig }, options) };
}

async function open(source: KubeSource, options: KubeOptions = {}): Promise<Kube> {
  const kube = await connectKube(source, options);
  cleanups.push(kube.close);
  return kube;
}

function status(code: number, more: object = {}): Answer {
  return (_request, response) => json(response, code, { kind: 'Status', status: 'Failure', code, ...more });
}

async function bothAnswers(answer: Answer, options?: KubeOptions) {
  const { kube } = await serve(answer, options);
  return {
    read: await kube.readVirtualService(name, signal),
    written: await kube.patchVirtualService(name, patch, signal),
  };
}

describe('many calls with one deadline', () => {
  it('are no reason for a warning of Node', async () => {
    const { kube } = await serve(status(404, { reason: 'NotFound' }));
    const warnings: string[] = [];
    const listen = ({ message }: Error) => void warnings.push(message);
    process.on('warning', listen);
    const { signal: deadline } = new AbortController();
    await Promise.all(Array.from({ length: 30 }, () => kube.readVirtualService(name, deadline)));
    process.off('warning', listen);
    expect(warnings).toEqual([]);
  });
});

describe('a refusal by the API server', () => {
  it.each([
    [403, { reason: 'Forbidden', message: 'no' }, 'forbidden'],
    [401, {}, 'unauthorized'],
    [400, { message: 'admission webhook denied the request' }, 'denied'],
    [400, { reason: 'BadRequest', message: 'no' }, 'invalid'],
    [422, { reason: 'Invalid', message: 'no', details: { causes: [{ field: 'spec' }] } }, 'invalid'],
  ])('with %i %j is the same for a read and a write', async (code, more, reason) => {
    const { read, written } = await bothAnswers(status(code, more));
    expect(read).toMatchObject({ kind: 'unavailable', reason });
    expect(written).toMatchObject({ kind: 'unavailable', reason });
  });

  it('keeps the message of the server and nothing of its headers', async () => {
    const { read } = await bothAnswers((_request, response) => {
      response.setHeader('set-cookie', 'session=very-secret');
      status(403, { message: 'you\nmay not' })(_request, response);
    });
    expect(read).toEqual({
      kind: 'unavailable',
      reason: 'forbidden',
      why: 'the API server answered 403: you may not',
    });
  });

  it('that throttles says how long to wait', async () => {
    const { read, written } = await bothAnswers((_request, response) => {
      response.setHeader('retry-after', '7');
      text(response, 429, 'Too many requests, please try again later.');
    });
    expect(read).toMatchObject({ reason: 'throttled', why: expect.stringContaining('after 7 s') });
    expect(written).toMatchObject({ reason: 'throttled' });
  });

  it('of an object that is not there is `missing`', async () => {
    const { read, written } = await bothAnswers(status(404, { reason: 'NotFound' }));
    expect([read, written]).toEqual([{ kind: 'missing' }, { kind: 'missing' }]);
  });

  it('of a stale write is a conflict', async () => {
    expect((await bothAnswers(status(409, { reason: 'Conflict' }))).written).toEqual({ kind: 'conflict' });
  });

  it('of a patch whose paths are gone meanwhile is a conflict too', async () => {
    expect((await bothAnswers(status(422, { reason: 'Invalid', details: {} }))).written).toEqual({
      kind: 'conflict',
    });
  });

  it.each([500, 502, 503, 504])('with %i leaves open whether a write has landed', async (code) => {
    const { read, written } = await bothAnswers((_request, response) => text(response, code, 'oops'));
    expect(read).toMatchObject({ kind: 'unavailable', reason: 'serverError' });
    expect(written.kind).toBe('ambiguous');
  });
});

describe('an answer that nobody can use', () => {
  const answers: [string, Answer][] = [
    ['a page of HTML', (_request, response) => text(response, 200, '<html></html>', 'text/html')],
    ['a text', (_request, response) => text(response, 200, 'ok')],
    ['broken JSON', (_request, response) => text(response, 200, '{"kind":', 'application/json')],
    ['another object', (_request, response) => json(response, 200, { kind: 'Status', status: 'Success' })],
    ['an object without a version', (_request, response) => json(response, 200, withoutVersion())],
  ];

  it.each(answers)('is %s: unreadable for a read, open for a write', async (_name, answer) => {
    const { read, written } = await bothAnswers(answer);
    expect(read).toMatchObject({ kind: 'unavailable', reason: 'unreadable' });
    expect(written.kind).toBe('ambiguous');
  });
});

function withoutVersion(): object {
  return { ...object, metadata: { ...object.metadata, resourceVersion: '' } };
}

describe('a network that fails', () => {
  it('before a connection stands has not sent the write', async () => {
    const server = await startTinyApiServer(() => undefined);
    await server.close();
    const kube = await open({ kind: 'text', text: server.kubeconfig });
    const expected = {
      kind: 'unavailable',
      reason: 'unreachable',
      why: expect.stringContaining('ECONNREFUSED'),
    };
    expect(await kube.readVirtualService(name, signal)).toMatchObject(expected);
    expect(await kube.patchVirtualService(name, patch, signal)).toMatchObject(expected);
  });

  it('after the request was sent leaves open whether a write has landed', async () => {
    const { read, written } = await bothAnswers((_request, response) => response.destroy());
    expect(read).toMatchObject({ kind: 'unavailable', reason: 'unreachable' });
    expect(written.kind).toBe('ambiguous');
  });

  it('in the middle of the answer leaves it open, too', async () => {
    const { read, written } = await bothAnswers((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '900' });
      response.write('{"kind":', () => response.destroy());
    });
    expect(read.kind).toBe('unavailable');
    expect(written.kind).toBe('ambiguous');
  });

  it('by silence ends at the deadline', async () => {
    const { read, written } = await bothAnswers(() => undefined, { readTimeoutMs: 30, writeTimeoutMs: 30 });
    expect(read).toMatchObject({ kind: 'unavailable', reason: 'timeout' });
    expect(written.kind).toBe('ambiguous');
  });

  it('by an answer that never ends is cut at the deadline', async () => {
    const drip: Answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{');
    };
    const { read, written } = await bothAnswers(drip, { readTimeoutMs: 30, writeTimeoutMs: 30 });
    expect(read).toMatchObject({ kind: 'unavailable', reason: 'timeout' });
    expect(written.kind).toBe('ambiguous');
  });

  it('ends when the caller gives up', async () => {
    const caller = new AbortController();
    const { kube } = await serve(() => caller.abort());
    expect(await kube.readVirtualService(name, caller.signal)).toMatchObject({ reason: 'timeout' });
  });

  it('is not even tried when the caller has given up before', async () => {
    const { kube, server } = await serve(status(500));
    const late = AbortSignal.abort();
    expect(await kube.patchVirtualService(name, patch, late)).toMatchObject({ reason: 'timeout' });
    expect(server.requests).toEqual([]);
  });
});

describe('a request', () => {
  it('is a JSON Patch in the name of canaryd', async () => {
    const types: (string | undefined)[] = [];
    const { kube, server } = await serve((request, response) => {
      types.push(request.headers['content-type']);
      json(response, 200, object);
    });
    expect((await kube.patchVirtualService(name, patch, signal)).kind).toBe('written');
    expect(types).toEqual(['application/json-patch+json']);
    expect(server.requests).toEqual([
      'PATCH /apis/networking.istio.io/v1/namespaces/shop/virtualservices/payment?fieldManager=canaryd',
    ]);
  });

  it('never leaves for a name that would walk up the path', async () => {
    const { kube, server } = await serve(status(500));
    for (const bad of ['..', '', 'a/b', 'A', 'a..b', '.a', 'x'.repeat(254)]) {
      const invalid = { kind: 'unavailable', reason: 'invalid' };
      expect(await kube.readVirtualService({ namespace: 'shop', name: bad }, signal)).toMatchObject(invalid);
      expect(await kube.patchVirtualService({ namespace: bad, name: 'x' }, patch, signal)).toMatchObject(
        invalid,
      );
      expect(await kube.readService({ namespace: 'shop', name: bad }, signal)).toMatchObject(invalid);
      expect(await kube.listPods(bad, {}, signal)).toMatchObject(invalid);
      expect(await kube.listDestinationRules(bad, signal)).toMatchObject(invalid);
    }
    expect(server.requests).toEqual([]);
  });

  it('reads a VirtualService whose name has dots, and no namespace like that', async () => {
    const { kube, server } = await serve((_request, response) => json(response, 200, object));
    const dotted = { namespace: 'shop', name: 'payment.example.com' };
    expect((await kube.readVirtualService(dotted, signal)).kind).toBe('found');
    const walked = await kube.readVirtualService({ namespace: 'a.b', name: 'payment' }, signal);
    expect(walked).toMatchObject({ kind: 'unavailable', reason: 'invalid' });
    expect(server.requests).toEqual([
      'GET /apis/networking.istio.io/v1/namespaces/shop/virtualservices/payment.example.com',
    ]);
  });

  it('does not open a connection of its own', async () => {
    const { kube, server } = await serve((_request, response) => json(response, 200, object));
    for (let count = 0; count < 20; count += 1) await kube.readVirtualService(name, signal);
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  it('shares at most 8 connections with those at the same time', async () => {
    const { kube, server } = await serve((_request, response) => json(response, 200, object));
    const read = () => kube.readVirtualService(name, new AbortController().signal);
    await Promise.all(Array.from({ length: 40 }, read));
    expect(server.connections()).toBeLessThanOrEqual(8);
  });
});

describe('a call that brings traffic back', () => {
  const busyWith = 100;

  /** All that was asked before is not answered, and what was not sent yet waits for a connection. */
  async function busy() {
    let isSlow = true;
    const unanswered: ServerResponse[] = [];
    const { kube, server } = await serve(
      (_request, response) => {
        if (isSlow) unanswered.push(response);
        else json(response, 200, object);
      },
      { readTimeoutMs: 5000 },
    );
    const reads = Array.from({ length: busyWith }, () =>
      kube.readVirtualService(name, new AbortController().signal),
    );
    await expect.poll(() => unanswered.length).toBe(8);
    isSlow = false;
    const letGo = () => {
      for (const response of unanswered) json(response, 200, object);
    };
    return { kube, server, reads, letGo };
  }

  it('is answered at once while every other connection is busy', async () => {
    const { kube, server, reads, letGo } = await busy();
    let answered = 0;
    for (const read of reads) void read.then(() => (answered += 1));
    const { urgent } = kube;
    expect((await urgent.readVirtualService(name, signal)).kind).toBe('found');
    expect((await urgent.patchVirtualService(name, patch, signal)).kind).toBe('written');
    const lists = await Promise.all([
      urgent.listPods('shop', {}, signal),
      urgent.listReplicaSets('shop', {}, signal),
    ]);
    expect(lists.map(({ kind }) => kind)).not.toContain('timeout');
    expect(answered).toBe(0);
    expect(server.requests).toHaveLength(8 + 4);
    letGo();
    expect((await Promise.all(reads)).map(({ kind }) => kind)).toEqual(Array(busyWith).fill('found'));
  });

  it('has no more than 8 connections of its own', async () => {
    const { kube, server } = await serve((_request, response) => json(response, 200, object));
    const read = () => kube.urgent.readVirtualService(name, new AbortController().signal);
    await Promise.all(Array.from({ length: 40 }, read));
    expect(server.connections()).toBeLessThanOrEqual(8);
  });

  it('knows the API version and the credentials that other calls have found out', async () => {
    const { kube, server } = await serve((request, response) =>
      request.url?.includes('/v1beta1/') === true
        ? json(response, 200, object)
        : text(response, 404, '404 page not found\n'),
    );
    await kube.readVirtualService(name, signal);
    await kube.urgent.patchVirtualService(name, patch, signal);
    expect(server.requests.map((line) => line.split('/')[3])).toEqual(['v1', 'v1beta1', 'v1beta1']);
  });
});

describe("Istio's API version", () => {
  const onlyBeta: Answer = (request, response) =>
    request.url?.includes('/v1beta1/') === true
      ? json(response, 200, object)
      : text(response, 404, '404 page not found\n');

  it('falls back to v1beta1 where v1 is not served, and remembers it', async () => {
    const { kube, server } = await serve(onlyBeta);
    expect((await kube.readVirtualService(name, signal)).kind).toBe('found');
    expect((await kube.patchVirtualService(name, patch, signal)).kind).toBe('written');
    expect(server.requests.map((line) => line.split('/')[3])).toEqual(['v1', 'v1beta1', 'v1beta1']);
  });

  it('falls back to v1alpha3 on an Istio that is older still', async () => {
    const { kube, server } = await serve((request, response) =>
      request.url?.includes('/v1alpha3/') === true
        ? json(response, 200, object)
        : text(response, 404, '404 page not found\n'),
    );
    expect((await kube.readVirtualService(name, signal)).kind).toBe('found');
    expect((await kube.patchVirtualService(name, patch, signal)).kind).toBe('written');
    expect(server.requests.map((line) => line.split('/')[3])).toEqual([
      'v1',
      'v1beta1',
      'v1alpha3',
      'v1alpha3',
    ]);
  });

  it('is said to be missing when no version is served', async () => {
    const { kube } = await serve((_request, response) => text(response, 404, '404 page not found\n'));
    expect(await kube.readVirtualService(name, signal)).toMatchObject({
      reason: 'invalid',
      why: expect.stringContaining('is Istio installed?'),
    });
  });
});

describe('credentials', () => {
  const wantsToken =
    (token: string): Answer =>
    (request, response) =>
      request.headers.authorization === `Bearer ${token}`
        ? json(response, 200, object)
        : json(response, 401, { kind: 'Status', code: 401 });

  it('are read again, once, when the server no longer accepts them', async () => {
    const server = await startTinyApiServer(wantsToken('new'));
    cleanups.push(server.close);
    const folder = await mkdtemp(join(tmpdir(), 'canaryd-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const path = join(folder, 'kubeconfig');
    await writeFile(path, kubeconfigFor(server.url, 'old'));
    const kube = await open({ kind: 'file', path });
    await writeFile(path, kubeconfigFor(server.url, 'new'));
    const outcomes = await Promise.all([
      kube.patchVirtualService(name, patch, signal),
      kube.readVirtualService(name, signal),
    ]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['written', 'found']);
    await rm(path);
    expect((await kube.readVirtualService(name, signal)).kind).toBe('found');
  });

  it('that stay wrong end in one retry', async () => {
    const { kube, server } = await serve(wantsToken('other'));
    expect(await kube.readVirtualService(name, signal)).toMatchObject({ reason: 'unauthorized' });
    expect(server.requests).toHaveLength(2);
  });

  it.each([
    ['is not there', { kind: 'file', path: '/nowhere/kubeconfig' }],
    ['is no YAML', { kind: 'text', text: 'users: [{token: very-secret' }],
    ['has no cluster', { kind: 'text', text: 'kind: Config' }],
    ['wants a proxy', { kind: 'text', text: withProxy() }],
  ] satisfies [string, KubeSource][])('are refused when the kubeconfig %s', async (_name, source) => {
    const error: AppError = await connectKube(source).then(
      () => expect.unreachable(),
      (reason: AppError) => reason,
    );
    expect(error).toMatchObject({ name: 'AppError', code: 'configuration' });
    expect(`${error.message}${String(error.cause)}`).not.toContain('very-secret');
  });
});

function withProxy(): string {
  return kubeconfigFor('https://cluster.test', 'very-secret').replace(
    'insecure-skip',
    'proxy-url: http://proxy.test\n      insecure-skip',
  );
}
