import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Log } from '../../src/log.ts';
import type { OrphanDeps } from '../../src/rollout/look-for-orphans.ts';
import type { Orphan } from '../../src/rollout/orphans.ts';
import type { MarkedSplit, MarkedSplits } from '../../src/rollout/ports/orphans.ts';
import { startOrphanWatch } from '../../src/serve/orphan-watch.ts';

const split: MarkedSplit = {
  cluster: 'default',
  namespace: 'shop',
  virtualService: 'payment',
  uid: 'u',
  owner: { rolloutId: 'ro_1', epoch: 1 },
  rolledBack: null,
  noted: 'unreadable',
  routes: [],
  managed: [],
};
const minute = 60_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function aWatch() {
  const world = { isMine: true, splits: [split], narrowed: false, fails: false };
  const said: unknown[] = [];
  const shown: number[] = [];
  const written: unknown[] = [];
  const say = (fields: unknown, message: string) => {
    said.push(message);
    written.push(fields);
  };
  const log: Log = { info: say, warn: say, error: say };
  const failure = { kind: 'unavailable', reason: 'forbidden', why: 'no' } as const;
  const deps: OrphanDeps = {
    marks: {
      marked: async (): Promise<MarkedSplits> => ({
        kind: 'splits',
        splits: world.splits,
        unread: {},
        narrowed: world.narrowed ? failure : null,
      }),
    },
    book: {
      known: async () => [],
      held: async () => [],
      namespaces: async () => [],
      tell: async () => true,
    },
    clusters: ['default'],
    deadline: () => new AbortController().signal,
  };
  const post = {
    isMine: async () => {
      if (world.fails) throw new Error('postgres://user:secret@db is down');
      return world.isMine;
    },
    close: async () => undefined,
  };
  const show = (orphans: readonly Orphan[]) => shown.push(orphans.length);
  const chore = startOrphanWatch({ deps, post, log, show, jitter: () => 0.5 });
  return { world, said, written, shown, chore };
}

describe('a worker looks for orphan splits', () => {
  it('every minute, and shows and tells of what stands after two looks', async () => {
    const { world, said, shown, chore } = aWatch();
    await vi.advanceTimersByTimeAsync(minute);
    expect([said, shown]).toEqual([[], [0]]);
    await vi.advanceTimersByTimeAsync(minute);
    expect([said, shown]).toEqual([['a split that no rollout watches'], [0, 1]]);
    world.splits = [];
    await vi.advanceTimersByTimeAsync(minute);
    expect([said[1], shown[2]]).toEqual(['a split without a rollout is gone', 0]);
    await chore.close();
    await vi.advanceTimersByTimeAsync(minute);
    expect(shown).toHaveLength(3);
  });

  it('unless another process does: then it shows nothing', async () => {
    const { world, said, shown, chore } = aWatch();
    await vi.advanceTimersByTimeAsync(2 * minute);
    world.isMine = false;
    await vi.advanceTimersByTimeAsync(minute);
    expect([said.length, shown]).toEqual([1, [0, 1, 0]]);
    await chore.close();
  });

  it('and says once that a right is missing, and again only when it went missing again', async () => {
    const { world, said, chore } = aWatch();
    world.splits = [];
    world.narrowed = true;
    await vi.advanceTimersByTimeAsync(3 * minute);
    expect(said).toEqual(['splits without a rollout are only looked for where rollouts have been']);
    world.narrowed = false;
    await vi.advanceTimersByTimeAsync(minute);
    world.narrowed = true;
    await vi.advanceTimersByTimeAsync(minute);
    expect(said).toHaveLength(2);
    await chore.close();
  });

  it('and survives a database that is down, without a secret in the log', async () => {
    const { world, said, written, shown, chore } = aWatch();
    world.fails = true;
    await vi.advanceTimersByTimeAsync(minute);
    world.fails = false;
    await vi.advanceTimersByTimeAsync(minute);
    expect(said).toEqual(['splits without a rollout were not looked for: tried again in a minute']);
    expect(JSON.stringify(written)).not.toContain('secret');
    expect(shown).toEqual([0]);
    await chore.close();
  });
});
