import { describe, expect, it } from 'vitest';
import { event } from '../../src/rollout/decision.ts';
import type { Holds, NewHoldOrder } from '../../src/rollout/ports/holds.ts';
import type { Actor } from '../../src/rollout/reasons.ts';

const bob: Actor = { kind: 'person', name: 'bob' };
const placed = event('hold.placed', 'bob stopped every move forward in all clusters', {}, bob);
const lifted = event('hold.lifted', 'bob let rollouts in all clusters go on again', {}, bob);

/** The id of the nth order of a test. */
export function holdId(number: number): string {
  return `ho_01KE6QWX00${String(number).padStart(16, '0')}`;
}

/** An order of bob's; without a scope it stands everywhere. */
export function orderOf(number: number, scope: Partial<NewHoldOrder> = {}): NewHoldOrder {
  return { id: holdId(number), cluster: null, namespace: null, by: bob, reason: 'incident 4711', ...scope };
}

/** What every keeper of hold orders promises. */
export function holdContract(open: () => Promise<Holds>): void {
  describe('a hold order', () => {
    it('stands from the moment it was placed, with who, where and why', async () => {
      const holds = await open();
      const { kind, order } = await holds.place(orderOf(1, { namespace: 'payments' }), placed);
      expect(kind).toBe('placed');
      expect(order).toMatchObject({ id: holdId(1), cluster: null, namespace: 'payments', by: bob });
      expect(await holds.standing()).toEqual([order]);
    });

    it('may be placed without a word of why', async () => {
      const holds = await open();
      await holds.place(orderOf(1, { reason: null }), placed);
      expect(await holds.standing()).toMatchObject([{ reason: null }]);
    });

    it('is one for each scope: whoever places it again is told of the one that stands', async () => {
      const holds = await open();
      await holds.place(orderOf(1), placed);
      const again = await holds.place(orderOf(2), placed);
      expect(again).toMatchObject({ kind: 'standing', order: { id: holdId(1) } });
      await holds.place(orderOf(3, { namespace: 'payments' }), placed);
      expect((await holds.standing()).map(({ id }) => id)).toEqual([holdId(1), holdId(3)]);
    });

    it('stands no more once it was lifted, and is lifted once', async () => {
      const holds = await open();
      await holds.place(orderOf(1), placed);
      expect(await holds.lift(holdId(1), bob, () => lifted)).toMatchObject({ kind: 'lifted' });
      expect(await holds.standing()).toEqual([]);
      expect(await holds.lift(holdId(1), bob, () => lifted)).toEqual({ kind: 'gone' });
      expect(await holds.lift(holdId(7), bob, () => lifted)).toEqual({ kind: 'unknown' });
    });

    it('may be placed anew in the same scope after it was lifted', async () => {
      const holds = await open();
      await holds.place(orderOf(1), placed);
      await holds.lift(holdId(1), bob, () => lifted);
      expect((await holds.place(orderOf(2), placed)).kind).toBe('placed');
    });
  });
}
