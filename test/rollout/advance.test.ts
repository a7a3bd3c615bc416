import { describe, expect, it } from 'vitest';
import type { Mesh } from '../../src/rollout/ports/mesh.ts';
import type { Change, Store } from '../../src/rollout/ports/store.ts';
import { mood } from '../fakes/metrics.ts';
import { start } from '../fakes/rollouts.ts';

import { atFive, id, turnedBack, where, world } from './turn-world.ts';

describe('a turn on the way back that finds another object than the one it decided on', () => {
  it('leaves it to the next turn, which has seen it', async () => {
    const { mesh, turn, deps } = await turnedBack();
    const write: Mesh['write'] = async (...asked) => {
      mesh.recreate(where, { v1: 95, v2: 5 });
      return mesh.write(...asked);
    };
    await turn({ mesh: { ...deps.mesh, write } });
    expect(mesh.shareOf(where)).toBe(5);
  });
});

describe('a turn that goes back without a database', () => {
  const lost: Partial<Store> = {
    save: async () => {
      throw new Error('connection terminated');
    },
  };

  it('takes the traffic from the canary all the same, and leaves word in the object', async () => {
    const { store, mesh, mind, turn, run, clock } = await world();
    await run(5);
    mind.canary = mood.failing;
    await run(11);
    expect(mesh.shareOf(where)).toBe(5);
    clock.now += 10_000;
    await expect(turn({ store: { ...store, ...lost } })).rejects.toThrow('connection terminated');
    expect(mesh.shareOf(where)).toBe(0);
    expect(mesh.at(where)?.rolledBack?.rolloutId).toBe(id);
  });

  it('is recorded by the first turn that has a database again', async () => {
    const { store, mind, turn, run, clock } = await world();
    await run(5);
    mind.canary = mood.failing;
    await run(11);
    clock.now += 10_000;
    await turn({ store: { ...store, ...lost } }).catch(() => undefined);
    clock.now += 16_000;
    await run(60);
    const found = await store.find(id);
    expect(found?.rollout.state).toMatchObject({ kind: 'rolledBack', cause: { kind: 'outOfBand' } });
  });

  it('keeps what was measured where the audit log has no room: bad news need not come twice in one turn', async () => {
    const { store, mind, turn, run, clock, found } = await world();
    await run(5);
    const noRoom: Store['save'] = async (...asked) => {
      if (asked[2].events.length > 0) throw new Error('no room left');
      return store.save(...asked);
    };
    mind.canary = mood.unavailable;
    clock.now += 10_000;
    await expect(turn({ store: { ...store, save: noRoom } })).rejects.toThrow('no room left');
    const kept = await found();
    expect(kept?.state.kind).toBe('running');
    expect(kept?.watch.metricsMissing).not.toBeNull();
    expect((await store.find(id))?.nextAt).toBeGreaterThan(clock.now);
    expect((await store.events(id, 0, 100)).map(({ type }) => type)).not.toContain('rollout.holding');
  });

  it('moves nothing forward', async () => {
    const { store, mesh, turn, clock } = await world();
    for (let time = 0; time < 3; time += 1) {
      await turn({ store: { ...store, ...lost } }).catch(() => undefined);
      clock.now += 16_000;
    }
    expect(mesh.writes(where)).toEqual([]);
  });
});

describe('a turn', () => {
  it('writes the weight that it decided, and is done', async () => {
    const { turn, mesh, found } = await world();
    expect(await turn()).toBe('done');
    expect(mesh.shareOf(where)).toBe(5);
    expect((await found())?.traffic).toMatchObject({ desired: 5, applied: 5, intent: null });
  });

  it('that is not due touches nothing', async () => {
    const { turn, mesh, metrics } = await atFive();
    const before = { writes: mesh.writes(where).length, asked: metrics.asked.length };
    expect(await turn()).toBe('not-due');
    expect({ writes: mesh.writes(where).length, asked: metrics.asked.length }).toEqual(before);
  });

  it('of a rollout that another worker has is not due', async () => {
    const { turn, store, mesh } = await world();
    await store.claim(id, 'w2', 15);
    expect(await turn()).toBe('not-due');
    expect(mesh.writes(where)).toEqual([]);
  });

  it('that lost its lease while it looked stops before the patch', async () => {
    const { turn, deps, clock, store, mesh, rung } = await world();
    const slow: Mesh = {
      ...deps.mesh,
      look: async (target, signal) => {
        const view = await deps.mesh.look(target, signal);
        clock.now += 16_000;
        await store.claim(id, 'w2', 15);
        return view;
      },
    };
    expect(await turn({ mesh: slow })).toBe('fenced');
    expect([mesh.writes(where), rung]).toEqual([[], []]);
  });

  it('whose rollout a person commanded while it looked stops before the patch', async () => {
    const { turn, deps, say, mesh, found } = await world();
    const slow: Mesh = {
      ...deps.mesh,
      look: async (target, signal) => {
        const view = await deps.mesh.look(target, signal);
        await say({ action: 'cancel' });
        return view;
      },
    };
    expect(await turn({ mesh: slow })).toBe('fenced');
    expect([mesh.writes(where), (await found())?.state.kind]).toEqual([[], 'cancelled']);
  });

  it('that lost its lease while it wrote leaves the end to its successor', async () => {
    const { turn, deps, clock, store, mesh, found } = await world();
    const slow: Mesh = {
      ...deps.mesh,
      write: async (...call) => {
        const outcome = await deps.mesh.write(...call);
        clock.now += 16_000;
        await store.claim(id, 'w2', 15);
        return outcome;
      },
    };
    expect(await turn({ mesh: slow })).toBe('fenced');
    expect(mesh.shareOf(where)).toBe(5);
    expect((await found())?.traffic).toMatchObject({ desired: 5, applied: 0, intent: { share: 5 } });
  });

  it('writes down what it will do before it does it', async () => {
    const { turn, deps, found } = await world();
    const seen: unknown[] = [];
    const watching: Mesh = {
      ...deps.mesh,
      write: async (...call) => {
        seen.push((await found())?.traffic.intent);
        return deps.mesh.write(...call);
      },
    };
    await turn({ mesh: watching });
    expect(seen).toEqual([{ share: 5, end: false, attempts: 1, managed: false }]);
  });

  it('on the way forward tries once, and leaves a conflict to its next turn', async () => {
    const { turn, mesh, rests, clock, store } = await world();
    mesh.failNextWrite({ kind: 'conflict' });
    await turn();
    expect([mesh.shareOf(where), rests]).toEqual([0, []]);
    expect((await store.find(id))?.nextAt).toBe(clock.now + 250);
  });
});

describe('the alarm', () => {
  it('rings once for a turn that writes, with its next look, when the lease is given back', async () => {
    const { turn, deps, rung, store, clock } = await world();
    const saves: boolean[] = [];
    const watching: Store = {
      ...deps.store,
      save: (rolloutId_, epoch, change: Change) => {
        saves.push(change.release);
        return deps.store.save(rolloutId_, epoch, change);
      },
    };
    await turn({ store: watching });
    expect(saves).toEqual([false, true]);
    expect(rung).toEqual([{ at: (await store.find(id))?.nextAt, isFree: true }]);
    expect(rung[0]?.at).toBe(clock.now + 10_000);
  });

  it('rings for a turn that only looks', async () => {
    const { turn, rung, clock } = await atFive();
    clock.now += 10_000;
    await turn();
    expect(rung.map(({ at }) => (at - start) / 1000)).toEqual([10, 20]);
  });

  it('does not ring for a rollout that has ended', async () => {
    const { turn, rung, found } = await turnedBack();
    const before = rung.length;
    await turn();
    expect([(await found())?.state.kind, rung.length]).toEqual(['rolledBack', before]);
  });
});

describe('going back', () => {
  it('reads no metrics', async () => {
    const { turn, metrics, mesh } = await turnedBack();
    const before = metrics.asked.length;
    await turn();
    expect([metrics.asked.length, mesh.shareOf(where)]).toEqual([before, 0]);
  });

  it('tries again at once, after a short rest, when somebody else wrote first', async () => {
    const { turn, deps, mesh, rests, found } = await turnedBack();
    let hands = 3;
    const busy: Mesh = {
      ...deps.mesh,
      write: (...call) => {
        if (hands > 0) mesh.touchByAnotherHand(where);
        hands -= 1;
        return deps.mesh.write(...call);
      },
    };
    expect(await turn({ mesh: busy })).toBe('done');
    expect(rests).toEqual([50, 50, 50]);
    expect([mesh.shareOf(where), (await found())?.state.kind]).toEqual([0, 'rolledBack']);
  });

  it('tells of a raise that landed between its look and its write', async () => {
    const { turn, deps, mesh, store } = await turnedBack();
    let isFirst = true;
    const busy: Mesh = {
      ...deps.mesh,
      write: (...call) => {
        if (isFirst) mesh.moveByAnotherHand(where, 20);
        isFirst = false;
        return deps.mesh.write(...call);
      },
    };
    await turn({ mesh: busy });
    const told = (await store.events(id, 0, 100)).filter(({ type }) => type.startsWith('weight.'));
    expect(told.slice(-2).map(({ type, facts }) => [type, facts['from'], facts['to']])).toEqual([
      ['weight.found', 5, 20],
      ['weight.applied', 20, 0],
    ]);
  });

  it('gives its turn back when its time is up, and goes on with the next one', async () => {
    const { turn, deps, mesh, rests, clock, store } = await turnedBack();
    const time = new AbortController();
    let attempts = 0;
    const busy: Mesh = {
      ...deps.mesh,
      write: async () => {
        attempts += 1;
        if (attempts === 5) time.abort();
        return attempts > 5 ? { kind: 'missing' } : { kind: 'conflict' };
      },
    };
    const deadline = (ms: number) => (ms === 11_000 ? time.signal : new AbortController().signal);
    expect(await turn({ mesh: busy, deadline })).toBe('done');
    expect(rests).toHaveLength(4);
    expect((await store.find(id))?.nextAt).toBe(clock.now + 1000);
    clock.now += 1000;
    await turn();
    expect(mesh.shareOf(where)).toBe(0);
  });

  it('does not write after its successor, who has written while it retried', async () => {
    const { turn, deps, mesh, clock, store, found } = await turnedBack();
    let attempts = 0;
    const busy: Mesh = {
      ...deps.mesh,
      write: async (...call) => {
        attempts += 1;
        if (attempts > 1) return deps.mesh.write(...call);
        clock.now += 16_000;
        await turn({ worker: 'w2' });
        return { kind: 'conflict' };
      },
    };
    expect(await turn({ mesh: busy })).toBe('fenced');
    const epochs = mesh.writes(where).map(({ epoch }) => epoch);
    expect([attempts, epochs.length]).toEqual([1, 2]);
    expect(epochs.at(-1)).toBe(store.epochOf(id));
    expect((await found())?.state.kind).toBe('rolledBack');
  });

  it('ends at the next turn when the answer to its write was lost', async () => {
    const { turn, mesh, clock, found } = await turnedBack();
    mesh.failNextWrite({ kind: 'ambiguous', why: 'no answer in 8 s' }, { landed: true });
    await turn();
    expect((await found())?.state.kind).toBe('rollingBack');
    clock.now += 1000;
    await turn();
    expect([(await found())?.state.kind, mesh.writes(where).length]).toEqual(['rolledBack', 2]);
  });
});

describe('severe errors', () => {
  const patient = { checks: { errors: { metric: 'errorRate', failures: 100 } } };

  it('are seen although a scrape takes longer than the time between two polls', async () => {
    const { run, mind, metrics, found } = await atFive({ scrapeSeconds: 15, checks: patient });
    mind.canary = mood.failing;
    await run(59);
    expect((await found())?.state.kind).toBe('running');
    await run(1);
    expect((await found())?.state).toMatchObject({ kind: 'rolledBack', cause: { kind: 'severeErrors' } });
    expect(metrics.asked.slice(1).map(({ incrementSeconds }) => incrementSeconds)).toEqual([
      0, 0, 30, 0, 0, 30,
    ]);
  });

  it('are counted in stretches that touch and never overlap, however late a poll is', async () => {
    const { run, clock, turn, metrics } = await atFive();
    await run(20);
    clock.now += 47_000;
    await turn();
    await run(20);
    const stretches = metrics.asked
      .filter(({ incrementSeconds }) => incrementSeconds > 0)
      .map(({ at, incrementSeconds }) => [at - incrementSeconds * 1000, at]);
    expect(stretches.length).toBeGreaterThan(4);
    for (const [index, stretch] of stretches.entries())
      expect(stretch[0]).toBe(stretches[index - 1]?.[1] ?? start);
  });

  it('of a stretch that the provider did not answer are counted with the next one', async () => {
    const { run, metrics } = await atFive();
    await run(10);
    metrics.breakDown();
    await run(20);
    metrics.restore();
    await run(10);
    expect(metrics.asked.slice(1).map(({ incrementSeconds }) => incrementSeconds)).toEqual([10, 10, 20, 30]);
  });
});
