import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ManagedRoute } from '../../src/rollout/managed-route.ts';
import type { SplitView, WeightWrite, WriteOutcome } from '../../src/rollout/ports/mesh.ts';
import type { Target } from '../../src/rollout/target.ts';
import type { JsonObject } from '../../src/sandbox/json.ts';
import { listAt, objectAt } from '../../src/sandbox/json.ts';
import { paymentMesh } from '../../src/sandbox/payment-mesh.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { istioMesh } from '../../src/traffic/istio.ts';
import { connectKube, type Kube } from '../../src/traffic/kube.ts';
import { edit, httpOf } from '../traffic/sandbox-mesh.ts';

const where = { namespace: 'payment-prod', virtualService: 'payment-service' };
const request = { ...where, cluster: 'default' };
const signal = new AbortController().signal;

/** 5 % of the callers are testers; each tick of 10 s sends 6,000 requests. */
const testers = {
  name: 'testers',
  part: 0.05,
  headers: { 'x-canary': 'true', cookie: 'user=7; group=beta' },
};
const perTick = 6000;

const toTesters: ManagedRoute = {
  kind: 'header',
  name: 'testers',
  match: [{ headers: { 'x-canary': { exact: 'true' } } }],
};
const mirrorOf = (percentage: number): ManagedRoute => ({
  kind: 'mirror',
  name: 'mirror',
  match: null,
  percentage,
});

let sandbox: Sandbox;
let kube: Kube;
let target: Target;
let epoch: number;

beforeEach(async () => {
  const mesh = paymentMesh(['v1', 'v2']);
  const services = mesh.services.map((service) => ({ ...service, requests: [testers] }));
  sandbox = await startSandbox({ tickMs: 0, mesh: { ...mesh, services } });
  kube = await connectKube({ kind: 'text', text: sandbox.kubeconfig });
  target = await resolved();
  epoch = 0;
});
afterEach(async () => {
  await kube.close();
  await sandbox.close();
});

const meshOf = () => istioMesh(kube, { clusterDomain: 'cluster.local' });

async function resolved(): Promise<Target> {
  const resolution = await meshOf().resolve(request, signal);
  if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
  return resolution.target;
}

async function look(): Promise<SplitView> {
  const view = await meshOf().look(target, signal);
  if (view.kind !== 'split') throw new Error(JSON.stringify(view));
  return view;
}

async function write(more: Partial<WeightWrite>): Promise<WriteOutcome> {
  epoch += 1;
  const full = { share: 0, rolloutId: 'ro_1', epoch, end: false, ...more };
  return meshOf().write(target, await look(), full, signal);
}

/** What the requests of one tick did: to the canary by who sent them, to stable, and copies to the canary. */
function tick() {
  const { traffic } = sandbox;
  const now = () => ({
    testers: traffic.requestsTo('v2', undefined, 'testers'),
    others: traffic.requestsTo('v2', undefined, 'plain'),
    stable: traffic.requestsTo('v1'),
    stableTesters: traffic.requestsTo('v1', undefined, 'testers'),
    copies: traffic.copiesTo('v2'),
  });
  const before = now();
  traffic.tick(10);
  const after = now();
  return {
    testers: after.testers - before.testers,
    others: after.others - before.others,
    stable: after.stable - before.stable,
    stableTesters: after.stableTesters - before.stableTesters,
    copies: after.copies - before.copies,
  };
}

const routes = () => httpOf(sandbox, where);

/** Another hand in the moved route. */
function editRoute(change: (route: JsonObject) => JsonObject, index = 0): void {
  edit(sandbox, where, (object) => ({
    ...object,
    spec: {
      ...objectAt(object, 'spec'),
      http: listAt(object, 'spec', 'http').map((route, at) =>
        at === index ? change(objectAt(route)) : route,
      ),
    },
  }));
}

describe('a header route', () => {
  it('at a share of 0 sends the requests that match to the canary, and no others', async () => {
    await write({ managed: [toTesters] });
    const sent = tick();
    expect(sent).toMatchObject({ others: 0, stableTesters: 0 });
    expect(sent.testers).toBeGreaterThan(200);
    expect(sent.testers + sent.stable).toBe(perTick);
  });

  it('leaves all other requests to the weights', async () => {
    await write({ share: 20, managed: [toTesters] });
    const sent = tick();
    expect(sent.stableTesters).toBe(0);
    expect(sent.others / (sent.others + sent.stable)).toBeCloseTo(0.2, 1);
  });

  it('finds testers by a cookie among others', async () => {
    await write({ managed: [{ ...toTesters, match: [{ cookies: { group: { exact: 'beta' } } }] }] });
    const sent = tick();
    expect(sent).toMatchObject({ others: 0, stableTesters: 0 });
    expect(sent.testers).toBeGreaterThan(200);
  });

  it.each([
    ['the way back from a share of 20 %', { share: 0, end: true }],
    ['a write that wants no managed route', { share: 0, managed: [] }],
  ])('is gone with %s: nobody is at the canary any more', async (_name, last) => {
    const before = routes();
    await write({ share: 20, managed: [toTesters] });
    await write(last);
    expect(tick()).toMatchObject({ testers: 0, others: 0, stable: perTick });
    expect((await look()).managedRoutes).toEqual([]);
    if ('end' in last) expect(routes()).toEqual(before);
  });

  it('is gone with the end at 100 %, and testers are where everybody is', async () => {
    await write({ share: 50, managed: [toTesters] });
    await write({ share: 100, end: true });
    expect(tick()).toMatchObject({ stable: 0, stableTesters: 0 });
    expect(routes()).toHaveLength(1);
  });

  it('that somebody has taken away is seen, and put back by the next write that wants it', async () => {
    await write({ managed: [toTesters] });
    edit(sandbox, where, (object) => ({
      ...object,
      spec: { ...objectAt(object, 'spec'), http: listAt(object, 'spec', 'http').slice(1) },
    }));
    expect((await look()).managedRoutes).toEqual([]);
    await write({ managed: [toTesters] });
    expect(tick().testers).toBeGreaterThan(200);
  });
});

describe('a mirror route', () => {
  it('copies so many percent to the canary, and every answer comes from stable', async () => {
    await write({ managed: [mirrorOf(50)] });
    const sent = tick();
    expect(sent).toMatchObject({ testers: 0, others: 0, stable: perTick });
    expect(sent.copies / perTick).toBeCloseTo(0.5, 1);
  });

  it('divides requests by the weights of every later write, and ends with the rollout', async () => {
    await write({ managed: [mirrorOf(100)] });
    await write({ share: 25 });
    const sent = tick();
    expect((sent.others + sent.testers) / perTick).toBeCloseTo(0.25, 1);
    expect(sent.copies).toBe(perTick);
    await write({ share: 0, end: true });
    expect(tick()).toMatchObject({ copies: 0, stable: perTick });
  });

  it('copies the requests that match alone', async () => {
    await write({ managed: [{ kind: 'mirror', name: 'testers', match: toTesters.match, percentage: 100 }] });
    const sent = tick();
    expect(sent.copies).toBe(sent.stableTesters);
    expect(sent.copies).toBeGreaterThan(200);
  });

  it('in which somebody has moved the weights is seen as a share of the canary, and set right by the next write', async () => {
    await write({ share: 5, managed: [mirrorOf(10)] });
    editRoute((route) => ({
      ...route,
      route: listAt(route, 'route').map((one, index) => ({
        ...objectAt(one),
        weight: index === 0 ? 40 : 60,
      })),
    }));
    expect((await look()).canaryShare).toBe(60);
    expect(await write({ share: 5 })).toEqual({ kind: 'applied', canaryShare: 5 });
    expect((await look()).canaryShare).toBe(5);
  });
});

describe('managed routes that cannot be put before the route', () => {
  const refused = { kind: 'shape', fault: { code: 'unsupported-shape', path: 'spec.http[0].match[0].uri' } };
  const elsewhere: ManagedRoute = { kind: 'header', name: 'x', match: [{ uri: { exact: '/refunds' } }] };

  beforeEach(() => editRoute((route) => ({ ...route, match: [{ uri: { prefix: '/pay' } }] })));

  it('are refused at the start, with the path in the object', async () => {
    const mesh = meshOf();
    expect(await mesh.resolve(request, signal, [toTesters, elsewhere])).toMatchObject(refused);
    const writes = [{ share: 0, end: false, managed: [elsewhere] }];
    expect(await mesh.preview(request, writes, signal)).toMatchObject(refused);
    expect(await mesh.resolve(request, signal, [toTesters])).toMatchObject({ kind: 'resolved' });
  });

  it('are not written, and the answer says where and why', async () => {
    const before = routes();
    expect(await write({ managed: [elsewhere] })).toMatchObject({
      kind: 'unavailable',
      reason: 'invalid',
      why: expect.stringContaining('spec.http[0].match[0].uri: '),
    });
    expect(routes()).toEqual(before);
  });

  it('never stand in the way of going back', async () => {
    await write({ share: 10, managed: [toTesters] });
    editRoute((route) => ({ ...route, mirror: { host: 'audit' } }), 1);
    expect(await write({ share: 0, end: true, managed: [mirrorOf(10)] })).toEqual({
      kind: 'applied',
      canaryShare: 0,
    });
    expect((await look()).managedRoutes).toEqual([]);
  });
});
