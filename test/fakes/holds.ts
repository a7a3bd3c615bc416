import type { AuditEvent } from '../../src/rollout/audit.ts';
import type { Holds, NewHoldOrder, Scope } from '../../src/rollout/ports/holds.ts';
import type { HoldOrder } from '../../src/rollout/ports/store.ts';
import type { Millis } from '../../src/rollout/units.ts';

/** Hold orders in memory, with the audit rows that they leave. */
export function memoryHolds(now: () => Millis): Holds & { events: AuditEvent[] } {
  const open = new Map<string, HoldOrder>();
  const lifted = new Set<string>();
  const events: AuditEvent[] = [];
  return {
    events,
    place: async (asked: NewHoldOrder, event: AuditEvent) => {
      const standing = [...open.values()].find((one) => isSameScope(one, asked));
      if (standing !== undefined) return { kind: 'standing', order: standing };
      const order = { ...asked, at: now() };
      open.set(order.id, order);
      events.push(event);
      return { kind: 'placed', order };
    },
    lift: async (id, _by, event) => {
      const order = open.get(id);
      if (order === undefined) return { kind: lifted.has(id) ? 'gone' : 'unknown' };
      open.delete(id);
      lifted.add(id);
      events.push(event(order));
      return { kind: 'lifted', order };
    },
    standing: async () => [...open.values()].sort((one, other) => one.at - other.at),
  };
}

function isSameScope(one: Scope, other: Scope): boolean {
  return one.cluster === other.cluster && one.namespace === other.namespace;
}
