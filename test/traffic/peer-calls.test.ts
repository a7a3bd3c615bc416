import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Mesh } from '../../src/rollout/ports/mesh.ts';
import type { AlsoRequest } from '../../src/rollout/target.ts';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { istioMesh } from '../../src/traffic/istio.ts';
import { connectKube, type Kube } from '../../src/traffic/kube.ts';
import { namespace, virtualServiceObject } from './sandbox-mesh.ts';

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

  it.each<[string, string, AlsoRequest, string]>([
    ['A27', 'that is not there', { virtualService: 'nobody' }, `no VirtualService ${namespace}/nobody`],
    [
      'A28',
      'without the route',
      { virtualService: 'gateway', route: 'b' },
      `VirtualService ${namespace}/gateway: no http route is named "b"`,
    ],
  ])('%s: a second VirtualService %s is refused before the first is written', async (...row) => {
    const [, , also, words] = row;
    expect(await mesh.resolve({ ...request, also: [also] }, signal)).toMatchObject({
      kind: 'shape',
      fault: { code: 'route-not-found', message: expect.stringContaining(words) },
    });
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
