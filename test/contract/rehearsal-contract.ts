import { beforeEach, describe, expect, it } from 'vitest';
import type { SplitView } from '../../src/rollout/ports/mesh.ts';
import type { Target } from '../../src/rollout/target.ts';
import type { Where } from '../fakes/mesh.ts';
import type { MeshWorld } from './mesh-world.ts';

const signal = new AbortController().signal;
const write = { share: 5, rolloutId: 'ro_1', epoch: 1, end: false };

/** What every `Mesh` promises about writes that are only tried. */
export function rehearsalContract(worldOf: () => MeshWorld): void {
  describe('a rehearsal', () => {
    let world: MeshWorld;
    let where: Where;
    let target: Target;
    let view: SplitView;

    beforeEach(async () => {
      world = worldOf();
      where = await world.add({ v1: 100, v2: 0 });
      const resolution = await world.mesh.resolve({ ...where, cluster: 'default' }, signal);
      if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
      target = resolution.target;
      const seen = await world.mesh.look(target, signal);
      if (seen.kind !== 'split') throw new Error(JSON.stringify(seen));
      view = seen;
    });

    it('of the first write and of the way back is accepted, and changes nothing', async () => {
      const back = { ...write, share: 0, end: true };
      expect(await world.mesh.rehearse(target, view, write, signal)).toEqual({ kind: 'accepted' });
      expect(await world.mesh.rehearse(target, view, back, signal)).toEqual({ kind: 'accepted' });
      expect(await world.weights(where)).toEqual([100, 0]);
      expect(await world.mesh.look(target, signal)).toMatchObject({ canaryShare: 0, owner: null });
    });

    it('leaves the snapshot to the write itself', async () => {
      await world.mesh.rehearse(target, view, write, signal);
      expect((await world.mesh.write(target, view, write, signal)).kind).toBe('applied');
    });

    it('knows nothing once another hand has written, or the object is gone', async () => {
      await world.touch(where);
      expect((await world.mesh.rehearse(target, view, write, signal)).kind).toBe('unknown');
      await world.remove(where);
      expect((await world.mesh.rehearse(target, view, write, signal)).kind).toBe('unknown');
    });

    it('and the question for other routes say so when there is no time', async () => {
      const aborted = AbortSignal.abort();
      expect((await world.mesh.rehearse(target, view, write, aborted)).kind).toBe('unknown');
      expect((await world.mesh.otherRoutes(target, aborted)).unknown).not.toEqual([]);
    });
  });
}
