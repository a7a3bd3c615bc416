import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Mesh, Rehearsal, SplitView } from '../../src/rollout/ports/mesh.ts';
import type { Target } from '../../src/rollout/target.ts';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { istioMesh } from '../../src/traffic/istio.ts';
import { connectKube, type Kube } from '../../src/traffic/kube.ts';
import { namespace, virtualServiceObject, weightsOf } from './sandbox-mesh.ts';

const where = { namespace, virtualService: 'payment' };
const write = { share: 5, rolloutId: 'ro_1', epoch: 1, end: false };
const signal = new AbortController().signal;

let sandbox: Sandbox;
let kube: Kube;
let mesh: Mesh;
let target: Target;
let view: SplitView;

beforeEach(async () => {
  sandbox = await startSandbox({ tickMs: 0 });
  storeObject(sandbox.store, virtualServiceObject(where, { v1: 100, v2: 0 }));
  kube = await connectKube({ kind: 'text', text: sandbox.kubeconfig });
  mesh = istioMesh(kube, { clusterDomain: 'cluster.local' });
  const resolution = await mesh.resolve({ cluster: 'default', ...where }, signal);
  if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
  target = resolution.target;
  const seen = await mesh.look(target, signal);
  if (seen.kind !== 'split') throw new Error(JSON.stringify(seen));
  view = seen;
});
afterEach(async () => {
  await kube.close();
  await sandbox.close();
});

const rehearse = (over: Partial<typeof write> = {}): Promise<Rehearsal> =>
  mesh.rehearse(target, view, { ...write, ...over }, signal);

describe('a rehearsal of a write', () => {
  it('sends the patch that a turn would send, and stores nothing', async () => {
    expect(await rehearse()).toEqual({ kind: 'accepted' });
    expect(weightsOf(sandbox, where)).toEqual([100, 0]);
    await mesh.write(target, view, write, signal);
    expect(weightsOf(sandbox, where)).toEqual([95, 5]);
    const [dry, real] = sandbox.writes.filter(({ method }) => method === 'PATCH');
    expect([dry?.applied, real?.applied]).toEqual([false, true]);
    expect(dry?.body).toBe(real?.body);
  });

  it('tries the way back from weights at rest', async () => {
    expect(await rehearse({ share: 0, end: true })).toEqual({ kind: 'accepted' });
  });

  it('tells what a webhook denies, in its words', async () => {
    sandbox.faults.webhook = 'up';
    const object = virtualServiceObject(where, { v1: 100, v2: 0 });
    const route = [{ destination: { host: 'a' } }];
    const broken = {
      spec: { hosts: ['payment-service', 'payment-service'], http: [{ name: 'other', route }] },
    };
    const merged = JSON.parse(JSON.stringify({ ...object, ...broken }));
    merged.spec.http.unshift(...JSON.parse(JSON.stringify(object['spec'])).http);
    storeObject(sandbox.store, merged);
    const seen = await mesh.look(target, signal);
    if (seen.kind !== 'split') throw new Error(JSON.stringify(seen));
    view = seen;
    expect(await rehearse()).toEqual({
      kind: 'refused',
      reason: 'denied',
      why: expect.stringContaining('denied the request: configuration is invalid: duplicate hosts'),
    });
  });

  it('tells that a patch is not allowed', async () => {
    const index = sandbox.users.findIndex(({ name }) => name === 'canaryd');
    const [user] = sandbox.users.slice(index);
    if (user === undefined) throw new Error('the sandbox has no user canaryd');
    const rules = [{ verbs: ['get', 'list'], groups: ['*'], resources: ['*'] }];
    sandbox.users.splice(index, 1, { ...user, rules });
    expect(await rehearse()).toMatchObject({
      kind: 'refused',
      reason: 'forbidden',
      why: expect.stringContaining('cannot patch resource "virtualservices"'),
    });
  });

  it('tries every VirtualService of the target, and names the one that is refused', async () => {
    const edge = { namespace: 'edge', virtualService: 'public' };
    const host = `payment-service.${namespace}`;
    const text = JSON.stringify(virtualServiceObject(edge, { v1: 100, v2: 0 }));
    storeObject(sandbox.store, JSON.parse(text.replaceAll('"payment-service"', `"${host}"`)));
    const also = [edge];
    const resolution = await mesh.resolve({ cluster: 'default', ...where, also }, signal);
    if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
    const seen = await mesh.look(resolution.target, signal);
    if (seen.kind !== 'split') throw new Error(JSON.stringify(seen));
    expect(await mesh.rehearse(resolution.target, seen, write, signal)).toEqual({ kind: 'accepted' });
    const index = sandbox.users.findIndex(({ name }) => name === 'canaryd');
    const [user] = sandbox.users.slice(index);
    if (user === undefined) throw new Error('the sandbox has no user canaryd');
    const rule = { verbs: ['patch'], groups: ['*'], resources: ['*'], namespaces: [namespace] };
    sandbox.users.splice(index, 1, { ...user, rules: [rule] });
    for (const share of [5, 0]) {
      expect(
        await mesh.rehearse(resolution.target, seen, { ...write, share, end: share === 0 }, signal),
      ).toMatchObject({
        kind: 'refused',
        object: 'edge/public',
        why: expect.stringMatching(/^edge\/public: .*403/),
      });
    }
    expect(weightsOf(sandbox, where)).toEqual([100, 0]);
  });

  it('does not know where a webhook refuses to be rehearsed, and writes all the same', async () => {
    sandbox.faults.webhook = 'sideEffects';
    expect(await rehearse()).toEqual({
      kind: 'unknown',
      why: expect.stringContaining('does not support dry run'),
    });
    expect(await mesh.write(target, view, write, signal)).toMatchObject({ kind: 'applied' });
  });

  it.each([
    ['the webhook is down', { webhook: 'down' as const }, /failed calling webhook/],
    ['somebody wrote meanwhile', { nextPatch: 'conflict' as const }, /somebody wrote the VirtualService/],
    ['the API server is busy', { nextPatch: 'throttle' as const }, /429/],
    ['the connection is cut', { nextPatch: 'resetBeforeApply' as const }, /./],
  ])('does not know when %s', async (_what, faults, why) => {
    Object.assign(sandbox.faults, faults);
    expect(await rehearse()).toEqual({ kind: 'unknown', why: expect.stringMatching(why) });
    expect(weightsOf(sandbox, where)).toEqual([100, 0]);
  });

  it('does not know what it has no time to ask', async () => {
    expect(await mesh.rehearse(target, view, write, AbortSignal.abort())).toMatchObject({ kind: 'unknown' });
  });
});
