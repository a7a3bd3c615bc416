import { describe, expect, it } from 'vitest';
import type { SplitView, WeightWrite } from '../../src/rollout/ports/mesh.ts';
import type { Target } from '../../src/rollout/target.ts';
import { type FakeMesh, type FakeMeshOptions, fakeMesh } from '../fakes/mesh.ts';

const where = { namespace: 'shop', virtualService: 'payment' };
const signal = new AbortController().signal;
const write: WeightWrite = { share: 5, rolloutId: 'ro_1', epoch: 1, end: false };

async function start(options: FakeMeshOptions): Promise<{ mesh: FakeMesh; target: Target; view: SplitView }> {
  const mesh = fakeMesh(options);
  mesh.add(where);
  const resolution = await mesh.resolve({ cluster: 'default', ...where }, signal);
  if (resolution.kind !== 'resolved') throw new Error(resolution.kind);
  const view = await mesh.look(resolution.target, signal);
  if (view.kind !== 'split') throw new Error(view.kind);
  return { mesh, target: resolution.target, view };
}

describe('a fake mesh with a safety rule taken out', () => {
  it('lets a late writer win when versions are not compared', async () => {
    const { mesh, target, view } = await start({ resourceVersion: false });
    await mesh.write(target, view, { ...write, share: 0, epoch: 2, end: true }, signal);
    await mesh.write(target, view, write, signal);
    expect(mesh.shareOf(where)).toBe(5);
  });

  it('lets a late writer win when a write of the same share spends nothing', async () => {
    const { mesh, target, view } = await start({ closingWrite: false });
    const before = mesh.at(where);
    await mesh.write(target, view, { ...write, share: 0, epoch: 2, end: true }, signal);
    expect(mesh.at(where)).toEqual(before);
    await mesh.write(target, view, write, signal);
    expect(mesh.shareOf(where)).toBe(5);
  });
});

describe('a fake mesh that is told to fail', () => {
  it('answers the failure and may land the write all the same', async () => {
    const { mesh, target, view } = await start({});
    mesh.failNextWrite({ kind: 'conflict' });
    mesh.failNextWrite({ kind: 'ambiguous', why: 'reset' }, { landed: true });
    expect((await mesh.write(target, view, write, signal)).kind).toBe('conflict');
    expect(mesh.writes(where)).toEqual([]);
    expect((await mesh.write(target, view, write, signal)).kind).toBe('ambiguous');
    expect(mesh.writes(where)).toEqual([{ share: 5, epoch: 1, rolloutId: 'ro_1' }]);
  });

  it('answers the breakdown to everything until it is mended', async () => {
    const { mesh, target } = await start({});
    mesh.breakDown({ kind: 'unavailable', reason: 'unreachable', why: 'down' });
    expect((await mesh.look(target, signal)).kind).toBe('unavailable');
    mesh.breakDown(null);
    expect((await mesh.look(target, signal)).kind).toBe('split');
  });
});
