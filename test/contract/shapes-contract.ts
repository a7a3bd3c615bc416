import { beforeEach, describe, expect, it, type TestContext } from 'vitest';
import type { ManagedRoute } from '../../src/rollout/managed-route.ts';
import type { SplitView, WeightWrite, WriteOutcome } from '../../src/rollout/ports/mesh.ts';
import type { Target, TargetRequest } from '../../src/rollout/target.ts';
import { type Json, listAt } from '../../src/sandbox/json.ts';
import type { Where } from '../fakes/mesh.ts';
import { service } from './cluster-objects.ts';
import type { MeshObjects, MeshWorld } from './mesh-world.ts';

const signal = new AbortController().signal;
const testers: ManagedRoute = {
  kind: 'header',
  name: 'testers',
  match: [{ headers: { 'x-canary': { exact: 'true' } } }],
};
const destination = (subset: string, weight: number) => ({
  destination: { host: service, subset },
  weight,
});
const split = (stable: number, canary: number) => [destination('v1', stable), destination('v2', canary)];

/** What every `Mesh` whose objects are Istio's promises about the shapes of a VirtualService. */
export function shapesContract(worldOf: () => MeshWorld): void {
  describe('a VirtualService of another shape', () => {
    let world: MeshWorld;
    let objects: MeshObjects;
    let where: Where;

    beforeEach(async (test: TestContext) => {
      world = worldOf();
      if (world.objects === undefined) return test.skip('this mesh has no objects');
      objects = world.objects;
      where = await world.add({ v1: 100, v2: 0 });
    });

    const ask = (more: Partial<TargetRequest>, managed: ManagedRoute[]) =>
      world.mesh.resolve({ ...where, ...more, cluster: 'default' }, signal, managed);
    const resolve = async (more: Partial<TargetRequest> = {}): Promise<Target> => {
      const found = await ask(more, []);
      if (found.kind !== 'resolved') throw new Error(JSON.stringify(found));
      return found.target;
    };
    const look = async (target: Target, managed: ManagedRoute[] = []): Promise<SplitView> => {
      const view = await world.mesh.look(target, signal, { managed });
      if (view.kind !== 'split') throw new Error(JSON.stringify(view));
      return view;
    };
    const put = async (target: Target, more: Partial<WeightWrite>): Promise<WriteOutcome> => {
      const write = { share: 0, rolloutId: 'ro_1', epoch: 1, end: false, ...more };
      return world.mesh.write(target, await look(target), write, signal);
    };
    const http = async (at: Where): Promise<Json | undefined> => (await objects.spec(at))['http'];

    it('in another namespace is moved with the first one, has its managed routes, and gets its own weights back', async () => {
      const edge = await objects.elsewhere({ v1: 3, v2: 0 });
      expect(edge.namespace).not.toBe(where.namespace);
      const before = [await objects.spec(where), await objects.spec(edge)];
      const target = await resolve({ also: [edge] });
      expect(await put(target, { share: 5, managed: [testers] })).toEqual({
        kind: 'applied',
        canaryShare: 5,
      });
      expect(await look(target)).toMatchObject({
        canaryShare: 5,
        managedRoutes: ['testers'],
        objects: [where, edge].map((one) => ({ name: `${one.namespace}/${one.virtualService}` })),
      });
      for (const one of [where, edge]) {
        expect(await http(one)).toMatchObject([
          { name: 'canaryd-testers', route: [{ destination: { subset: 'v2' } }] },
          { name: 'primary', route: [{ weight: 95 }, { weight: 5 }] },
        ]);
      }
      await put(target, { share: 0, end: true, epoch: 2 });
      expect([await objects.spec(where), await objects.spec(edge)]).toEqual(before);
    });

    it('in another namespace goes back when the first one is gone', async () => {
      const edge = await objects.elsewhere({ v1: 100, v2: 0 });
      const target = await resolve({ also: [edge] });
      await put(target, { share: 20, managed: [testers] });
      await world.remove(where);
      const view = await world.mesh.look(target, signal, { partial: true });
      if (view.kind !== 'split') throw new Error(JSON.stringify(view));
      expect(view.gaps).toMatchObject([{ view: { kind: 'missing' } }]);
      const write = { share: 0, rolloutId: 'ro_1', epoch: 2, end: true };
      await world.mesh.write(target, view, write, signal);
      expect(await http(edge)).toMatchObject([{ name: 'primary', route: [{ weight: 100 }, { weight: 0 }] }]);
    });

    it('with a tcp route and a tls route beside the http route has all three moved, and back as they were', async () => {
      const stream = { match: [{ port: 5432 }], route: split(100, 0) };
      const secure = { match: [{ port: 443, sniHosts: ['pay.bank'] }], route: split(100, 0) };
      await objects.mergeSpec(where, { hosts: [service, 'pay.bank'], tcp: [stream], tls: [secure] });
      const before = await objects.spec(where);
      const target = await resolve();
      expect(target.routes.map(({ key }) => key.kind).sort()).toEqual(['http', 'tcp', 'tls']);
      expect(await put(target, { share: 10 })).toEqual({ kind: 'applied', canaryShare: 10 });
      expect(await objects.spec(where)).toEqual({
        ...before,
        http: [expect.objectContaining({ route: split(90, 10) })],
        tcp: [{ ...stream, route: split(90, 10) }],
        tls: [{ ...secure, route: split(90, 10) }],
      });
      await put(target, { share: 0, end: true, epoch: 2 });
      expect(await objects.spec(where)).toEqual(before);
    });

    it('of which one tcp route is named has only that moved', async () => {
      const streams = [5432, 5433].map((port) => ({ match: [{ port }], route: split(100, 0) }));
      await objects.mergeSpec(where, { tcp: streams });
      const before = await objects.spec(where);
      expect(await ask({ tcp: [{ port: 5433 }] }, [testers])).toMatchObject({
        kind: 'shape',
        fault: { path: 'spec', message: expect.stringContaining('leave testers out of the plan') },
      });
      await put(await resolve({ tcp: [{ port: 5433 }] }), { share: 25 });
      const [first, second] = streams;
      expect(await objects.spec(where)).toEqual({
        ...before,
        tcp: [first, { ...second, route: split(75, 25) }],
      });
    });

    it('with a third destination keeps its part at every share, and its number at the end', async () => {
      where = await world.add({ v1: 75, v2: 0, v3: 25 });
      const target = await resolve({ stable: { subset: 'v1' }, canary: { subset: 'v2' } });
      expect(await put(target, { share: 20 })).toEqual({ kind: 'applied', canaryShare: 20 });
      expect(await world.weights(where)).toEqual([60, 15, 25]);
      await put(target, { share: 10, epoch: 2 });
      expect(await world.weights(where)).toEqual([135, 15, 50]);
      await put(target, { share: 100, end: true, epoch: 3 });
      expect(await world.weights(where)).toEqual([0, 75, 25]);
    });

    it('with two named routes has a managed route before each, and tells when one copy is gone', async () => {
      const routes = [
        { name: 'api', match: [{ uri: { prefix: '/api' } }], route: split(100, 0) },
        { name: 'web', timeout: '3s', route: split(100, 0) },
      ];
      await objects.mergeSpec(where, { http: routes });
      const target = await resolve({ routes: ['api', 'web'] });
      await put(target, { share: 5, managed: [testers] });
      const standing = listAt({ spec: await objects.spec(where) }, 'spec', 'http');
      expect(standing.map((route) => Object(route).name)).toEqual([
        'canaryd-testers',
        'api',
        'canaryd-testers',
        'web',
      ]);
      expect(standing[0]).toMatchObject({
        match: [{ uri: { prefix: '/api' }, headers: { 'x-canary': { exact: 'true' } } }],
      });
      expect((await look(target, [testers])).changedRoutes).toEqual([]);
      await objects.mergeSpec(where, { http: standing.filter((_, index) => index !== 2) });
      expect(await look(target, [testers])).toMatchObject({
        managedRoutes: ['testers'],
        changedRoutes: ['testers'],
      });
      await put(target, { share: 5, epoch: 2, managed: [testers] });
      expect((await look(target, [testers])).changedRoutes).toEqual([]);
      await put(target, { share: 0, epoch: 3, end: true });
      expect(await http(where)).toEqual(routes);
    });
  });
}
