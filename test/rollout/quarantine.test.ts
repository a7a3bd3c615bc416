import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import type { TurnDeps } from '../../src/rollout/advance.ts';
import { afterFailure, noTrouble, pauseAfter } from '../../src/rollout/quarantine.ts';
import { noneAside, type TurnTaking, takeTurn } from '../../src/rollout/take-turn.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { fakeMetrics } from '../fakes/metrics.ts';
import { aRollout, rolloutId, start, targetNamed } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { sweepOnce } from './sweep-once.ts';

const poison = rolloutId(1);

/** One canaryd over a memory store; turns on the VirtualServices in `poisoned` break, with a secret in their message. */
function world(store = memoryStore({ now: () => clock.now }), clock = { now: start }) {
  const mesh = fakeMesh();
  const poisoned = new Set<string>();
  const rung: number[] = [];
  const deps: TurnDeps = {
    worker: 'w',
    store,
    mesh: {
      ...mesh,
      look: async (target, signal) => {
        if (poisoned.has(target.virtualService)) throw new TypeError('secret of the mesh');
        return mesh.look(target, signal);
      },
    },
    metrics: fakeMetrics(),
    surroundings: darkSurroundings(),
    alarm: { ring: async (_id, at) => void rung.push(at) },
    deadline: () => new AbortController().signal,
    rest: async () => undefined,
  };
  return { clock, store, mesh, poisoned, rung, deps, taking: taking() };
}

function taking(): TurnTaking {
  const blame = (error: unknown) =>
    error instanceof AppError && error.code !== 'corruptRow'
      ? null
      : error instanceof Error
        ? error.name
        : '';
  return { blame, aside: noneAside() };
}

type World = ReturnType<typeof world>;

async function add({ store, mesh }: World, number: number): Promise<string> {
  const virtualService = `service-${number}`;
  mesh.add({ namespace: 'payment-prod', virtualService });
  const uid = mesh.at({ namespace: 'payment-prod', virtualService })?.uid ?? '';
  const target = { ...targetNamed(virtualService), uid };
  await store.create(aRollout({ id: rolloutId(number), target }), [], null);
  return rolloutId(number);
}

/** Turns of the poison rollout, each when it is due. */
async function turns(made: World, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    made.clock.now = Math.max(made.clock.now, (await made.store.find(poison))?.nextAt ?? 0);
    await takeTurn(made.deps, poison, made.taking);
  }
}

const typesOf = async ({ store }: World, id = poison) =>
  (await store.events(id, 0, 100)).map(({ type }) => type);

async function poisonedWorld(): Promise<World> {
  const made = world();
  await add(made, 1);
  made.poisoned.add('service-1');
  return made;
}

describe('a poison rollout', () => {
  it('is tried after 1, 2, 4, 8 seconds and so on, and at least once a minute', () => {
    const pauses = [1, 2, 3, 4, 5, 6, 7, 8, 100].map((failures) => pauseAfter(failures, 'running') / 1000);
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it('that is on its way back is tried at least every 5 seconds', () => {
    expect([1, 3, 4, 100].map((failures) => pauseAfter(failures, 'rolling_back'))).toEqual([
      1000, 4000, 5000, 5000,
    ]);
  });

  it('is quarantined at its fifth failure, with all that a person at night needs', async () => {
    const made = await poisonedWorld();
    await turns(made, 4);
    expect(await typesOf(made)).toEqual([]);
    await turns(made, 3);
    expect(await typesOf(made)).toEqual(['rollout.quarantined', 'page']);
    const [row, page] = await made.store.events(poison, 0, 10);
    expect(row?.facts['explanation']).toEqual({
      what: expect.stringMatching(/^Quarantined since .*failed 5 times in a row.*TypeError\. Step 1 of 7/),
      traffic: expect.stringContaining('When it was last read: All traffic on v1 (stable)'),
      next: expect.stringContaining('every 60 s at the latest; nothing moves forward.'),
      actions: expect.arrayContaining(['rollback']),
    });
    expect(page?.message).toContain(`POST /v1/rollouts/${poison}/actions/rollback`);
    expect(page?.message).toContain('canaryd break-glass rollback --virtual-service=payment-prod/service-1');
    expect(JSON.stringify([row, page])).not.toContain('secret');
  });

  it('rings the alarm of its next try', async () => {
    const made = await poisonedWorld();
    await turns(made, 2);
    expect(made.rung).toEqual([start + 1000, start + 3000]);
  });

  it('is free again with the first turn that works, and the audit log says so', async () => {
    const made = await poisonedWorld();
    await turns(made, 6);
    made.poisoned.clear();
    await turns(made, 1);
    expect(await typesOf(made)).toEqual(
      expect.arrayContaining(['rollout.quarantined', 'page', 'rollout.quarantine_ended']),
    );
    expect((await made.store.find(poison))?.trouble).toEqual(noTrouble);
    expect(made.mesh.shareOf({ namespace: 'payment-prod', virtualService: 'service-1' })).toBe(5);
    await turns(made, 1);
    expect((await typesOf(made)).filter((type) => type === 'rollout.quarantine_ended')).toHaveLength(1);
  });

  it('that fails now and then, but not in a row, is not quarantined', async () => {
    const made = await poisonedWorld();
    for (let round = 0; round < 3; round += 1) {
      made.poisoned.add('service-1');
      await turns(made, 4);
      made.poisoned.clear();
      await turns(made, 1);
    }
    expect(await typesOf(made)).not.toContain('rollout.quarantined');
  });

  it('takes no blame for a lost database', async () => {
    const made = world();
    await add(made, 1);
    const lost = () => Promise.reject(new AppError('databaseUnavailable', 'down'));
    const deps = { ...made.deps, store: { ...made.store, save: lost } };
    expect(await takeTurn(deps, poison, made.taking)).toMatchObject({ kind: 'failed', record: null });
    expect((await made.store.find(poison))?.trouble).toEqual(noTrouble);
  });

  it('of 60 keeps no healthy one from its turn', async () => {
    const made = world();
    for (let number = 1; number <= 60; number += 1) {
      await add(made, number);
      made.poisoned.add(`service-${number}`);
    }
    const healthy = await add(made, 61);
    for (let second = 0; second < 8; second += 4) {
      made.clock.now = start + second * 1000;
      await sweepOnce(made.deps, made.taking);
    }
    expect(await typesOf(made, healthy)).toContain('weight.applied');
  });
});

describe('rollouts of a newer version', () => {
  it('that fill more than a sweep keep no other from its turn in the same sweep', async () => {
    const made = world();
    for (let number = 1; number <= 60; number += 1) made.store.spoil(await add(made, number));
    const healthy = await add(made, 61);
    const swept = await sweepOnce(made.deps, made.taking);
    expect(await typesOf(made, healthy)).toContain('weight.applied');
    expect(swept).toHaveLength(61);
  });

  it('are left alone for two sweeps and asked for in the third', async () => {
    const made = world();
    made.store.spoil(await add(made, 1));
    const counts: number[] = [];
    for (let round = 0; round < 4; round += 1) counts.push((await sweepOnce(made.deps, made.taking)).length);
    expect(counts).toEqual([1, 0, 0, 1]);
  });

  it('stay as they are, due and free, and are paged only when no version takes them for half a minute', async () => {
    const made = world();
    const id = await add(made, 1);
    made.store.spoil(id);
    const before = made.store.documentOf(id);
    for (let second = 0; second <= 60; second += 4) {
      made.clock.now = start + second * 1000;
      await sweepOnce(made.deps, made.taking);
      expect(await made.store.due(10)).toEqual([id]);
      if (second <= 28) expect(await typesOf(made)).toEqual([]);
    }
    expect(made.store.documentOf(id)).toBe(before);
    expect(await typesOf(made)).toEqual(['rollout.quarantined', 'page']);
    const [row] = await made.store.events(id, 0, 1);
    expect(row?.message).toContain('a newer version wrote it, or it is damaged');
    expect(row?.facts['explanation']).toMatchObject({
      traffic: expect.stringContaining('kubectl get virtualservice service-1 -n payment-prod -o yaml'),
      next: expect.stringContaining('canaryd break-glass rollback --virtual-service=payment-prod/service-1'),
    });
  });
});

describe('a failure', () => {
  it('names break-glass for every VirtualService of the rollout', () => {
    const rollout = aRollout();
    const [name, other] = [{ namespace: 'payment-prod', virtualService: 'payment-service' }, 'gateways'];
    const [route] = rollout.target.routes;
    if (route === undefined) throw new Error('the target has no route');
    const also = [{ namespace: other, virtualService: 'public', uid: 'another', routes: [route] }];
    const row = { id: poison, status: 'running', cluster: 'default', ...name };
    const trouble = { failures: 4, why: 'TypeError', quarantinedAt: null };
    const moved = { ...rollout, target: { ...rollout.target, also } };
    const record = afterFailure({ row: { ...row, trouble }, rollout: moved, dueAt: start, now: start }, 'E');
    const page = record.events.find(({ type }) => type === 'page');
    const command = 'canaryd break-glass rollback --virtual-service=';
    expect(page?.message).toContain(
      `type: ${command}payment-prod/payment-service and ${command}gateways/public.`,
    );
  });

  it('pages once, whatever comes after it', () => {
    const row = { id: poison, status: 'running', cluster: 'a', namespace: 'b', virtualService: 'c' };
    const trouble = { failures: 900, why: 'TypeError', quarantinedAt: start };
    const turn = { row: { ...row, trouble }, rollout: aRollout(), dueAt: start, now: start };
    expect(afterFailure(turn, 'RangeError')).toEqual({
      trouble: { failures: 901, why: 'RangeError', quarantinedAt: start },
      nextAt: start + 60_000,
      events: [],
      now: start,
    });
  });
});
