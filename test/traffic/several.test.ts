import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Mesh, SplitView } from '../../src/rollout/ports/mesh.ts';
import type { Target } from '../../src/rollout/target.ts';
import { objectAt } from '../../src/sandbox/json.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { istioMesh } from '../../src/traffic/istio.ts';
import { connectKube, type Kube } from '../../src/traffic/kube.ts';
import type { Where } from '../fakes/mesh.ts';
import { gatewayObject, mayWriteOnlyIn, namespace, virtualServiceObject, weightsOf } from './sandbox-mesh.ts';

const shop: Where = { namespace, virtualService: 'payment' };
const edge: Where = { namespace: 'edge', virtualService: 'gateway' };
const write = { share: 5, rolloutId: 'ro_1', epoch: 1, end: false };
const signal = new AbortController().signal;

let sandbox: Sandbox;
let kube: Kube;
let mesh: Mesh;
let target: Target;

beforeEach(async () => {
  sandbox = await startSandbox({ tickMs: 0 });
  storeObject(sandbox.store, virtualServiceObject(shop, { v1: 100, v2: 0 }));
  storeObject(sandbox.store, gatewayObject(edge, { v1: 3, v2: 0 }));
  kube = await connectKube({ kind: 'text', text: sandbox.kubeconfig });
  mesh = istioMesh(kube, { clusterDomain: 'cluster.local' });
  target = await resolved();
});

afterEach(async () => {
  sandbox.faults.releaseHeld();
  await kube.close();
  await sandbox.close();
});

async function resolved(): Promise<Target> {
  const found = await mesh.resolve({ cluster: 'default', ...shop, also: [edge] }, signal);
  if (found.kind !== 'resolved') throw new Error(JSON.stringify(found));
  return found.target;
}

async function look(): Promise<SplitView> {
  const view = await mesh.look(target, signal);
  if (view.kind !== 'split') throw new Error(JSON.stringify(view));
  return view;
}

const weights = () => [weightsOf(sandbox, shop), weightsOf(sandbox, edge)];

function notesAt({ namespace, virtualService: name }: Where): Record<string, unknown> {
  return objectAt(
    sandbox.store.get({ type: virtualServices, namespace, name }) ?? {},
    'metadata',
    'annotations',
  );
}

describe('two VirtualServices in two namespaces', () => {
  it('are moved together, and each notes its own weights of before', async () => {
    expect(await mesh.write(target, await look(), write, signal)).toEqual({
      kind: 'applied',
      canaryShare: 5,
    });
    expect(weights()).toEqual([
      [95, 5],
      [95, 5],
    ]);
    const noted = [shop, edge].map((where) => JSON.stringify(notesAt(where)['canaryd.io/original-weights']));
    expect(noted[0]).toContain('100');
    expect(noted[1]).not.toContain('100');
    expect(noted[1]).toContain('3');
  });

  it('get back the numbers that each had', async () => {
    await mesh.write(target, await look(), write, signal);
    await mesh.write(target, await look(), { ...write, share: 0, end: true, epoch: 2 }, signal);
    expect(weights()).toEqual([
      [100, 0],
      [3, 0],
    ]);
    expect(notesAt(edge)).not.toHaveProperty(['canaryd.io/original-weights']);
  });

  it('are both left alone when the second could not be written as it stands', async () => {
    const view = await look();
    const [first, second] = view.objects ?? [];
    if (first === undefined || second === undefined) throw new Error('two were looked at');
    const gone = { ...gatewayObject(edge, { v1: 100 }), metadata: Object(second.snapshot).metadata };
    const changed = { ...view, objects: [first, { ...second, snapshot: gone }] };
    expect(await mesh.write(target, changed, write, signal)).toMatchObject({
      kind: 'unavailable',
      why: expect.stringContaining('edge/gateway: the route has no destination'),
    });
    expect(weights()).toEqual([
      [100, 0],
      [3, 0],
    ]);
  });

  it('of which one may not be written: the first that fails stops the way forward, and is named', async () => {
    mayWriteOnlyIn(sandbox, [edge.namespace]);
    expect(await mesh.write(target, await look(), write, signal)).toMatchObject({
      kind: 'unavailable',
      reason: 'forbidden',
      why: expect.stringMatching(/^payment-prod\/payment: .*forbidden/),
    });
    expect(weights()).toEqual([
      [100, 0],
      [3, 0],
    ]);
  });

  it('of which one may not be written go back where they may', async () => {
    await mesh.write(target, await look(), write, signal);
    const view = await look();
    mayWriteOnlyIn(sandbox, [edge.namespace]);
    expect(await mesh.write(target, view, { ...write, share: 0, end: true, epoch: 2 }, signal)).toMatchObject(
      {
        why: expect.stringMatching(/^payment-prod\/payment: .*forbidden.*; edge\/gateway is at 0 %$/),
      },
    );
    expect(weights()).toEqual([
      [95, 5],
      [3, 0],
    ]);
  });

  it('of which one may not be written lose what a write only takes, and it is told which did', async () => {
    await mesh.write(target, await look(), { ...write, share: 50 }, signal);
    const view = await look();
    mayWriteOnlyIn(sandbox, [edge.namespace]);
    expect(await mesh.write(target, view, { ...write, epoch: 2 }, signal)).toMatchObject({
      why: expect.stringMatching(/^payment-prod\/payment: .*forbidden/),
      done: ['edge/gateway'],
    });
    const { objects = [] } = await look();
    expect(objects.map(({ canaryShare }) => canaryShare)).toEqual([50, 5]);
  });

  it('of which one cannot be read lose their share where they can, on what was read beside it', async () => {
    await mesh.write(target, await look(), write, signal);
    sandbox.store.remove({ type: virtualServices, namespace: 'edge', name: 'gateway' });
    const view = await mesh.look(target, signal);
    expect(view).toMatchObject({ kind: 'missing', name: 'edge/gateway' });
    const readable = view.kind === 'split' ? undefined : view.readable;
    if (readable === undefined) throw new Error(JSON.stringify(view));
    const outcome = await mesh.write(target, readable, { ...write, share: 0, epoch: 2 }, signal);
    expect(outcome).toMatchObject({ kind: 'ambiguous', done: ['payment-prod/payment'] });
    expect(weightsOf(sandbox, shop)).toEqual([100, 0]);
  });

  it('are rehearsed together: what one of them would be refused is refused', async () => {
    const view = await look();
    expect(await mesh.rehearse(target, view, write, signal)).toEqual({ kind: 'accepted' });
    mayWriteOnlyIn(sandbox, [shop.namespace]);
    for (const share of [5, 0])
      expect(await mesh.rehearse(target, view, { ...write, share }, signal)).toMatchObject({
        kind: 'refused',
        reason: 'forbidden',
        why: expect.stringContaining('edge/gateway: '),
      });
    expect(weights()).toEqual([
      [100, 0],
      [3, 0],
    ]);
  });

  it('of which one cannot be read are told with its name', async () => {
    sandbox.store.remove({ type: virtualServices, namespace: 'edge', name: 'gateway' });
    storeObject(sandbox.store, {
      ...gatewayObject(edge, { v1: 100, v2: 0 }),
      spec: { hosts: ['pay.bank'], http: [{ name: 'other', redirect: { uri: '/' } }] },
    });
    expect(await mesh.look(target, signal)).toMatchObject({
      kind: 'shape',
      fault: { message: expect.stringContaining('edge/gateway: ') },
    });
    expect(await mesh.look(target, signal, { partial: true })).toMatchObject({
      kind: 'split',
      objects: [{ name: 'payment-prod/payment' }],
      gaps: [{ name: 'edge/gateway' }],
    });
  });

  it('do not wait for each other on the way back: one answer that stays away holds up nobody', async () => {
    await mesh.write(target, await look(), write, signal);
    const view = await look();
    sandbox.faults.nextPatch = 'hold';
    const outcome = mesh.write(target, view, { ...write, share: 0, end: true, epoch: 2 }, signal);
    const isBack = () => weights().filter(([, canary]) => canary === 0).length;
    while (isBack() === 0 || sandbox.faults.heldCount() === 0) await new Promise(setImmediate);
    expect(isBack()).toBe(1);
    sandbox.faults.releaseHeld();
    expect(await outcome).toEqual({ kind: 'applied', canaryShare: 0 });
    expect(isBack()).toBe(2);
  });
});
