import type { AuditEvent } from '../audit.ts';
import type { Actor } from '../reasons.ts';
import type { HoldOrder } from './store.ts';

/** Where a hold order is to stand; null is every cluster, every namespace. */
export type Scope = Pick<HoldOrder, 'cluster' | 'namespace'>;

/** A hold order as it was asked for; the store adds the time. */
export type NewHoldOrder = Omit<HoldOrder, 'at'>;

/** Hold orders, and what they stop. */
export interface Holds {
  /**
   * Writes the order and its audit row down, then fences every turn that is under way in its scope and makes those
   * rollouts due. `standing` when an order has exactly this scope already; it is left as it is.
   */
  place(order: NewHoldOrder, event: AuditEvent): Promise<{ kind: 'placed' | 'standing'; order: HoldOrder }>;
  /** The order as it was, and its rollouts are due; `gone` when it stands no more. */
  lift(
    id: string,
    by: Actor,
    event: (order: HoldOrder) => AuditEvent,
  ): Promise<{ kind: 'lifted'; order: HoldOrder } | { kind: 'gone' | 'unknown' }>;
  /** All that stand, the oldest first. */
  standing(): Promise<HoldOrder[]>;
}
