import { beforeEach, describe, expect, it } from 'vitest';
import type { ManagedRoute } from '../../src/rollout/managed-route.ts';
import type { SplitView, WeightWrite, WriteOutcome } from '../../src/rollout/ports/mesh.ts';
import type { Target } from '../../src/rollout/target.ts';
import type { Where } from '../fakes/mesh.ts';
import type { MeshWorld } from './mesh-world.ts';

const signal = new AbortController().signal;

const testers: ManagedRoute = {
  kind: 'header',
  name: 'testers',
  match: [{ headers: { 'x-canary': { exact: 'true' } } }],
};
const mirror: ManagedRoute = { kind: 'mirror', name: 'mirror', match: null, percentage: 25 };

/** What every `Mesh` promises about managed routes. */
export function managedContract(worldOf: () => MeshWorld): void {
  describe('managed routes', () => {
    let world: MeshWorld;
    let where: Where;
    let target: Target;
    let epoch: number;

    beforeEach(async () => {
      world = worldOf();
      where = await world.add({ v1: 100, v2: 0 });
      const resolution = await world.mesh.resolve({ ...where, cluster: 'default' }, signal, [
        testers,
        mirror,
      ]);
      if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
      target = resolution.target;
      epoch = 0;
    });

    const look = async (): Promise<SplitView> => {
      const view = await world.mesh.look(target, signal);
      if (view.kind !== 'split') throw new Error(JSON.stringify(view));
      return view;
    };
    const write = async (more: Partial<WeightWrite>): Promise<WriteOutcome> => {
      epoch += 1;
      const full = { share: 0, rolloutId: 'ro_1', epoch, end: false, ...more };
      return world.mesh.write(target, await look(), full, signal);
    };

    it('are none at the start', async () => {
      expect((await look()).managedRoutes).toEqual([]);
    });

    it('stand there in the order that is asked for, while the share stays what it was', async () => {
      expect(await write({ managed: [testers, mirror] })).toEqual({ kind: 'applied', canaryShare: 0 });
      expect(await look()).toMatchObject({ canaryShare: 0, managedRoutes: ['testers', 'mirror'] });
      await write({ managed: [mirror, testers] });
      expect((await look()).managedRoutes).toEqual(['mirror', 'testers']);
    });

    it('stay while the share moves, and count for no part of it', async () => {
      await write({ managed: [testers, mirror] });
      expect(await write({ share: 33.33 })).toEqual({ kind: 'applied', canaryShare: 33.33 });
      expect(await look()).toMatchObject({ canaryShare: 33.33, managedRoutes: ['testers', 'mirror'] });
    });

    it('go one by one, and all at once', async () => {
      await write({ managed: [testers, mirror] });
      await write({ managed: [mirror] });
      expect((await look()).managedRoutes).toEqual(['mirror']);
      await write({ managed: [] });
      expect((await look()).managedRoutes).toEqual([]);
    });

    it.each([0, 100])('are gone with the write that ends at a share of %d', async (share) => {
      await write({ share: 20, managed: [testers, mirror] });
      expect(await write({ share, end: true })).toEqual({ kind: 'applied', canaryShare: share });
      expect((await look()).managedRoutes).toEqual([]);
    });

    it('are not put there on top of what somebody else has written since', async () => {
      const view = await look();
      await world.touch(where);
      const full = { share: 0, rolloutId: 'ro_1', epoch: 1, end: false, managed: [testers] };
      expect(await world.mesh.write(target, view, full, signal)).toEqual({ kind: 'conflict' });
      expect((await look()).managedRoutes).toEqual([]);
    });

    it('that somebody else wrote anew are told to a look that knows what is wanted, and are as wanted after the next write', async () => {
      const managed = [testers, mirror];
      const changed = async () => {
        const view = await world.mesh.look(target, signal, { managed });
        return view.kind === 'split' ? [view.managedRoutes, view.changedRoutes] : view;
      };
      await write({ share: 5, managed });
      expect(await changed()).toEqual([['testers', 'mirror'], []]);
      await world.spoilManaged(where);
      expect((await look()).changedRoutes).toEqual([]);
      expect(await changed()).toEqual([
        ['testers', 'mirror'],
        ['testers', 'mirror'],
      ]);
      await write({ share: 5, managed });
      expect(await changed()).toEqual([['testers', 'mirror'], []]);
    });

    it('stand as routes of the object before the route, and leave it as it was when they go', async ({
      skip,
    }) => {
      const { http } = world;
      if (http === undefined) return skip('this mesh has no objects');
      const before = await http(where);
      const [route] = before;
      const [v1, v2] = [route?.['route']].flat().map((one) => Object(one).destination);
      await write({ managed: [testers, mirror] });
      await write({ share: 5 });
      const weighted = [
        { destination: v1, weight: 95 },
        { destination: v2, weight: 5 },
      ];
      expect(await http(where)).toEqual([
        { ...route, name: 'canaryd-testers', match: testers.match, route: [{ destination: v2 }] },
        {
          ...route,
          name: 'canaryd-mirror',
          route: weighted,
          mirror: v2,
          mirrorPercentage: { value: 25 },
        },
        { ...route, route: weighted },
      ]);
      await write({ share: 0, end: true });
      expect(await http(where)).toEqual(before);
    });
  });
}
