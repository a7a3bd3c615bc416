import { describe, expect, it } from 'vitest';
import type { RolloutEntry } from '../../src/rollout/ports/store.ts';
import type { TargetRecords } from '../../src/rollout/ports/targets.ts';
import type { Rollout, StoredRollout } from '../../src/rollout/rollout.ts';
import { aRollout, aScheduled, paymentTarget, rolloutId, start } from '../fakes/rollouts.ts';

const at = (virtualService: string, more: Partial<Rollout['target']> = {}) => {
  return { ...paymentTarget, virtualService, ...more };
};
const ended = { kind: 'succeeded', at: start } as const;

const idOf = (last: RolloutEntry) => (last.kind === 'rollout' ? last.rollout.id : last.row.id);

/** What every `TargetRecords` promises; `open` answers one that knows these rollouts. */
export function targetContract(open: (rollouts: StoredRollout[]) => Promise<TargetRecords>): void {
  const rollouts = [
    aRollout({ id: rolloutId(1), target: at('cards'), state: ended }),
    aRollout({ id: rolloutId(2), target: at('cards'), state: ended }),
    aRollout({ id: rolloutId(3), target: at('cards', { route: 'beta' }) }),
    aRollout({ id: rolloutId(4), target: at('ledger'), state: ended }),
    aRollout({ id: rolloutId(5), target: at('ledger', { namespace: 'other' }) }),
  ];
  const name = { cluster: 'default', namespace: 'payment-prod', virtualService: 'cards' };

  describe('the records of targets', () => {
    it('hold every route that had a rollout once, with its last one and what is live on its object', async () => {
      const records = await open(rollouts);
      const found = await records.list({ limit: 10 });
      expect(found.map(({ key, last, live }) => [key.virtualService, key.route, idOf(last), live])).toEqual([
        ['ledger', 'primary', rolloutId(5), rolloutId(5)],
        ['cards', 'beta', rolloutId(3), rolloutId(3)],
        ['cards', 'primary', rolloutId(2), rolloutId(3)],
        ['ledger', 'primary', rolloutId(4), null],
      ]);
    });

    it('can be read page by page', async () => {
      const records = await open(rollouts);
      const first = await records.list({ limit: 2 });
      const after = first.at(-1)?.key;
      const rest = await records.list({ limit: 10, ...(after === undefined ? {} : { after }) });
      expect([...first, ...rest].map(({ last }) => idOf(last))).toEqual([5, 3, 2, 4].map(rolloutId));
    });

    it('can be narrowed to a cluster, a namespace and a VirtualService', async () => {
      const records = await open(rollouts);
      const ids = async (query: object) =>
        (await records.list({ limit: 10, ...query })).map(({ last }) => idOf(last));
      expect(await ids({ namespace: 'other' })).toEqual([rolloutId(5)]);
      expect(await ids({ cluster: 'default', virtualService: 'ledger' })).toEqual([5, 4].map(rolloutId));
      expect(await ids({ cluster: 'elsewhere' })).toEqual([]);
    });

    it('answer the last rollout of an object, whatever its route', async () => {
      const records = await open(rollouts);
      expect(await records.last(name)).toMatchObject({
        last: { kind: 'rollout', rollout: { id: rolloutId(3) } },
        live: rolloutId(3),
      });
      expect(await records.last({ ...name, virtualService: 'nowhere' })).toBeNull();
    });

    it('know nothing of a rollout whose turn has not come: it has read no route, and holds nothing', async () => {
      const target = { ...name, virtualService: 'ledger' };
      const elsewhere = { ...name, virtualService: 'payouts' };
      const records = await open([
        ...rollouts,
        aScheduled({ id: rolloutId(6), target }),
        aScheduled({ id: rolloutId(7), target: elsewhere }),
      ]);
      expect(await records.last(target)).toMatchObject({
        last: { rollout: { id: rolloutId(4) } },
        live: null,
      });
      expect(await records.last(elsewhere)).toBeNull();
      expect(await records.list({ limit: 10 })).toHaveLength(4);
    });
  });
}
