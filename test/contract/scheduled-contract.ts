import { beforeEach, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../src/rollout/audit.ts';
import type { Rollouts, Store } from '../../src/rollout/ports/store.ts';
import { newRollout, type Rollout, type StoredRollout, statusOf } from '../../src/rollout/rollout.ts';
import type { ScheduledRollout } from '../../src/rollout/scheduled.ts';
import { aRollout, aScheduled, paymentTarget, rolloutId, targetNamed } from '../fakes/rollouts.ts';
import type { StoreUnderTest } from './store-contract.ts';

const [first, second, third] = [rolloutId(1), rolloutId(2), rolloutId(3)];
const ana = { kind: 'person', name: 'ana' } as const;
const event: AuditEvent = { type: 'rollout.scheduled', actor: ana, message: 'asked for', facts: {} };

/** What every Store and Rollouts promises of rollouts whose turn has not come. */
export function scheduledContract(open: () => Promise<StoreUnderTest>): void {
  let store: Store & Rollouts;
  let later: StoreUnderTest['later'];

  beforeEach(async () => {
    ({ store, later } = await open());
  });

  async function kept(rollout: StoredRollout): Promise<void> {
    expect(await store.create(rollout, [event], null)).toEqual({ kind: 'created' });
  }

  /** A turn that lets the rollout begin, if nobody holds its VirtualService. */
  async function begin(scheduled: ScheduledRollout) {
    const claim = await store.claim(scheduled.id, 'worker-a', 15);
    if (claim === null) throw new Error('not claimed');
    return store.save(scheduled.id, claim.epoch, turnOf(begunFrom(scheduled)));
  }

  describe('a scheduled rollout', () => {
    it('is read back as it was written, by its id and in lists, with or without a route', async () => {
      const plain = aScheduled();
      const named = aScheduled({
        id: second,
        target: { ...aScheduled().target, route: 'primary', canary: { subset: 'v2' } },
      });
      await kept(plain);
      await kept(named);
      expect((await store.find(first))?.rollout).toEqual(plain);
      expect(await store.list({ statuses: ['scheduled'], limit: 10 })).toEqual([named, plain]);
      expect(await store.list({ statuses: ['preflight'], limit: 10 })).toEqual([]);
      expect(await store.list({ virtualService: 'payment-service', limit: 10 })).toHaveLength(2);
    });

    it('is not due before its time', async () => {
      const now = await store.now();
      await kept(aScheduled({ startAt: now + 600_000 }));
      expect((await store.find(first))?.nextAt).toBe(now + 600_000);
      expect([await store.due(10), await store.claim(first, 'worker-a', 15)]).toEqual([[], null]);
      await later(601);
      expect(await store.due(10)).toEqual([first]);
      expect((await store.claim(first, 'worker-a', 15))?.rollout.id).toBe(first);
    });

    it('holds nothing: others start, queue and are scheduled beside it', async () => {
      await kept(aScheduled());
      await kept(aScheduled({ id: second }));
      await kept(aRollout({ id: third }));
      const names = (await store.namesakes(paymentTarget)).map(({ id }) => id);
      expect(names).toEqual([first, second, third]);
    });

    it('is ended by a command, and fences the turn that was running', async () => {
      const rollout = aScheduled();
      await kept(rollout);
      const claim = await store.claim(first, 'worker-a', 15);
      const cancelled: ScheduledRollout = {
        ...rollout,
        state: { kind: 'cancelled', at: 0, by: ana, reason: null },
      };
      await store.command(first, () => {
        return { change: { rollout: cancelled, events: [event], nextAt: null }, answer: 1, remember: null };
      });
      expect(await store.save(first, claim?.epoch ?? 0, turnOf(begunFrom(rollout)))).toEqual({
        kind: 'fenced',
      });
      expect(await store.find(first)).toMatchObject({ rollout: cancelled, nextAt: null });
      expect(await store.namesakes(paymentTarget)).toEqual([]);
    });
  });

  describe('its turn', () => {
    it('makes it a rollout under the same id, and its audit rows go on where they were', async () => {
      const rollout = aScheduled();
      await kept(rollout);
      expect(await begin(rollout)).toMatchObject({ kind: 'saved' });
      expect((await store.find(first))?.rollout).toEqual(begunFrom(rollout));
      expect((await store.events(first, 0, 10)).map(({ seq }) => seq)).toEqual([1, 2]);
    });

    it('takes the VirtualService with the same write', async () => {
      const rollout = aScheduled();
      await kept(rollout);
      await begin(rollout);
      expect(await store.create(aRollout({ id: second }), [], null)).toEqual({ kind: 'taken', by: first });
    });

    it('writes nothing when another rollout was faster, and says which', async () => {
      const rollout = aScheduled();
      await kept(rollout);
      await kept(aRollout({ id: second }));
      expect(await begin(rollout)).toEqual({ kind: 'taken', by: second });
      expect((await store.find(first))?.rollout).toEqual(rollout);
      expect(await store.events(first, 0, 10)).toHaveLength(1);
    });

    it('that was taken may still be written down as waiting', async () => {
      const rollout = aScheduled();
      await kept(rollout);
      await kept(aRollout({ id: second }));
      const claim = await store.claim(first, 'worker-a', 15);
      const epoch = claim?.epoch ?? 0;
      expect((await store.save(first, epoch, turnOf(begunFrom(rollout)))).kind).toBe('taken');
      const obstacle = { kind: 'behind' as const, rollout: second };
      const waiting: ScheduledRollout = { ...rollout, state: { kind: 'waiting', obstacle } };
      expect((await store.save(first, epoch, turnOf(waiting))).kind).toBe('saved');
      expect((await store.find(first))?.rollout).toEqual(waiting);
    });

    it('is won by one of many that begin at the same time', async () => {
      const all = Array.from({ length: 8 }, (_, index) => aScheduled({ id: rolloutId(index + 1) }));
      for (const rollout of all) await kept(rollout);
      const saved = await Promise.all(all.map(begin));
      expect(saved.filter(({ kind }) => kind === 'saved')).toHaveLength(1);
      expect(saved.filter(({ kind }) => kind === 'taken')).toHaveLength(7);
      const live = (await store.list({ limit: 20 })).filter((one) => statusOf(one) === 'preflight');
      expect(live).toHaveLength(1);
    });

    it('comes on other VirtualServices all the same', async () => {
      await kept(aRollout({ id: second }));
      const { cluster, namespace, virtualService } = targetNamed('ledger');
      const elsewhere = aScheduled({ target: { cluster, namespace, virtualService } });
      await kept(elsewhere);
      expect((await begin(elsewhere)).kind).toBe('saved');
    });
  });
}

function begunFrom({ id, plan, requestedBy, reason, createdAt, target }: ScheduledRollout): Rollout {
  const resolved = { ...paymentTarget, virtualService: target.virtualService };
  const begun = newRollout({ id, target: resolved, plan, requestedBy, reason }, 1, createdAt);
  return { ...begun, revision: 2, schedule: { startAt: null, begunAt: createdAt } };
}

function turnOf(rollout: StoredRollout) {
  return { rollout, events: [event], measurements: null, nextAt: 0, release: true };
}
