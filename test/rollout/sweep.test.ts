import { describe, expect, it } from 'vitest';
import type { TurnDeps } from '../../src/rollout/advance.ts';
import { noneAside } from '../../src/rollout/take-turn.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { fakeMetrics } from '../fakes/metrics.ts';
import { aRollout, rolloutId, start, targetNamed } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { sweepOnce } from './sweep-once.ts';

/** So many rollouts that are due; the claims of `stuck` never find their row free. */
async function crowd(many: number, stuck: number[] = []) {
  const store = memoryStore({ now: () => start });
  const mesh = fakeMesh();
  for (let number = 1; number <= many; number += 1) {
    const where = { namespace: 'payment-prod', virtualService: `service-${number}` };
    mesh.add(where);
    const target = { ...targetNamed(where.virtualService), uid: mesh.at(where)?.uid ?? '' };
    await store.create(aRollout({ id: rolloutId(number), target }), [], null);
  }
  const kept = new Set(stuck.map(rolloutId));
  const deps: TurnDeps = {
    worker: 'w',
    store: {
      ...store,
      claim: async (id, ...rest) => (kept.has(id) ? null : store.claim(id, ...rest)),
    },
    mesh,
    metrics: fakeMetrics(),
    surroundings: darkSurroundings(),
    alarm: { ring: async () => undefined },
    deadline: () => new AbortController().signal,
    rest: async () => undefined,
  };
  return (most?: number) => sweepOnce(deps, { blame: () => null, aside: noneAside() }, most);
}

describe('a sweep', () => {
  it('takes every turn that is due, however many alarms were lost', async () => {
    const sweep = await crowd(230);
    const swept = await sweep();
    expect(swept.map(({ taken }) => taken)).toEqual(swept.map(() => ({ kind: 'ended', end: 'done' })));
    expect(new Set(swept.map(({ id }) => id)).size).toBe(230);
  });

  it('asks for each once, and comes past those that somebody else holds', async () => {
    const sweep = await crowd(
      120,
      Array.from({ length: 60 }, (_, index) => index + 1),
    );
    const swept = await sweep();
    expect(swept).toHaveLength(120);
    expect(swept.filter(({ taken }) => taken.kind === 'ended' && taken.end === 'done')).toHaveLength(60);
  });

  it('with one place takes them all, one after the other', async () => {
    const sweep = await crowd(20);
    expect((await sweep(1)).map(({ id }) => id)).toEqual(
      Array.from({ length: 20 }, (_, index) => rolloutId(index + 1)),
    );
  });
});
