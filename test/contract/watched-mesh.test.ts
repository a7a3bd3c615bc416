import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Mesh, SplitView } from '../../src/rollout/ports/mesh.ts';
import type { Target } from '../../src/rollout/target.ts';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { istioMesh } from '../../src/traffic/istio.ts';
import { connectKube, type Kube } from '../../src/traffic/kube.ts';
import { type WatchedKube, watchKube } from '../../src/traffic/watched-kube.ts';
import { realClock } from '../../src/traffic/watched-list.ts';
import { edit, gatewayObject, namespace, remove, virtualServiceObject } from '../traffic/sandbox-mesh.ts';
import { service } from './cluster-objects.ts';

const where = { namespace, virtualService: 'payment' };
const write = { share: 5, rolloutId: 'ro_1', epoch: 1, end: false };
const signal = new AbortController().signal;
const patient = { timeout: 8000, interval: 20 };

let sandbox: Sandbox;
let kube: Kube;
let watched: WatchedKube;
let mesh: Mesh;
let target: Target;
let asked: string[];
let denied: string[];

beforeEach(async () => {
  asked = [];
  denied = [];
  sandbox = await startSandbox({ tickMs: 0 });
  storeObject(sandbox.store, virtualServiceObject(where, { v1: 100, v2: 0 }));
  kube = counting(await connectKube({ kind: 'text', text: sandbox.kubeconfig }));
  watched = watchKube(kube, { clock: realClock, denied: (resource) => denied.push(resource) });
  mesh = istioMesh(kube, { clusterDomain: 'cluster.local', watched });
  const resolution = await mesh.resolve({ cluster: 'default', ...where }, signal);
  if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
  ({ target } = resolution);
  asked = [];
});

afterEach(async () => {
  watched.close();
  await kube.close();
  await sandbox.close();
});

/** Notes what is read object by object. */
function counting(real: Kube): Kube {
  return {
    ...real,
    readVirtualService: (...given) => {
      asked.push('get virtualservice');
      return real.readVirtualService(...given);
    },
    listPods: (...given) => {
      asked.push('list pods');
      return real.listPods(...given);
    },
    listReplicaSets: (...given) => {
      asked.push('list replicasets');
      return real.listReplicaSets(...given);
    },
  };
}

async function lookAtWatched(): Promise<SplitView> {
  const view = await mesh.look(target, signal, { recent: true });
  if (view.kind !== 'split') throw new Error(JSON.stringify(view));
  return view;
}

async function warm(): Promise<void> {
  await expect.poll(async () => (await lookAtWatched()).recent, patient).toBe(true);
  asked = [];
}

/** Takes verbs from the user canaryd, on these resources. */
function forbid(verbs: string[], resources: string[]): void {
  const user = sandbox.users.find(({ name }) => name === 'canaryd');
  if (user === undefined) throw new Error('the sandbox has no user canaryd');
  const kinds = ['virtualservices', 'services', 'destinationrules', 'pods', 'replicasets'];
  const all = ['get', 'list', 'watch', 'patch'];
  const rules = kinds.map((kind) => ({
    verbs: all.filter((verb) => !(verbs.includes(verb) && resources.includes(kind))),
    groups: ['*'],
    resources: [kind],
  }));
  sandbox.users.splice(sandbox.users.indexOf(user), 1, { ...user, rules });
}

describe('a look that may be recent', () => {
  it('reads for itself until the namespace is watched, and then asks nothing', async () => {
    const first = await lookAtWatched();
    expect(first.recent).toBeUndefined();
    expect(asked).toHaveLength(3);
    await warm();
    for (let turn = 0; turn < 50; turn += 1) expect((await lookAtWatched()).recent).toBe(true);
    expect(asked).toEqual([]);
  });

  it('shows what a look that reads shows', async () => {
    await warm();
    const { recent: _recent, ...told } = await lookAtWatched();
    expect(told).toEqual(await mesh.look(target, signal));
    sandbox.redeploy(service, 'v2', 'example.test/payments/payment-service:v2-fixed');
    sandbox.setVersion(service, 'v1', { readyPods: 1 });
    const read = await mesh.look(target, signal);
    await expect.poll(async () => ({ ...(await lookAtWatched()), recent: undefined }), patient).toEqual(read);
  });

  it('knows VirtualServices of several namespaces, and reads while one of those is not known', async () => {
    await warm();
    const edge = { namespace: 'edge', virtualService: 'gateway' };
    storeObject(sandbox.store, gatewayObject(edge, { v1: 100, v2: 0 }));
    const found = await mesh.resolve({ cluster: 'default', ...where, also: [edge] }, signal);
    if (found.kind !== 'resolved') throw new Error(JSON.stringify(found));
    ({ target } = found);
    expect((await lookAtWatched()).recent).toBeUndefined();
    await warm();
    const { recent: _recent, ...told } = await lookAtWatched();
    expect(asked).toEqual([]);
    expect(told).toEqual(await mesh.look(target, signal));
  });

  it('sees what another hand wrote as soon as it is told', async () => {
    await warm();
    const { spec } = virtualServiceObject(where, { v1: 60, v2: 40 });
    edit(sandbox, where, (object) => ({ ...object, ...(spec === undefined ? {} : { spec }) }));
    await expect.poll(async () => (await lookAtWatched()).canaryShare, patient).toBe(40);
    expect((await lookAtWatched()).recent).toBe(true);
  });

  it('knows our own write from its answer, so that nobody takes it for drift', async () => {
    await warm();
    expect(await mesh.write(target, await lookAtWatched(), write, signal)).toEqual({
      kind: 'applied',
      canaryShare: 5,
    });
    const view = await lookAtWatched();
    expect([view.recent, view.canaryShare, view.owner]).toEqual([true, 5, { rolloutId: 'ro_1', epoch: 1 }]);
    expect(await mesh.write(target, view, { ...write, share: 10, epoch: 2 }, signal)).toMatchObject({
      kind: 'applied',
    });
  });

  it('is a conflict, and no lost edit, when it is written upon and was too old', async () => {
    await warm();
    const old = await lookAtWatched();
    edit(sandbox, where, (object) => ({ ...object, spec: { ...Object(object['spec']), exportTo: ['.'] } }));
    expect(await mesh.write(target, old, write, signal)).toEqual({ kind: 'conflict' });
  });

  it('never says that an object is missing without reading', async () => {
    await warm();
    remove(sandbox, where);
    await expect
      .poll(async () => (await mesh.look(target, signal, { recent: true })).kind, patient)
      .toBe('missing');
    expect(asked).toContain('get virtualservice');
  });

  it('tells a re-created object from the one before', async () => {
    await warm();
    remove(sandbox, where);
    storeObject(sandbox.store, virtualServiceObject(where, { v1: 100, v2: 0 }));
    const isAnother = async () => {
      const { uid, recent } = await lookAtWatched();
      return recent === true && uid !== target.uid;
    };
    await expect.poll(isAnother, patient).toBe(true);
  });

  it('survives that the server forgets its past', async () => {
    await warm();
    sandbox.store.history.forget();
    edit(sandbox, where, (object) => ({ ...object, spec: { ...Object(object['spec']), exportTo: ['.'] } }));
    await expect.poll(async () => (await lookAtWatched()).recent, patient).toBe(true);
  });

  it('says that the API server is gone, and is recent again when it is back', async () => {
    await warm();
    sandbox.faults.apiDown = true;
    const gone = async () => (await mesh.look(target, signal, { recent: true })).kind;
    await expect.poll(gone, patient).toBe('unavailable');
    sandbox.faults.apiDown = false;
    await expect.poll(async () => (await lookAtWatched()).recent, patient).toBe(true);
  });
});

describe('without the right', () => {
  it.each([
    ['list', 'virtualservices'],
    ['watch', 'virtualservices'],
    ['watch', 'pods'],
    ['watch', 'replicasets'],
  ])('to %s %s every look reads for itself, and it is told once', async (verb, resource) => {
    forbid([verb], [resource]);
    await lookAtWatched();
    await expect.poll(() => denied, patient).toEqual([resource]);
    for (let turn = 0; turn < 5; turn += 1) expect((await lookAtWatched()).recent).toBeUndefined();
    expect(asked).toHaveLength(18);
    expect(denied).toEqual([resource]);
  });
});

describe('watches', () => {
  it('take no connection from turns, however many namespaces are watched', async () => {
    for (let count = 0; count < 4; count += 1) {
      watched.recent({ virtualServices: [`shop-${count}`], pods: [`shop-${count}`] });
    }
    await expect.poll(() => watched.counts(), patient).toEqual({ watched: 12, cold: 0 });
    const views = await Promise.all(
      Array.from({ length: 4 }, () => mesh.look(target, new AbortController().signal)),
    );
    expect(views.map(({ kind }) => kind)).toEqual(Array(4).fill('split'));
  });

  it('end at once when canaryd ends', async () => {
    await warm();
    watched.close();
    expect(watched.counts().watched).toBe(0);
    expect((await lookAtWatched()).recent).toBeUndefined();
  });
});
