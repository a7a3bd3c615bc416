import { describe, expect, it } from 'vitest';
import type { Mesh, MeshView } from '../../src/rollout/ports/mesh.ts';
import { pollInstant } from '../../src/rollout/sight.ts';
import { mood } from '../fakes/metrics.ts';
import { begun } from '../fakes/rollouts.ts';
import { atFive, id, where, world } from './turn-world.ts';

/** A mesh whose `recent` looks answer what was told before; it counts the looks of either kind. */
function telling(mesh: Mesh, told: () => MeshView | null) {
  const looks = { recent: 0, read: 0 };
  const look: Mesh['look'] = async (target, signal, options) => {
    const view = options?.recent === true ? told() : null;
    looks[view === null ? 'read' : 'recent'] += 1;
    return view ?? mesh.look(target, signal);
  };
  const writtenOn: (true | undefined)[] = [];
  const write: Mesh['write'] = (target, view, ...rest) => {
    writtenOn.push(view.recent);
    return mesh.write(target, view, ...rest);
  };
  return { looks, writtenOn, mesh: { ...mesh, look, write } };
}

/** At 5 % with its next poll due, and what a watch told of it a moment ago. */
async function toldOf() {
  const made = await atFive();
  const { mesh, clock, store } = made;
  const { target } = begun((await store.find(id))?.rollout);
  const seen = await mesh.look(target, new AbortController().signal);
  if (seen.kind !== 'split') throw new Error(seen.kind);
  clock.now += 10_000;
  return { ...made, told: { ...seen, recent: true as const } };
}

describe('a turn that is shown what a watch told', () => {
  it('reads nothing when it leaves all as it is', async () => {
    const { mesh, turn, told, found } = await toldOf();
    const telltale = telling(mesh, () => told);
    expect(await turn({ mesh: telltale.mesh })).toBe('done');
    expect(telltale.looks).toEqual({ recent: 1, read: 0 });
    expect((await found())?.state.kind).toBe('running');
  });

  it('changes nothing because of what is no longer so', async () => {
    const { mesh, turn, told, found, store } = await toldOf();
    const telltale = telling(mesh, () => ({ ...told, canaryShare: 40 }));
    const before = (await store.events(id, 0, 100)).length;
    expect(await turn({ mesh: telltale.mesh })).toBe('done');
    expect(telltale.looks).toEqual({ recent: 1, read: 1 });
    expect((await found())?.state.kind).toBe('running');
    expect((await store.events(id, 0, 100)).length).toBe(before);
  });

  it('pauses at a drift that it then reads itself', async () => {
    const { mesh, turn, told, found } = await toldOf();
    mesh.moveByAnotherHand(where, 40);
    const telltale = telling(mesh, () => ({ ...told, canaryShare: 40 }));
    await turn({ mesh: telltale.mesh });
    expect(telltale.looks).toEqual({ recent: 1, read: 1 });
    expect((await found())?.state).toMatchObject({ kind: 'paused', reason: { kind: 'drift', found: 40 } });
  });

  it('writes on what it has read, not on what it was told', async () => {
    const { mesh, mind, turn, told, clock, found } = await toldOf();
    mesh.touchByAnotherHand(where);
    mind.canary = mood.failing;
    const shown = telling(mesh, () => told);
    for (let polls = 0; polls < 3; polls += 1) {
      await turn({ mesh: shown.mesh });
      clock.now += 10_000;
    }
    expect([mesh.shareOf(where), (await found())?.state.kind]).toEqual([0, 'rolledBack']);
    expect(shown.writtenOn).toEqual([undefined]);
  });

  it('of a rollout on its way back reads the mesh itself', async () => {
    const { mesh, turn, told, say } = await toldOf();
    await say({ action: 'rollback' });
    const telltale = telling(mesh, () => told);
    await turn({ mesh: telltale.mesh });
    expect(telltale.looks.recent).toBe(0);
    expect(mesh.shareOf(where)).toBe(0);
  });
});

describe('the instant that a poll asks about', () => {
  it.each([
    [9, 1000],
    [10, 2000],
    [60, 2000],
  ])('lies, at an interval of %i s, on a grid of %i ms and never after the poll', (interval, gridMs) => {
    for (const now of [1_800_000_000_000, 1_800_000_001_999, 1_800_000_003_001]) {
      const at = pollInstant({ interval }, now);
      expect([at % gridMs, now - at >= 0 && now - at < gridMs]).toEqual([0, true]);
    }
  });

  it('is judged once, also when a poll comes so late that the next one is due at once', async () => {
    const { turn, clock, metrics, store } = await world();
    clock.now += 1000;
    await turn();
    clock.now += 19_500;
    await turn();
    const asked = metrics.asked.length;
    clock.now = (await store.find(id))?.nextAt ?? 0;
    await turn();
    expect(metrics.asked.length).toBe(asked);
    const again = (await store.find(id))?.nextAt ?? 0;
    expect(again - clock.now).toBe(1000);
    clock.now = again;
    await turn();
    expect(metrics.asked.length).toBe(asked + 1);
  });

  it('is what the metrics are asked for, so that polls of several rollouts can be one question', async () => {
    const { turn, clock, metrics } = await toldOf();
    clock.now += 1234;
    await turn();
    expect(metrics.asked.at(-1)?.at).toBe(clock.now - (clock.now % 2000));
  });
});
