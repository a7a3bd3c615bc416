import { beforeEach, describe, expect, it } from 'vitest';
import type { Change, FailedTurn, Rollouts, Store } from '../../src/rollout/ports/store.ts';
import { afterFailure, afterNoReading, noTrouble } from '../../src/rollout/quarantine.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { aRollout, rolloutId, start, targetNamed } from '../fakes/rollouts.ts';

export type SpoilableStore = {
  store: Store & Rollouts;
  later(seconds: number): Promise<void>;
  /** Makes a rollout one that this version cannot read. */
  spoil(id: string): Promise<void>;
  /** What stands in a row, byte for byte. */
  documentOf(id: string): Promise<string>;
};

const ana = { kind: 'person', name: 'ana' } as const;
const [first, second] = [rolloutId(1), rolloutId(2)];

/** What every Store promises of rollouts whose turns fail, and of rows that this version cannot read. */
export function quarantineContract(open: () => Promise<SpoilableStore>): void {
  let opened: SpoilableStore;
  let store: Store & Rollouts;

  beforeEach(async () => {
    opened = await open();
    store = opened.store;
    await store.create(aRollout(), [], null);
  });

  async function fail(times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      const claim = await store.claim(first, 'worker-a', 15);
      const record = await store.fail(first, claim?.epoch ?? -1, (turn) => afterFailure(turn, 'TypeError'));
      if (record === null) throw new Error('nothing was written');
      await opened.later(61);
    }
  }

  async function turn(over: Partial<Change> = {}) {
    const claim = await store.claim(first, 'worker-a', 15);
    const nextAt = (claim?.now ?? 0) + 1000;
    const change = { rollout: aRollout(), events: [], measurements: null, nextAt, release: true, ...over };
    return store.save(first, claim?.epoch ?? -1, change);
  }

  const troubleOf = async () => (await store.find(first))?.trouble;
  const typesOf = async (id: string) => (await store.events(id, 0, 100)).map(({ type }) => type);

  describe('a turn that fails', () => {
    it('is counted on its row, gives the lease back and is due later', async () => {
      const claim = await store.claim(first, 'worker-a', 15);
      const record = await store.fail(first, claim?.epoch ?? 0, (failed) =>
        afterFailure(failed, 'TypeError'),
      );
      expect(record?.nextAt).toBe((record?.now ?? 0) + 1000);
      expect(await troubleOf()).toEqual({ failures: 1, why: 'TypeError', quarantinedAt: null });
      expect(await store.due(10)).toEqual([]);
      await opened.later(2);
      expect(await store.due(10)).toEqual([first]);
      expect((await store.claim(first, 'worker-b', 15))?.trouble.failures).toBe(1);
    });

    it('counts nothing when somebody else has the rollout by now', async () => {
      const claim = await store.claim(first, 'worker-a', 15);
      const command = {
        change: { rollout: aRollout(), events: [], nextAt: start },
        answer: 1,
        remember: null,
      };
      await store.command(first, () => command);
      const record = await store.fail(first, claim?.epoch ?? 0, (failed) =>
        afterFailure(failed, 'TypeError'),
      );
      expect(record).toBeNull();
      expect(await troubleOf()).toEqual(noTrouble);
    });

    it('five times in a row is quarantined once, with a page, and counted', async () => {
      await fail(7);
      expect(await typesOf(first)).toEqual(['rollout.quarantined', 'page']);
      expect(await troubleOf()).toEqual({
        failures: 7,
        why: 'TypeError',
        quarantinedAt: expect.any(Number),
      });
      expect(await store.quarantined()).toBe(1);
      expect(await store.entries({ limit: 1 })).toMatchObject([
        { kind: 'rollout', rollout: { id: first }, trouble: { failures: 7 } },
      ]);
    });

    it('and then one that works leave no trouble behind', async () => {
      await fail(5);
      await turn({ release: false });
      expect(await troubleOf()).toMatchObject({ failures: 5 });
      await opened.later(16);
      await turn();
      expect(await troubleOf()).toEqual(noTrouble);
      expect(await store.quarantined()).toBe(0);
    });

    it('of a rollout that ended meanwhile is nobody’s trouble', async () => {
      await fail(5);
      const end: Rollout = aRollout({ state: { kind: 'cancelled', at: start, by: ana, reason: null } });
      const change = { rollout: end, events: [], nextAt: null };
      await store.command(first, () => ({ change, answer: 1, remember: null }));
      expect([await troubleOf(), await store.quarantined()]).toEqual([noTrouble, 0]);
      const late = await store.fail(first, 6, (failed) => afterFailure(failed, 'TypeError'));
      expect(late).toBeNull();
    });
  });

  describe('a row of a newer version', () => {
    beforeEach(async () => {
      await store.create(aRollout({ id: second, target: targetNamed('ledger') }), [], null);
      await opened.later(1);
    });

    it('is left as it stands, byte for byte, free and due, whatever is tried', async () => {
      await opened.spoil(first);
      const before = await opened.documentOf(first);
      await expect(store.claim(first, 'worker-a', 15)).rejects.toMatchObject({ code: 'corruptRow' });
      await store.fail(first, null, (failed) => afterNoReading(failed, 'corruptRow'));
      const command = { change: null, answer: 1, remember: null };
      await expect(store.command(first, () => command)).rejects.toMatchObject({ row: { id: first } });
      expect(await opened.documentOf(first)).toBe(before);
      expect(await store.due(10)).toContain(first);
      expect(await store.due(10, [first])).toEqual([second]);
    });

    it('pages once when nobody has taken it for half a minute, and stays due', async () => {
      await opened.spoil(first);
      const judge = (failed: FailedTurn) => afterNoReading(failed, 'corruptRow');
      expect(await store.fail(first, null, judge)).toBeNull();
      await opened.later(31);
      expect((await store.fail(first, null, judge))?.trouble.failures).toBe(1);
      expect(await store.fail(first, null, judge)).toBeNull();
      expect(await typesOf(first)).toEqual(['rollout.quarantined', 'page']);
      expect([await store.quarantined(), await store.due(10)]).toEqual([
        1,
        expect.arrayContaining([first, second]),
      ]);
    });

    it('is not judged while another worker has it', async () => {
      await store.claim(first, 'newer', 15);
      await opened.spoil(first);
      const judged = await store.fail(first, null, (failed) => afterNoReading(failed, 'corruptRow'));
      expect(judged).toBeNull();
    });

    it('hides no other from lists, and is listed with what its columns tell', async () => {
      await opened.spoil(first);
      expect((await store.list({ limit: 10 })).map(({ id }) => id)).toEqual([second]);
      expect(await store.entries({ limit: 10, statuses: ['running'] })).toMatchObject([
        { kind: 'rollout', rollout: { id: second } },
        {
          kind: 'unreadable',
          row: { id: first, status: 'running', virtualService: 'payment-service', trouble: noTrouble },
        },
      ]);
      await expect(store.find(first)).rejects.toMatchObject({
        code: 'corruptRow',
        row: { id: first, namespace: 'payment-prod' },
      });
    });
  });
}
