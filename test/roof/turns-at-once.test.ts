import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Log } from '../../src/log.ts';
import type { TurnDeps } from '../../src/rollout/advance.ts';
import { startTurns } from '../../src/worker.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { fakeMetrics } from '../fakes/metrics.ts';
import { rolloutId } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';

type Given = { many: number; turnMs: number; most?: number; everyMs?: number; hangs?: string[] };
type Row = { nextAt: number; isHeld: boolean; isGoingBack: boolean };

const quiet: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/**
 * A worker whose turns take long because the API server is slow, and no alarm rings. Turns of `hangs` never end.
 * Each claim stands for the whole turn.
 */
function slowWorld({ many, turnMs, most = 64, everyMs = 10_000, hangs = [] }: Given) {
  const ids = Array.from({ length: many }, (_, index) => rolloutId(index + 1));
  const rows = new Map(
    ids.map((id): [string, Row] => [id, { nextAt: 0, isHeld: false, isGoingBack: false }]),
  );
  const begun: string[] = [];
  const seen = { now: 0, most: 0, questions: 0, latest: 0 };

  function dueNow(except: readonly string[]): string[] {
    const without = new Set(except);
    const due = [...rows].filter(([id, row]) => row.nextAt <= Date.now() && !row.isHeld && !without.has(id));
    due.sort(([, one], [, other]) => one.nextAt - other.nextAt);
    due.sort(([, one], [, other]) => Number(other.isGoingBack) - Number(one.isGoingBack));
    return due.map(([id]) => id);
  }

  async function turn(id: string): Promise<null> {
    const row = rows.get(id);
    if (row === undefined || row.isHeld || row.nextAt > Date.now()) return null;
    row.isHeld = true;
    begun.push(id);
    seen.now += 1;
    seen.most = Math.max(seen.most, seen.now);
    const beganAt = Date.now();
    seen.latest = Math.max(seen.latest, beganAt - row.nextAt);
    await (hangs.includes(id) ? new Promise(() => undefined) : passing(turnMs));
    seen.now -= 1;
    rows.set(id, { ...row, isHeld: false, nextAt: beganAt + everyMs });
    return null;
  }

  const deps: TurnDeps = {
    worker: 'w',
    store: {
      ...memoryStore({ now: () => Date.now() }),
      due: async (limit, except = []) => {
        seen.questions += 1;
        return dueNow(except).slice(0, limit);
      },
      claim: turn,
    },
    mesh: fakeMesh(),
    metrics: fakeMetrics(),
    surroundings: darkSurroundings(),
    alarm: { ring: async () => undefined },
    deadline: () => new AbortController().signal,
    rest: async () => undefined,
  };
  const turns = startTurns({ deps, most, log: quiet, onTurn: () => undefined, jitter: () => 0.5 });
  const goBack = (id: string) => rows.set(id, { nextAt: Date.now(), isHeld: false, isGoingBack: true });
  return { turns, rows, ids, begun, seen, goBack, dueNow };
}

function passing(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

describe('a worker while the API server is slow and no alarm rings', () => {
  it('runs 64 turns at a time and never more, with 2000 rollouts every 10 s and 6 s a turn', async () => {
    const { begun, seen, turns } = slowWorld({ many: 2000, turnMs: 6000 });
    await vi.advanceTimersByTimeAsync(100_000);
    expect(seen).toMatchObject({ now: 64, most: 64 });
    // From the first sweep after 4 s one every 6 s in each slot.
    expect(begun.length).toBe(17 * 64);
    void turns.close();
  });

  it('takes what is left as slots become free, without waiting for the next sweep', async () => {
    const { begun, seen, turns } = slowWorld({ many: 300, turnMs: 100, most: 10 });
    await vi.advanceTimersByTimeAsync(4000 + 30 * 100);
    expect([new Set(begun).size, begun.length, seen.now]).toEqual([300, 300, 0]);
    // In handfuls, not one by one.
    expect(seen.questions).toBeLessThan(110);
    await turns.close();
  });

  it('takes each of 2000 within 6 s of when it is due once turns are short again', async () => {
    const { begun, seen, turns } = slowWorld({ many: 2000, turnMs: 50 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(seen).toMatchObject({ most: 64 });
    expect(seen.latest).toBeLessThan(6000);
    expect(begun.length).toBeGreaterThanOrEqual(4 * 2000);
    await turns.close();
  });

  it('takes a rollout that goes back before 1900 others that have waited longer', async () => {
    const { begun, goBack, turns } = slowWorld({ many: 2000, turnMs: 6000 });
    await vi.advanceTimersByTimeAsync(5000);
    goBack(rolloutId(1999));
    const before = begun.length;
    await vi.advanceTimersByTimeAsync(6000);
    expect(begun.slice(before).indexOf(rolloutId(1999))).toBeLessThan(16);
    expect(begun.slice(before)).toContain(rolloutId(1999));
    void turns.close();
  });

  it('loses one slot to a turn that hangs, and sweeps on', async () => {
    const { begun, seen, turns } = slowWorld({ many: 20, turnMs: 100, most: 2, hangs: [rolloutId(1)] });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(begun.filter((id) => id === rolloutId(1))).toHaveLength(1);
    expect(begun.filter((id) => id === rolloutId(20)).length).toBeGreaterThanOrEqual(4);
    expect(seen).toMatchObject({ now: 1, most: 2 });
    void turns.close();
  });

  it('hears a person at once', async () => {
    const { begun, seen, turns } = slowWorld({ many: 2000, turnMs: 6000 });
    await vi.advanceTimersByTimeAsync(5000);
    void turns.take(rolloutId(2000));
    await vi.advanceTimersByTimeAsync(0);
    expect([begun.at(-1), seen.now]).toEqual([rolloutId(2000), 65]);
    void turns.close();
  });
});

describe('alarms that ring all at once', () => {
  it('share the slots of the sweep', async () => {
    const { ids, seen, begun, turns } = slowWorld({ many: 500, turnMs: 6000 });
    const rung = ids.map((id) => turns.takeInSlot(id));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(seen.most).toBe(64);
    expect(new Set(begun).size).toBe(500);
    void turns.close();
    await vi.advanceTimersByTimeAsync(20_000);
    await Promise.all(rung);
  });

  it('keep a rollout that goes back waiting no longer than until the next sweep has a slot', async () => {
    const { ids, begun, goBack, turns } = slowWorld({ many: 2000, turnMs: 6000 });
    for (const id of ids.slice(0, 1900)) void turns.takeInSlot(id);
    await vi.advanceTimersByTimeAsync(100);
    goBack(rolloutId(1999));
    await vi.advanceTimersByTimeAsync(6000);
    expect(begun).toContain(rolloutId(1999));
    void turns.close();
  });
});

describe('a worker that closes', () => {
  it('begins nothing any more, and is closed when the turns that run have ended', async () => {
    const { ids, begun, seen, turns } = slowWorld({ many: 2000, turnMs: 6000 });
    const rung = ids.slice(500, 600).map((id) => turns.takeInSlot(id));
    await vi.advanceTimersByTimeAsync(4500);
    const [before, questions] = [begun.length, seen.questions];
    let isClosed = false;
    void turns.close().then(() => {
      isClosed = true;
    });
    await vi.advanceTimersByTimeAsync(1400);
    expect([isClosed, seen.now]).toEqual([false, 64]);
    await vi.advanceTimersByTimeAsync(6000);
    expect([isClosed, seen.now, begun.length, seen.questions]).toEqual([true, 0, before, questions]);
    await Promise.all(rung);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(begun).toHaveLength(before);
  });

  it('in the middle of many short turns begins no other, although it has asked for more', async () => {
    // Ten slots and three at a time: one that was asked for has no slot yet.
    const { begun, seen, turns } = slowWorld({ many: 2000, turnMs: 50, most: 10 });
    await vi.advanceTimersByTimeAsync(4120);
    const before = begun.length;
    expect(before).toBeLessThan(2000);
    void turns.close();
    await vi.advanceTimersByTimeAsync(10_000);
    expect([begun.length, seen.now]).toEqual([before, 0]);
  });
});
