import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Images, Mesh, SplitView } from '../../src/rollout/ports/mesh.ts';
import type { Target } from '../../src/rollout/target.ts';
import { destinationRules, services } from '../../src/sandbox/resources.ts';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { istioMesh } from '../../src/traffic/istio.ts';
import { connectKube, type Kube } from '../../src/traffic/kube.ts';
import { service } from '../contract/cluster-objects.ts';
import { edit, namespace, virtualServiceObject } from './sandbox-mesh.ts';

const where = { namespace, virtualService: 'payment' };
const request = { cluster: 'default' as const, ...where };
const write = { share: 5, rolloutId: 'ro_1', epoch: 1, end: false };
const signal = new AbortController().signal;

let sandbox: Sandbox;
let kube: Kube;
let mesh: Mesh;

beforeEach(async () => {
  sandbox = await startSandbox({ tickMs: 0 });
  storeObject(sandbox.store, virtualServiceObject(where, { v1: 100, v2: 0 }));
  kube = await connectKube(
    { kind: 'text', text: sandbox.kubeconfig },
    { readTimeoutMs: 1000, writeTimeoutMs: 150 },
  );
  mesh = istioMesh(kube, { clusterDomain: 'cluster.local' });
});

afterEach(async () => {
  sandbox.faults.releaseHeld();
  await kube.close();
  await sandbox.close();
});

async function start(): Promise<{ target: Target; view: SplitView }> {
  const resolution = await mesh.resolve(request, signal);
  if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
  return { target: resolution.target, view: await look(resolution.target) };
}

async function look(target: Target): Promise<SplitView> {
  const view = await mesh.look(target, signal);
  if (view.kind !== 'split') throw new Error(JSON.stringify(view));
  return view;
}

async function shareNow(target: Target): Promise<number> {
  return (await look(target)).canaryShare;
}

function forbid(resource: string): void {
  const user = sandbox.users.find(({ name }) => name === 'canaryd');
  if (user === undefined) throw new Error('the sandbox has no user canaryd');
  const all = ['virtualservices', 'services', 'destinationrules', 'pods', 'replicasets'];
  const rule = {
    verbs: ['get', 'list', 'patch'],
    groups: ['*'],
    resources: all.filter((one) => one !== resource),
  };
  sandbox.users.splice(sandbox.users.indexOf(user), 1, { ...user, rules: [rule] });
}

describe('the target', () => {
  it('knows its service, its versions, its pods and how its weights stood', async () => {
    const host = `${service}.${namespace}.svc.cluster.local`;
    const arm = (version: string) => ({
      host,
      subset: version,
      service: { name: service, namespace },
      version,
      podLabels: { app: service, version },
    });
    expect((await start()).target).toMatchObject({
      route: 'primary',
      stable: arm('v1'),
      canary: arm('v2'),
      routes: [{ key: { kind: 'http', name: 'primary' }, original: { stable: 100, canary: 0, others: [] } }],
      stableReadyAtStart: 2,
    });
  });

  it('is refused when its host is no service of the cluster', async () => {
    const object = virtualServiceObject(where, { v1: 100, v2: 0 });
    storeObject(
      sandbox.store,
      JSON.parse(JSON.stringify(object).replaceAll(`"${service}"`, '"api.example.com"')),
    );
    expect(await mesh.resolve(request, signal)).toMatchObject({
      fault: { code: 'service-not-found', path: 'spec.http[0].route[0].destination.host' },
    });
  });

  it('is refused when its service is not there', async () => {
    sandbox.store.remove({ type: services, namespace, name: service });
    expect(await mesh.resolve(request, signal)).toMatchObject({ fault: { code: 'service-not-found' } });
  });

  it('is refused when its service selects no pods', async () => {
    const object = sandbox.store.get({ type: services, namespace, name: service });
    storeObject(sandbox.store, { ...object, spec: {} });
    expect(await mesh.resolve(request, signal)).toMatchObject({
      fault: { code: 'service-not-found', message: expect.stringContaining('no selector') },
    });
  });

  it('is refused when no DestinationRule names the subset, with the line to add', async () => {
    sandbox.store.remove({ type: destinationRules, namespace, name: service });
    expect(await mesh.resolve(request, signal)).toMatchObject({
      fault: {
        code: 'subset-not-found',
        message: expect.stringContaining('add {"name":"v1","labels":{"version":"v1"}}'),
      },
    });
  });

  it('is refused when both subsets select the same version', async () => {
    const object = sandbox.store.get({ type: destinationRules, namespace, name: service });
    const text = JSON.stringify(object).replaceAll('{"version":"v2"}', '{"version":"v1"}');
    storeObject(sandbox.store, JSON.parse(text));
    expect(await mesh.resolve(request, signal)).toMatchObject({ fault: { code: 'unsupported-shape' } });
  });

  it('cannot be read without the right to, and says which right', async () => {
    forbid('destinationrules');
    expect(await mesh.resolve(request, signal)).toMatchObject({
      reason: 'forbidden',
      why: expect.stringContaining('cannot list resource "destinationrules"'),
    });
  });

  it('starts without knowing the pods when they may not be read', async () => {
    forbid('pods');
    expect(await mesh.resolve(request, signal)).toMatchObject({
      kind: 'resolved',
      target: { stableReadyAtStart: null },
      readiness: { stable: { kind: 'unknown', why: expect.stringContaining('403') } },
    });
  });
});

describe('a look', () => {
  it('still shows the weights when the pods may not be read', async () => {
    const { target } = await start();
    forbid('pods');
    expect(await mesh.look(target, signal)).toMatchObject({
      kind: 'split',
      canaryShare: 0,
      readiness: { stable: { kind: 'unknown' }, canary: { kind: 'unknown' } },
    });
  });

  it('says that the API server cannot be reached', async () => {
    const { target } = await start();
    sandbox.faults.apiDown = true;
    expect(await mesh.look(target, signal)).toMatchObject({ kind: 'unavailable', reason: 'unreachable' });
  });

  it('ends at its deadline when the API server is too slow', async () => {
    const { target } = await start();
    sandbox.faults.latencyMs = 60_000;
    const impatient = new AbortController();
    const looking = mesh.look(target, impatient.signal);
    impatient.abort();
    expect(await looking).toMatchObject({ kind: 'unavailable', reason: 'timeout' });
    sandbox.faults.latencyMs = 0;
  });
});

describe('the images behind the arms', () => {
  const digestsOf = (images: Images) =>
    images.kind === 'known' ? images.pods.map(({ digests }) => digests[service]) : images.why;
  const hashesOf = (images: Images) =>
    images.kind === 'known' ? new Set(images.pods.map(({ templateHash }) => templateHash)) : new Set();
  const fixed = 'example.test/payments/payment-service:v2-fixed';

  it('are those of the application, without the sidecar, of every pod', async () => {
    const { images } = await look((await start()).target);
    expect(images.canary).toEqual({
      kind: 'known',
      pods: Array.from({ length: 2 }, () => ({
        templateHash: expect.stringMatching(/^\w{10}$/),
        ready: true,
        digests: { [service]: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
      })),
    });
    expect(digestsOf(images.stable)).not.toEqual(digestsOf(images.canary));
  });

  it('are mixed while a deployment is under way, and single again after it', async () => {
    const { target } = await start();
    const before = (await look(target)).images;
    const replaceOne = sandbox.redeployByPod(service, 'v2', fixed);
    expect(replaceOne()).toBe(1);
    const during = (await look(target)).images;
    expect(new Set(digestsOf(during.canary)).size).toBe(2);
    expect(hashesOf(during.canary).size).toBe(2);
    expect(during.stable).toEqual(before.stable);
    expect([replaceOne(), replaceOne()]).toEqual([0, 0]);
    const after = (await look(target)).images;
    expect(new Set(digestsOf(after.canary)).size).toBe(1);
    expect(digestsOf(after.canary)).not.toEqual(digestsOf(before.canary));
  });

  it('stay the same under a new template hash when the pods are only restarted', async () => {
    const { target } = await start();
    const before = (await look(target)).images.canary;
    sandbox.restart(service, 'v2');
    const after = (await look(target)).images.canary;
    expect(digestsOf(after)).toEqual(digestsOf(before));
    expect(hashesOf(after)).not.toEqual(hashesOf(before));
  });

  it('are the same when the ReplicaSets may not be read: the injector wrote down what it added', async () => {
    const { target, view } = await start();
    forbid('replicasets');
    expect((await look(target)).images).toEqual(view.images);
  });

  it('are unknown, and nothing else is, when the ReplicaSets merely failed to be read', async () => {
    const { target, view } = await start();
    const failing: Kube = {
      ...kube,
      listReplicaSets: async () => ({ kind: 'unavailable', reason: 'timeout', why: 'no answer in 3 s' }),
    };
    const unknown = { kind: 'unknown', why: 'no answer in 3 s' };
    expect(await istioMesh(failing, { clusterDomain: 'cluster.local' }).look(target, signal)).toEqual({
      ...view,
      images: { stable: unknown, canary: unknown },
    });
  });

  it('are unknown when the pods may not be read, with the reason', async () => {
    const { target } = await start();
    forbid('pods');
    const unknown = { kind: 'unknown', why: expect.stringContaining('cannot list resource "pods"') };
    expect((await look(target)).images).toEqual({ stable: unknown, canary: unknown });
  });
});

describe('a target whose destinations have a host each', () => {
  const ledger = { cluster: 'default', namespace: 'ledger-prod', virtualService: 'ledger' };
  const arm = (colour: string) => ({
    host: `ledger-${colour}.ledger-prod.svc.cluster.local`,
    subset: null,
    service: { name: `ledger-${colour}`, namespace: 'ledger-prod' },
    version: colour,
    podLabels: { app: 'ledger', version: colour },
  });
  const resolved = async (more: Partial<typeof ledger> & { canary?: { host: string } } = {}) => {
    const resolution = await mesh.resolve({ ...ledger, ...more }, signal);
    if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
    return resolution.target;
  };
  const change = (text: (object: string) => string) =>
    edit(sandbox, ledger, (object) => JSON.parse(text(JSON.stringify(object))));

  it('has two services, each with its pods', async () => {
    const target = await resolved();
    expect(target).toMatchObject({ stable: arm('blue'), canary: arm('green'), stableReadyAtStart: 2 });
    sandbox.setVersion('ledger', 'green', { readyPods: 1 });
    const { readiness, images } = await look(target);
    expect(readiness).toEqual({
      stable: { kind: 'known', ready: 2, total: 2 },
      canary: { kind: 'known', ready: 1, total: 2 },
    });
    const ready = images.canary.kind === 'known' ? images.canary.pods.map((pod) => pod.ready) : [];
    expect(ready.toSorted()).toEqual([false, true]);
  });

  it('needs no right to read DestinationRules', async () => {
    forbid('destinationrules');
    expect((await resolved()).canary.subset).toBeNull();
  });

  it('goes forth and back by its weights, and shows hosts in its annotation', async () => {
    const target = await resolved({ canary: { host: 'ledger-green' } });
    expect(await mesh.write(target, await look(target), write, signal)).toEqual({
      kind: 'applied',
      canaryShare: 5,
    });
    const view = await look(target);
    expect(JSON.stringify(view.snapshot)).toContain(
      'ledger-green.ledger-prod.svc.cluster.local\\",\\"subset\\":null',
    );
    const back = { share: 0, rolloutId: 'ro_1', epoch: 2, end: true };
    expect((await mesh.write(target, view, back, signal)).kind).toBe('applied');
    expect((await look(target)).canaryShare).toBe(0);
  });

  it('names the host that is gone from the route', async () => {
    const target = await resolved();
    change((object) => object.replace('"ledger-green"', '"ledger"'));
    const view = await look(target);
    expect(await mesh.write(target, view, write, signal)).toMatchObject({
      reason: 'invalid',
      why: `the route has no destination ${arm('green').host}`,
    });
  });

  it('may reach into another namespace by a short name', async () => {
    storeObject(sandbox.store, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'ledger-green', namespace: 'ledger-next' },
      spec: { selector: { app: 'ledger-next' } },
    });
    change((object) => object.replace('"ledger-green"', '"ledger-green.ledger-next"'));
    const target = await resolved({ canary: { host: 'ledger-green.ledger-next' } });
    expect(target.canary).toMatchObject({
      host: 'ledger-green.ledger-next.svc.cluster.local',
      service: { name: 'ledger-green', namespace: 'ledger-next' },
      version: 'ledger-green',
    });
    expect((await look(target)).readiness).toEqual({
      stable: { kind: 'known', ready: 2, total: 2 },
      canary: { kind: 'known', ready: 0, total: 0 },
    });
  });

  it.each([
    [
      'its canary is no service of the cluster',
      '"ledger.example.com"',
      'service-not-found',
      'no Kubernetes service',
    ],
    ['its canary is not there', '"ledger-grey"', 'service-not-found', 'there is no service ledger-grey'],
    ['one service holds the pods of the other', '"ledger"', 'unsupported-shape', 'select the same pods'],
  ])('is refused when %s', async (_name, host, code, words) => {
    change((object) => object.replace('"ledger-green"', host));
    expect(await mesh.resolve(ledger, signal)).toMatchObject({
      kind: 'shape',
      fault: {
        code,
        path: 'spec.http[0].route[1].destination.host',
        message: expect.stringContaining(words),
      },
    });
  });
});

describe('a write', () => {
  it.each([
    ['resetBeforeApply', 0],
    ['resetAfterApply', 5],
    ['hang', 0],
    ['hangAfterApply', 5],
    ['serverError', 0],
    ['webhookDown', 0],
    ['etcdTimeout', 0],
  ] as const)('that meets %s is ambiguous, and a look tells', async (fault, share) => {
    const { target, view } = await start();
    sandbox.faults.nextPatch = fault;
    expect((await mesh.write(target, view, write, signal)).kind).toBe('ambiguous');
    expect(await shareNow(target)).toBe(share);
  });

  it('that lands after its sender gave up is stopped by a closing write', async () => {
    const { target, view } = await start();
    sandbox.faults.nextPatch = 'hold';
    expect((await mesh.write(target, view, write, signal)).kind).toBe('ambiguous');
    const closing = { share: 0, rolloutId: 'ro_1', epoch: 2, end: true };
    expect((await mesh.write(target, view, closing, signal)).kind).toBe('applied');
    sandbox.faults.releaseHeld();
    expect(await shareNow(target)).toBe(0);
    expect(sandbox.faults.heldCount()).toBe(0);
  });

  it.each([
    ['forbidden', 'forbidden'],
    ['throttle', 'throttled'],
  ] as const)('that meets %s was not applied, and says so', async (fault, reason) => {
    const { target, view } = await start();
    sandbox.faults.nextPatch = fault;
    expect(await mesh.write(target, view, write, signal)).toMatchObject({ kind: 'unavailable', reason });
    expect(await shareNow(target)).toBe(0);
  });

  it('that is answered 401 once is sent again with fresh credentials', async () => {
    const { target, view } = await start();
    sandbox.faults.nextPatch = 'unauthorized';
    expect(await mesh.write(target, view, write, signal)).toEqual({ kind: 'applied', canaryShare: 5 });
  });

  it('keeps every other field of the VirtualService', async () => {
    edit(sandbox, where, (object) => ({
      ...object,
      metadata: { ...Object(object['metadata']), annotations: { team: 'payments' } },
    }));
    const { target, view } = await start();
    await mesh.write(target, view, write, signal);
    await mesh.write(target, await look(target), { ...write, share: 0, epoch: 2, end: true }, signal);
    const after = await look(target);
    expect(specOf(after.snapshot)).toBe(specOf(view.snapshot));
    expect(after.snapshot).toMatchObject({
      metadata: {
        annotations: { team: 'payments', 'canaryd.io/rollout': 'ro_1', 'canaryd.io/epoch': '2' },
      },
    });
  });

  it('that is accepted but does not show in the answer is ambiguous', async () => {
    const { target, view } = await start();
    const forgetful: Kube = {
      ...kube,
      patchVirtualService: async (name) => {
        const read = await kube.readVirtualService(name, signal);
        return read.kind === 'found' ? { kind: 'written', value: read.value } : { kind: 'missing' };
      },
    };
    expect(
      (await istioMesh(forgetful, { clusterDomain: 'cluster.local' }).write(target, view, write, signal))
        .kind,
    ).toBe('ambiguous');
  });
});

function specOf(snapshot: unknown): string {
  return JSON.stringify(Object(snapshot).spec);
}

describe('while no other call is answered', () => {
  let waiting: string[];

  beforeEach(() => {
    waiting = [];
    const never = (call: string) => () => {
      waiting.push(call);
      return new Promise<never>(() => {});
    };
    const stuck = {
      readVirtualService: never('get'),
      patchVirtualService: never('patch'),
      listPods: never('list'),
      listReplicaSets: never('list'),
    };
    mesh = istioMesh({ ...kube, ...stuck }, { clusterDomain: 'cluster.local' });
  });

  it('an urgent look sees all, and a write of 0 lands', async () => {
    const resolution = await istioMesh(kube, { clusterDomain: 'cluster.local' }).resolve(request, signal);
    if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
    const { target } = resolution;
    const view = await mesh.look(target, signal, { urgent: true });
    if (view.kind !== 'split') throw new Error(JSON.stringify(view));
    expect(view.readiness.stable).toMatchObject({ kind: 'known' });
    expect(await mesh.write(target, view, { ...write, share: 0 }, signal)).toEqual({
      kind: 'applied',
      canaryShare: 0,
    });
    expect(waiting).toEqual([]);
    void mesh.look(target, signal);
    expect(waiting.splice(0)).toEqual(['get', 'list', 'list']);
    void mesh.write(target, view, write, signal);
    expect(waiting).toEqual(['patch']);
  });
});
