import { beforeEach, describe, expect, it } from 'vitest';
import type { Change, Claim, Rollouts, Store } from '../../src/rollout/ports/store.ts';
import type { StoredRollout } from '../../src/rollout/rollout.ts';
import { aRollout, rolloutId, targetNamed } from '../fakes/rollouts.ts';

export type CrowdedStore = {
  store: Store & Rollouts;
  /** The same rows as another process sees them. */
  elsewhere: Store;
  spoil(id: string): Promise<void>;
  measurementsOf(id: string): Promise<number>;
};

const leaseSeconds = 15;
const many = 30;
const ids = Array.from({ length: many }, (_, index) => rolloutId(index + 1));

/** What every Store promises when turns of many rollouts are due at the same moment. */
export function batchContract(open: () => Promise<CrowdedStore>): void {
  let opened: CrowdedStore;
  let store: Store & Rollouts;

  beforeEach(async () => {
    opened = await open();
    store = opened.store;
    await Promise.all(ids.map((id, index) => store.create(rolloutAt(id, index), [], null)));
  });

  const claimAll = (of: Store = store, by = 'worker-a') =>
    Promise.all(ids.map((id) => of.claim(id, by, leaseSeconds)));

  async function claimed(): Promise<Claim[]> {
    return (await claimAll()).flatMap((claim) => claim ?? []);
  }

  const saveAll = (claims: Claim[], over: (claim: Claim) => Partial<Change> = () => ({})) =>
    Promise.allSettled(
      claims.map((claim) => store.save(claim.rollout.id, claim.epoch, { ...quiet(claim), ...over(claim) })),
    );

  describe('turns of many rollouts at the same moment', () => {
    it('are claimed, each with its own rollout and epoch', async () => {
      await store.claim(rolloutId(1), 'worker-a', leaseSeconds);
      await store.command(rolloutId(1), accepted);
      const claims = await claimed();
      expect(claims.map(({ rollout }) => rollout.id)).toEqual(ids);
      expect(claims.map(({ epoch }) => epoch)).toEqual([3, ...ids.slice(1).map(() => 1)]);
    });

    it('are given to one of two workers each', async () => {
      const [ours, theirs] = await Promise.all([claimAll(), claimAll(opened.elsewhere, 'worker-b')]);
      const winners = ids.map((_, index) => [ours[index], theirs[index]].filter((claim) => claim !== null));
      expect(winners.map((claims) => claims.length)).toEqual(ids.map(() => 1));
    });

    it('are given once each, also where one worker asks twice', async () => {
      const [once, twice] = await Promise.all([claimAll(), claimAll()]);
      const given = [...once, ...twice].flatMap((claim) => claim?.rollout.id ?? []);
      expect(given.sort()).toEqual(ids);
    });

    it('are claimed all the same when one of them cannot be read', async () => {
      await opened.spoil(rolloutId(7));
      const claims = await Promise.allSettled(ids.map((id) => store.claim(id, 'worker-a', leaseSeconds)));
      const failed = claims.flatMap((claim, index) => (claim.status === 'rejected' ? [ids[index]] : []));
      expect(failed).toEqual([rolloutId(7)]);
      expect(claims[6]).toMatchObject({ reason: { code: 'corruptRow' } });
      expect(await store.due(100)).toEqual([rolloutId(7)]);
    });

    it('are saved with what each measured, and let the next worker in when they are due', async () => {
      const claims = await claimed();
      const saved = await saveAll(claims, ({ now }) => ({ measurements: measured(now), nextAt: now }));
      expect(saved.map(kindOf)).toEqual(ids.map(() => 'saved'));
      expect(await Promise.all(ids.map(opened.measurementsOf))).toEqual(ids.map(() => 1));
      const next = await claimAll(opened.elsewhere, 'worker-b');
      expect(next.map((claim) => claim?.rollout.revision)).toEqual(claims.map(() => 2));
    });

    it('are saved although some were fenced meanwhile, and those are told', async () => {
      const claims = await claimed();
      for (const id of [rolloutId(3), rolloutId(9)]) await store.command(id, accepted);
      const saved = await saveAll(claims, ({ now }) => ({ measurements: measured(now) }));
      const fenced = saved.flatMap((one, index) => (kindOf(one) === 'fenced' ? [ids[index]] : []));
      expect(fenced).toEqual([rolloutId(3), rolloutId(9)]);
      expect(await opened.measurementsOf(rolloutId(3))).toBe(0);
      expect((await store.find(rolloutId(3)))?.rollout.revision).toBe(50);
      expect((await store.find(rolloutId(4)))?.rollout.revision).toBe(2);
    });

    it('are saved although one of them could not be read back', async () => {
      const claims = await claimed();
      const saved = await saveAll(claims, ({ rollout }) =>
        rollout.id === rolloutId(5) ? { rollout: { ...rollout, revision: Number.NaN } } : {},
      );
      expect(saved.flatMap((one, index) => (one.status === 'rejected' ? [ids[index]] : []))).toEqual([
        rolloutId(5),
      ]);
      expect((await store.find(rolloutId(5)))?.rollout.revision).toBe(1);
    });

    it('are saved with what each has to say, in its order and to the letter', async () => {
      await store.command(rolloutId(2), (rollout) => ({ ...accepted(rollout), change: said(rollout) }));
      const claims = await claimed();
      const facts = { p99Ms: 1e2, ratio: 0.1, b: 1, a: [null, 'x\\u0000"ü'], nested: { z: 1, y: 2 } };
      await saveAll(claims, () => ({ events: [{ ...page, facts }, page], release: false }));
      const rows = await store.events(rolloutId(2), 0, 10);
      expect(rows.map(({ seq, type }) => [seq, type])).toEqual([
        [1, 'rollout.paused'],
        [2, 'page'],
        [3, 'page'],
      ]);
      expect(JSON.stringify(rows[1]?.facts)).toBe(JSON.stringify(facts));
      expect(rows[1]).toMatchObject({ actor: page.actor, message: page.message });
      const numbers = (await store.audit({ limit: 1000 })).filter(({ rolloutId: of }) => of === rolloutId(9));
      expect(numbers.map(({ seq }) => seq)).toEqual([1, 2]);
    });

    it('are saved beside one that ends and one that says something', async () => {
      const claims = await claimed();
      const saved = await saveAll(claims, ({ rollout, now }) => {
        if (rollout.id === rolloutId(1)) return { rollout: ended(rollout, now), nextAt: null };
        return rollout.id === rolloutId(2) ? { events: [page] } : {};
      });
      expect(saved.map(kindOf)).toEqual(ids.map(() => 'saved'));
      expect((await store.find(rolloutId(1)))?.nextAt).toBeNull();
      expect(await store.events(rolloutId(2), 0, 10)).toHaveLength(1);
    });
  });
}

const page = {
  type: 'page',
  actor: { kind: 'canaryd', name: 'canaryd' },
  message: 'look',
  facts: {},
} as const;

function rolloutAt(id: string, index: number) {
  return aRollout({ id, target: targetNamed(`service-${index}`) });
}

/** A turn that waits on: another rollout than before, and nothing to tell. */
function quiet({ rollout, now }: Claim): Change {
  const next = { ...rollout, revision: rollout.revision + 1 };
  return { rollout: next, events: [], measurements: null, nextAt: now + 10_000, release: true };
}

function ended(rollout: StoredRollout, at: number): StoredRollout {
  return { ...rollout, state: { kind: 'cancelled', at, by: page.actor, reason: null } };
}

function accepted(rollout: StoredRollout) {
  const change = { rollout: { ...rollout, revision: 50 }, events: [], nextAt: 0 };
  return { change, answer: 'accepted', remember: null };
}

function said(rollout: StoredRollout) {
  return { rollout, events: [{ ...page, type: 'rollout.paused' } as const], nextAt: 0 };
}

function kindOf(settled: PromiseSettledResult<Awaited<ReturnType<Store['save']>>>): string {
  return settled.status === 'fulfilled' ? settled.value.kind : 'failed';
}

function measured(takenAt: number): NonNullable<Change['measurements']> {
  const none = { kind: 'none' } as const;
  return {
    takenAt,
    checks: {},
    requests: { canary: none, stable: none },
    increments: { canary: null, stable: null },
    unattributed: none,
  };
}
