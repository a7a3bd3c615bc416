import { beforeEach, describe, expect, it } from 'vitest';
import type { LookOptions, SplitView, WeightWrite, WriteOutcome } from '../../src/rollout/ports/mesh.ts';
import type { Target } from '../../src/rollout/target.ts';
import type { Where } from '../fakes/mesh.ts';
import type { MeshWorld } from './mesh-world.ts';

const signal = new AbortController().signal;

/** What every `Mesh` promises about a target of several VirtualServices. */
export function severalContract(worldOf: () => MeshWorld): void {
  describe('several VirtualServices of a target', () => {
    let world: MeshWorld;
    let one: Where;
    let two: Where;
    let target: Target;

    const resolve = () => world.mesh.resolve({ ...one, cluster: 'default', also: [two] }, signal);

    beforeEach(async () => {
      world = worldOf();
      one = await world.add({ v1: 100, v2: 0 });
      two = await world.add({ v1: 100, v2: 0 });
      const resolution = await resolve();
      if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
      target = resolution.target;
    });

    const seen = async (options?: LookOptions): Promise<SplitView> => {
      const view = await world.mesh.look(target, signal, options);
      if (view.kind !== 'split') throw new Error(JSON.stringify(view));
      return view;
    };
    const put = (view: SplitView, more: Partial<WeightWrite>): Promise<WriteOutcome> =>
      world.mesh.write(target, view, { share: 5, rolloutId: 'ro_1', epoch: 1, end: false, ...more }, signal);
    const weights = async () => [await world.weights(one), await world.weights(two)];
    const nameOf = ({ namespace, virtualService }: Where) => `${namespace}/${virtualService}`;

    it('are found at the start, each with its own uid', async () => {
      expect(target).toMatchObject({ ...one, also: [two] });
      expect(target.also[0]?.uid).not.toBe(target.uid);
      expect((await seen()).uid).toBe(`${target.uid},${target.also[0]?.uid}`);
    });

    it('are refused at the start when one is not there, or not at rest', async () => {
      await world.setShares(two, { v1: 90, v2: 10 });
      expect(await resolve()).toMatchObject({ kind: 'shape', fault: { code: 'split-not-at-rest' } });
      await world.remove(two);
      expect(await resolve()).toEqual({ kind: 'missing', name: nameOf(two) });
    });

    it('are all moved by one write, and bear its rollout and epoch', async () => {
      expect(await put(await seen(), { share: 20, epoch: 7 })).toEqual({ kind: 'applied', canaryShare: 20 });
      expect(await weights()).toEqual([
        [80, 20],
        [80, 20],
      ]);
      const owner = { rolloutId: 'ro_1', epoch: 7 };
      const objects = [one, two].map((where) => ({ name: nameOf(where), canaryShare: 20, owner }));
      expect(await seen()).toMatchObject({ canaryShare: 20, objects });
      expect(await seen()).not.toHaveProperty('lowestShare');
    });

    it('get back their own weights at the end', async () => {
      await put(await seen(), { share: 20 });
      await put(await seen(), { share: 0, end: true, epoch: 2 });
      expect(await weights()).toEqual([
        [100, 0],
        [100, 0],
      ]);
    });

    it('are written in their order up to the first that somebody else has written since', async () => {
      const view = await seen();
      await world.touch(two);
      expect(await put(view, { share: 20 })).toEqual({ kind: 'conflict', done: [nameOf(one)] });
      expect(await weights()).toEqual([
        [80, 20],
        [100, 0],
      ]);
      expect(await seen()).toMatchObject({ canaryShare: 20, lowestShare: 0 });
    });

    it('go to 0 % each by itself, whatever becomes of the others', async () => {
      await put(await seen(), { share: 20 });
      const view = await seen();
      await world.touch(one);
      expect((await put(view, { share: 0, end: true, epoch: 2 })).kind).not.toBe('applied');
      expect(await weights()).toEqual([
        [80, 20],
        [100, 0],
      ]);
    });

    it('are one view of the highest share, whoever moved one of them', async () => {
      await put(await seen(), { share: 20 });
      await world.setShares(two, { v1: 60, v2: 40 });
      expect(await seen()).toMatchObject({ canaryShare: 40, lowestShare: 20 });
      await world.setShares(two, { v1: 99, v2: 1 });
      expect(await seen()).toMatchObject({ canaryShare: 20, lowestShare: 1 });
    });

    it('are missing as soon as one of them is, with its name and what can be read of the others', async () => {
      await world.remove(two);
      expect(await world.mesh.look(target, signal)).toMatchObject({
        kind: 'missing',
        name: nameOf(two),
        readable: { canaryShare: 0, objects: [{ name: nameOf(one) }] },
      });
    });

    it('are read as far as that is possible when that is asked for', async () => {
      await put(await seen(), { share: 20 });
      await world.remove(one);
      expect(await seen({ partial: true })).toMatchObject({
        canaryShare: 20,
        uid: `${target.uid},${target.also[0]?.uid}`,
        objects: [{ name: nameOf(two) }],
        gaps: [{ name: nameOf(one), view: { kind: 'missing' } }],
      });
      await world.remove(two);
      expect((await world.mesh.look(target, signal, { partial: true })).kind).toBe('missing');
    });

    it('that have lost stable’s destination do not keep the others from going back', async () => {
      await world.setShares(one, { v2: 100 });
      expect(await seen({ partial: true })).toMatchObject({
        hasStable: true,
        objects: [{ name: nameOf(two) }],
        gaps: [{ name: nameOf(one), view: { kind: 'shape' } }],
      });
      expect(await seen()).toMatchObject({ hasStable: false });
    });

    it('are previewed one after the other, each change with its place', async () => {
      const writes = [{ share: 5, end: false }];
      const request = { ...one, cluster: 'default', also: [two] };
      const preview = await world.mesh.preview(request, writes, signal);
      if (preview.kind !== 'preview') throw new Error(JSON.stringify(preview));
      expect(preview.changes.flat().map(({ object, value }) => [object, value])).toEqual([
        [nameOf(one), 95],
        [nameOf(one), 5],
        [nameOf(two), 95],
        [nameOf(two), 5],
      ]);
    });
  });
}
