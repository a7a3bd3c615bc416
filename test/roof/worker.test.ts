import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Log } from '../../src/log.ts';
import type { TurnDeps } from '../../src/rollout/advance.ts';
import { newRollout } from '../../src/rollout/rollout.ts';
import { startTurns } from '../../src/worker.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { fakeMetrics, mood } from '../fakes/metrics.ts';
import { bankPlan, paymentTarget, rolloutId, start } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';

const id = rolloutId(1);
const where = { namespace: 'payment-prod', virtualService: 'payment-service' };
const elsewhere = { namespace: 'payment-prod', virtualService: 'ledger-service' };

type Given = { broken?: boolean; jitter?: number; hangsOn?: string };

/** With a rollout that is due; the turns of `hangsOn`, if there is one, never end. */
async function aWorker({ broken = false, jitter = 0.5, hangsOn }: Given = {}) {
  const clock = { now: start };
  const mesh = fakeMesh();
  mesh.add(where);
  const metrics = fakeMetrics();
  metrics.set('canary', mood.none);
  const store = memoryStore({ now: () => clock.now });
  mesh.add(elsewhere);
  const asked = hangsOn === undefined ? askedFor(id, where, mesh) : askedFor(hangsOn, elsewhere, mesh);
  await store.create(newRollout(asked, 1, start), [], null);
  const warnings: Record<string, unknown>[] = [];
  const errors: Record<string, unknown>[] = [];
  const log: Log = {
    info: () => undefined,
    error: (fields) => errors.push(fields),
    warn: (fields) => warnings.push(fields),
  };
  const deps: TurnDeps = {
    worker: 'w',
    store: broken
      ? { ...store, claim: () => Promise.reject(new Error('postgres://user:secret@db is down')) }
      : {
          ...store,
          save: (of, ...saved) => (of === hangsOn ? new Promise(() => undefined) : store.save(of, ...saved)),
        },
    mesh,
    metrics,
    surroundings: darkSurroundings(),
    alarm: { ring: async () => undefined },
    deadline: () => new AbortController().signal,
    rest: async () => undefined,
  };
  const ends: string[] = [];
  const turns = startTurns({ deps, most: 64, log, onTurn: (end) => ends.push(end), jitter: () => jitter });
  return { turns, mesh, ends, warnings, errors, store, clock };
}

function askedFor(one: string, place: typeof where, mesh: ReturnType<typeof fakeMesh>) {
  const uid = mesh.at(place)?.uid ?? '';
  const requestedBy = { kind: 'person' as const, name: 'ana' };
  return { id: one, target: { ...paymentTarget, ...place, uid }, plan: bankPlan, requestedBy, reason: null };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a worker', () => {
  it('takes a turn when it is asked to', async () => {
    const { turns, mesh, ends } = await aWorker();
    await turns.take(id);
    expect(mesh.shareOf(where)).toBe(5);
    expect(ends).toEqual(['done']);
    await turns.close();
  });

  it('sweeps up a turn whose alarm never rang', async () => {
    const { turns, mesh } = await aWorker();
    await vi.advanceTimersByTimeAsync(5000);
    expect(mesh.shareOf(where)).toBe(5);
    await turns.close();
  });

  it('sweeps on while a turn of the sweep before hangs', async () => {
    const { turns, mesh, store } = await aWorker({ hangsOn: rolloutId(2) });
    await vi.advanceTimersByTimeAsync(5000);
    expect(mesh.shareOf(where)).toBe(0);
    await store.create(newRollout(askedFor(id, where, mesh), 1, start), [], null);
    await vi.advanceTimersByTimeAsync(5000);
    expect(mesh.shareOf(where)).toBe(5);
    // The turn that hangs would be waited for.
    void turns.close();
  });

  it('sweeps at least every 5 seconds, so that a turn that another version’s worker swallowed is no later', async () => {
    const { turns, mesh } = await aWorker({ jitter: 0.999 });
    await vi.advanceTimersByTimeAsync(5000);
    expect(mesh.shareOf(where)).toBe(5);
    await turns.close();
  });

  it('that could not read a rollout does not ask for it again at every word about it', async () => {
    const { turns, ends, store, errors } = await aWorker();
    store.spoil(id);
    for (let word = 0; word < 10; word += 1) await turns.take(id);
    expect(ends).toEqual(['failed']);
    expect(errors).toEqual([]);
    await turns.close();
  });

  it('says once, as an error, that a rollout is in quarantine', async () => {
    const { turns, mesh, errors, warnings, clock } = await aWorker();
    mesh.look = () => Promise.reject(new TypeError('secret'));
    for (let time = 0; time < 9; time += 1) {
      await turns.take(id);
      clock.now += 61_000;
    }
    expect(errors).toEqual([{ rolloutId: id, failure: 'TypeError' }]);
    expect(warnings).toHaveLength(4);
    await turns.close();
  });

  it('survives a turn that throws, says so without its message, and sweeps on', async () => {
    const { turns, ends, warnings } = await aWorker({ broken: true });
    await turns.take(id);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(ends.length).toBeGreaterThanOrEqual(3);
    expect(new Set(ends)).toEqual(new Set(['failed']));
    expect(JSON.stringify(warnings)).not.toContain('secret');
    await turns.close();
  });

  it('takes no turn once it is closed', async () => {
    const { turns, mesh, ends } = await aWorker();
    await turns.close();
    await turns.take(id);
    await vi.advanceTimersByTimeAsync(20_000);
    expect([mesh.shareOf(where), ends]).toEqual([0, []]);
  });
});
