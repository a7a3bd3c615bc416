import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeItSo } from '../../src/rollout/make-so.ts';
import type { ManagedRoute } from '../../src/rollout/managed-route.ts';
import type { Mesh } from '../../src/rollout/ports/mesh.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import type { AlsoRequest } from '../../src/rollout/target.ts';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { istioMesh } from '../../src/traffic/istio.ts';
import { connectKube, type Kube } from '../../src/traffic/kube.ts';
import type { Where } from '../fakes/mesh.ts';
import { aRollout, rolloutId } from '../fakes/rollouts.ts';
import { alice } from '../rollout/drive.ts';
import { gatewayObject, httpOf, namespace, remove, virtualServiceObject } from './sandbox-mesh.ts';

const signal = AbortSignal.timeout(60_000);
const request = { cluster: 'default', namespace, virtualService: 'payment' };

let sandbox: Sandbox;
let kube: Kube;
let mesh: Mesh;

beforeAll(async () => {
  sandbox = await startSandbox({ tickMs: 0 });
  for (const virtualService of ['payment', 'gateway']) {
    storeObject(sandbox.store, virtualServiceObject({ namespace, virtualService }, { v1: 100, v2: 0 }));
  }
  kube = await connectKube({ kind: 'text', text: sandbox.kubeconfig });
  mesh = istioMesh(kube, { clusterDomain: 'cluster.local' });
});
afterAll(async () => {
  await kube.close();
  await sandbox.close();
});

describe('objects that are asked for, as Argo does', () => {
  it('A22: a VirtualService that is not there is told as missing', async () => {
    expect(await mesh.resolve({ ...request, virtualService: 'nobody' }, signal)).toEqual({ kind: 'missing' });
  });

  it('A26: two VirtualServices with a named route each are moved together', async () => {
    const also = [{ virtualService: 'gateway', route: 'primary' }];
    expect(await mesh.resolve({ ...request, route: 'primary', also }, signal)).toMatchObject({
      kind: 'resolved',
      target: { routes: [{ key: { name: 'primary' } }], also: [{ virtualService: 'gateway' }] },
    });
  });

  it('A27: a second VirtualService that is not there is named as missing before the first is written', async () => {
    const also = [{ virtualService: 'nobody' }];
    const name = `${namespace}/nobody`;
    expect(await mesh.resolve({ ...request, also }, signal)).toEqual({ kind: 'missing', name });
  });

  it('A28: a second VirtualService without the route is refused before the first is written', async () => {
    const also: AlsoRequest[] = [{ virtualService: 'gateway', route: 'b' }];
    const words = `VirtualService ${namespace}/gateway: no http route is named "b"`;
    expect(await mesh.resolve({ ...request, also }, signal)).toMatchObject({
      kind: 'shape',
      fault: { code: 'route-not-found', message: expect.stringContaining(words) },
    });
  });
});

describe('objects that are not there, as Flagger does', () => {
  it('F1, ours: where nothing exists nothing is made, and the start is refused', async () => {
    const before = sandbox.writes.length;
    const nowhere = { cluster: 'default', namespace: 'empty', virtualService: 'podinfo' };
    expect(await mesh.resolve(nowhere, signal)).toEqual({ kind: 'missing' });
    expect(sandbox.writes).toHaveLength(before);
  });
});

describe('taking managed routes away, as Argo does', () => {
  const first = { namespace, virtualService: 'shop' };
  const second = { namespace: 'edge', virtualService: 'front' };
  const testers = { headers: { 'x-canary': { exact: 'true' } } };
  const managed: ManagedRoute[] = [{ kind: 'header', name: 'testers', match: [testers] }];
  const names = (where: Where) => httpOf(sandbox, where).map(({ name }) => name);

  /** Both at 5 % behind a managed route, and a rollout that goes back. */
  async function goingBack(also: Where[]): Promise<Rollout> {
    remove(sandbox, first);
    remove(sandbox, second);
    storeObject(sandbox.store, virtualServiceObject(first, { v1: 100, v2: 0 }));
    storeObject(sandbox.store, gatewayObject(second, { v1: 100, v2: 0 }));
    const found = await mesh.resolve({ cluster: 'default', ...first, also }, signal);
    if (found.kind !== 'resolved') throw new Error(JSON.stringify(found));
    const view = await mesh.look(found.target, signal);
    if (view.kind !== 'split') throw new Error(view.kind);
    const write = { share: 5, rolloutId: rolloutId(1), epoch: 1, end: false, managed };
    expect((await mesh.write(found.target, view, write, signal)).kind).toBe('applied');
    expect(names(first)).toEqual(['canaryd-testers', 'primary']);
    const cause = { kind: 'operator' as const, reason: null };
    const state = { kind: 'rollingBack' as const, since: 0, cause, by: alice, stuck: null, firstEpoch: 2 };
    return aRollout({ target: found.target, state });
  }

  const back = async (rollout: Rollout) => {
    const view = await mesh.look(rollout.target, signal, { urgent: true, partial: true });
    if (view.kind !== 'split') throw new Error(JSON.stringify(view));
    const deps = { mesh, deadline: (ms: number) => AbortSignal.timeout(ms), rest: async () => undefined };
    const effect = { rollout, write: { share: 0, end: true }, epoch: 2, lease: signal };
    return (await makeItSo(deps, effect, view)).outcome;
  };

  it('A38: where one of two VirtualServices is gone the other one is cleaned all the same, and the gap is told by name', async () => {
    const rollout = await goingBack([second]);
    remove(sandbox, second);
    expect(await back(rollout)).toEqual({
      kind: 'ambiguous',
      why: `edge/front: the VirtualService is gone; ${namespace}/shop is at 0 %`,
    });
    expect(names(first)).toEqual(['primary']);
  });

  it.each<['GET' | 'PATCH', string]>([
    ['GET', 'get'],
    ['PATCH', 'patch'],
  ])('A39: a %s that is refused is told with the name of its object, and the other one is cleaned', async (_, verb) => {
    const rollout = await goingBack([second]);
    const user = sandbox.users.find(({ name }) => name === 'canaryd');
    if (user === undefined) throw new Error('the sandbox has no user canaryd');
    const all = { groups: ['*'], resources: ['*'] };
    const rules = [
      { ...all, verbs: ['get', 'list', 'watch', 'patch'].filter((one) => one !== verb) },
      { ...all, verbs: [verb], namespaces: [namespace] },
    ];
    sandbox.users.splice(sandbox.users.indexOf(user), 1, { ...user, rules });
    const outcome = await back(rollout);
    sandbox.users.splice(
      sandbox.users.findIndex(({ name }) => name === 'canaryd'),
      1,
      user,
    );
    expect(outcome).toMatchObject({
      why: expect.stringMatching(new RegExp(`edge/front: .*cannot ${verb} .*; ${namespace}/shop is at 0 %$`)),
    });
    expect(names(first)).toEqual(['primary']);
    expect(names(second)).toEqual(['canaryd-testers', 'primary']);
  });
});

describe('the number of writes', () => {
  it.each([
    ['A16: a share is one patch', 10],
    [
      'A15, ours: a share that stands there is one patch, too: it spends the version that a late writer has',
      0,
    ],
  ])('%s', async (_name, share) => {
    const resolved = await mesh.resolve(request, signal);
    if (resolved.kind !== 'resolved') throw new Error(resolved.kind);
    const view = await mesh.look(resolved.target, signal);
    if (view.kind !== 'split') throw new Error(view.kind);
    const patches: unknown[] = [];
    const patchVirtualService: Kube['patchVirtualService'] = (name, patch, until) => {
      patches.push(patch);
      return kube.patchVirtualService(name, patch, until);
    };
    const counted = { ...kube, patchVirtualService, urgent: { ...kube.urgent, patchVirtualService } };
    const write = { share, rolloutId: 'ro_1', epoch: 1, end: false };
    const mine = istioMesh(counted, { clusterDomain: 'cluster.local' });
    expect((await mine.write(resolved.target, view, write, signal)).kind).toBe('applied');
    expect(patches).toHaveLength(1);
    const back = await mesh.look(resolved.target, signal);
    if (back.kind !== 'split') throw new Error(back.kind);
    await mesh.write(resolved.target, back, { ...write, share: 0, end: true }, signal);
  });
});
