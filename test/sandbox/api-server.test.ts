import { CustomObjectsApi, KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PatchFault } from '../../src/sandbox/faults.ts';
import { at, type Json, listAt, textAt } from '../../src/sandbox/json.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { send, type WireRequest } from './https-client.ts';

const path = '/apis/networking.istio.io/v1/namespaces/payment-prod/virtualservices/payment-service';
const key = { type: virtualServices, namespace: 'payment-prod', name: 'payment-service' };

let sandbox: Sandbox;
let server: { url: string; ca: string };

beforeEach(async () => {
  sandbox = await startSandbox({ tickMs: 0 });
  const config = new KubeConfig();
  config.loadFromString(sandbox.kubeconfig);
  const ca = Buffer.from(config.getCurrentCluster()?.caData ?? '', 'base64').toString();
  server = { url: sandbox.apiUrl, ca };
});

afterEach(() => sandbox.close());

function as(token: string | null, request: Partial<WireRequest> = {}, signal?: AbortSignal) {
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
  const headers = { ...authorization, ...request.headers };
  return send(server, { method: 'GET', path, ...request, headers }, signal);
}

function patch(operations: Json, request: Partial<WireRequest> = {}, signal?: AbortSignal) {
  const headers = { 'content-type': 'application/json-patch+json' };
  return as(
    'canaryd-token',
    { method: 'PATCH', headers, body: JSON.stringify(operations), ...request },
    signal,
  );
}

function toTenPercent(version = textAt(sandbox.store.get(key), 'metadata', 'resourceVersion')): Json {
  return [
    { op: 'replace', path: '/metadata/resourceVersion', value: version },
    { op: 'replace', path: '/spec/http/0/route/0/weight', value: 90 },
    { op: 'replace', path: '/spec/http/0/route/1/weight', value: 10 },
  ];
}

function storedWeights(): (Json | undefined)[] {
  return listAt(sandbox.store.get(key), 'spec', 'http', 0, 'route').map((route) => at(route, 'weight'));
}

describe('the simulated API server', () => {
  it('is reached by the official client with the kubeconfig it hands out', async () => {
    const config = new KubeConfig();
    config.loadFromString(sandbox.kubeconfig);
    const api = config.makeApiClient(CustomObjectsApi);
    const { group, plural } = key.type;
    const found = await api.getNamespacedCustomObject({
      group,
      plural,
      version: 'v1beta1',
      namespace: key.namespace,
      name: key.name,
    });
    expect(found).toMatchObject({ apiVersion: 'networking.istio.io/v1beta1', kind: 'VirtualService' });
  });

  it('attributes a write to its field manager, user and time', async () => {
    await patch(toTenPercent(), { path: `${path}?fieldManager=canaryd` });
    expect(sandbox.writes).toMatchObject([
      { user: 'canaryd', manager: 'canaryd', status: 200, applied: true },
    ]);
    // In the order of their time, which has whole seconds.
    const fields = listAt(sandbox.store.get(key) ?? {}, 'metadata', 'managedFields');
    const managers = fields.map((entry) => textAt(entry, 'manager'));
    expect(managers.sort()).toEqual(['canaryd', 'sandbox']);
  });

  it('lets exactly one of many writers with the same resourceVersion win', async () => {
    const operations = toTenPercent();
    const replies = await Promise.all(Array.from({ length: 40 }, () => patch(operations)));
    expect(replies.filter((reply) => reply.status === 200)).toHaveLength(1);
    expect(replies.filter((reply) => reply.status === 409)).toHaveLength(39);
  });

  it('stores nothing for a dry run', async () => {
    const reply = await patch(toTenPercent(), { path: `${path}?dryRun=All` });
    expect(reply.status).toBe(200);
    expect(at(JSON.parse(reply.text), 'spec', 'http', 0, 'route', 1, 'weight')).toBe(10);
    expect(storedWeights()).toEqual([100, 0, 0]);
    expect(sandbox.writes).toMatchObject([{ applied: false }]);
  });

  it('refuses a body over 3 MiB and a patch of more than 10,000 operations', async () => {
    expect((await patch('x'.repeat(3_200_000))).status).toBe(413);
    const many = Array.from({ length: 10_001 }, () => ({
      op: 'test',
      path: '/kind',
      value: 'VirtualService',
    }));
    expect((await patch(many)).status).toBe(413);
  });

  it('refuses annotations over 256 KiB', async () => {
    const reply = await patch([
      { op: 'add', path: '/metadata/annotations', value: { big: 'x'.repeat(263 * 1024) } },
    ]);
    expect([reply.status, JSON.parse(reply.text).reason]).toEqual([422, 'Invalid']);
  });

  it('selects by label, with equality and sets', async () => {
    const count = async (selector: string) => {
      const pods = `/api/v1/namespaces/payment-prod/pods?labelSelector=${encodeURIComponent(selector)}`;
      return listAt(JSON.parse((await as('canaryd-token', { path: pods })).text), 'items').length;
    };
    expect(await count('app=payment-service')).toBe(6);
    expect(await count('app=payment-service,version in (v1, v3)')).toBe(4);
    expect(await count('version notin (v1),version!=v2')).toBe(2);
    expect(await count('version,!absent')).toBe(6);
  });

  it('pages a list by limit and continue', async () => {
    const pods = '/api/v1/namespaces/payment-prod/pods';
    const first = JSON.parse((await as('canaryd-token', { path: `${pods}?limit=4` })).text);
    expect([first.items.length, first.metadata.remainingItemCount]).toEqual([4, 2]);
    const rest = JSON.parse(
      (await as('canaryd-token', { path: `${pods}?limit=4&continue=${first.metadata.continue}` })).text,
    );
    expect([rest.items.length, rest.metadata.continue]).toEqual([2, undefined]);
  });

  it('tells a user of their rights', async () => {
    const ask = async (token: string, verb: string) => {
      const resourceAttributes = {
        namespace: 'payment-prod',
        verb,
        group: 'networking.istio.io',
        resource: 'virtualservices',
      };
      const body = JSON.stringify({ kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } });
      const review = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
      return JSON.parse((await as(token, { method: 'POST', path: review, body })).text).status.allowed;
    };
    expect([
      await ask('canaryd-token', 'patch'),
      await ask('canaryd-token', 'delete'),
      await ask('nobody-token', 'get'),
    ]).toEqual([true, false, false]);
    expect(sandbox.writes).toEqual([]);
  });

  it('changes a right while it runs', async () => {
    const canaryd = sandbox.users.findIndex((user) => user.name === 'canaryd');
    sandbox.users.splice(canaryd, 1, { name: 'canaryd', token: 'canaryd-token', rules: [] });
    expect((await patch(toTenPercent())).status).toBe(403);
  });
});

describe('a fault', () => {
  it.each<[PatchFault, number, string | null]>([
    ['unauthorized', 401, 'Unauthorized'],
    ['forbidden', 403, 'Forbidden'],
    ['conflict', 409, 'Conflict'],
    ['serverError', 500, null],
    ['webhookDown', 500, 'InternalError'],
    ['webhookTimeout', 500, 'InternalError'],
    ['etcdTimeout', 504, 'Timeout'],
  ])('%s answers %i once, stores nothing, and lets the next patch through', async (fault, status, reason) => {
    sandbox.faults.nextPatch = fault;
    const reply = await patch(toTenPercent());
    expect([reply.status, JSON.parse(reply.text).reason ?? null]).toEqual([status, reason]);
    expect(storedWeights()).toEqual([100, 0, 0]);
    expect((await patch(toTenPercent())).status).toBe(200);
  });

  it('throttle answers 429 as text, with the seconds to wait', async () => {
    sandbox.faults.nextPatch = 'throttle';
    const reply = await patch(toTenPercent());
    expect([reply.status, reply.headers['retry-after'], reply.text]).toEqual([
      429,
      '1',
      'Too many requests, please try again later.\n',
    ]);
  });

  it('lasts as everyPatch until it is taken back', async () => {
    sandbox.faults.everyPatch = 'conflict';
    expect([(await patch(toTenPercent())).status, (await patch(toTenPercent())).status]).toEqual([409, 409]);
    sandbox.faults.everyPatch = null;
    expect((await patch(toTenPercent())).status).toBe(200);
  });

  it.each([
    ['resetBeforeApply', [100, 0, 0]],
    ['resetAfterApply', [90, 10, 0]],
  ] as const)('%s cuts the connection', async (fault, weights) => {
    sandbox.faults.nextPatch = fault;
    await expect(patch(toTenPercent())).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(storedWeights()).toEqual(weights);
    expect(sandbox.writes).toMatchObject([{ status: 0, applied: fault === 'resetAfterApply' }]);
  });

  it.each([
    ['hang', [100, 0, 0]],
    ['hangAfterApply', [90, 10, 0]],
  ] as const)('%s never answers', async (fault, weights) => {
    sandbox.faults.nextPatch = fault;
    const client = new AbortController();
    const answer = patch(toTenPercent(), {}, client.signal);
    await expect.poll(() => sandbox.writes.length).toBe(1);
    client.abort();
    await expect(answer).rejects.toThrow();
    expect(storedWeights()).toEqual(weights);
  });

  it('hold lets a patch land late, after its sender has gone', async () => {
    sandbox.faults.nextPatch = 'hold';
    const client = new AbortController();
    const answer = patch(toTenPercent(), {}, client.signal);
    await expect.poll(() => sandbox.faults.heldCount()).toBe(1);
    client.abort();
    await expect(answer).rejects.toThrow();
    expect(storedWeights()).toEqual([100, 0, 0]);
    sandbox.faults.releaseHeld();
    await expect.poll(storedWeights).toEqual([90, 10, 0]);
  });

  it('hold lets a late patch lose against a write in between', async () => {
    sandbox.faults.nextPatch = 'hold';
    const late = patch(toTenPercent());
    await expect.poll(() => sandbox.faults.heldCount()).toBe(1);
    await patch([{ op: 'add', path: '/metadata/annotations', value: { 'canaryd.io/epoch': '2' } }]);
    sandbox.faults.releaseHeld();
    expect((await late).status).toBe(409);
    expect(storedWeights()).toEqual([100, 0, 0]);
  });

  it('apiDown cuts every connection until the server is back', async () => {
    sandbox.faults.apiDown = true;
    await expect(as('canaryd-token')).rejects.toThrow();
    sandbox.faults.apiDown = false;
    expect((await as('canaryd-token')).status).toBe(200);
  });

  it("of Istio's versions answer 404 for those that are not served, as without a CRD", async () => {
    sandbox.faults.istioVersions = ['v1beta1'];
    const answer = await as('canaryd-token');
    expect([answer.status, answer.text]).toEqual([404, '404 page not found\n']);
    const older = path.replace('/v1/', '/v1beta1/');
    expect((await as('canaryd-token', { path: older })).status).toBe(200);
    sandbox.faults.istioVersions = null;
    expect((await as('canaryd-token')).status).toBe(200);
  });

  it('of the webhook refuses even a patch that changes nothing', async () => {
    sandbox.faults.webhook = 'down';
    expect((await patch([])).status).toBe(500);
    sandbox.faults.webhook = 'off';
    expect((await patch([])).status).toBe(200);
  });
});

describe('closing the sandbox', () => {
  it('ends a request that hangs', async () => {
    sandbox.faults.nextPatch = 'hang';
    const outcome = patch(toTenPercent()).then(
      () => 'answered',
      () => 'cut',
    );
    await expect.poll(() => sandbox.writes.length).toBe(1);
    await sandbox.close();
    expect(await outcome).toBe('cut');
  });
});

describe('nobody', () => {
  it.each([
    ['an unknown token', 'wrong', 401],
    ['no token', null, 403],
    ['a token without rights', 'nobody-token', 403],
  ])('reads a VirtualService with %s', async (_name, token, status) => {
    expect((await as(token)).status).toBe(status);
  });
});
