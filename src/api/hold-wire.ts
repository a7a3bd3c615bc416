import { z } from 'zod';
import type { HoldOrder } from '../rollout/ports/store.ts';
import { ActorOnWire, RolloutId, Timestamp, timestamp } from './wire-parts.ts';

/** The form of a hold order's id. */
export const HoldId = z
  .string()
  .regex(/^ho_[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
  .meta({
    description: 'The id of a hold order: `ho_` and a ULID.',
    examples: ['ho_01KB4ZJ5Q8X2V7N3M6R9T0W1YC'],
  });

export const HoldOnWire = z
  .object({
    id: HoldId,
    cluster: z.string().nullable().describe('Null: all clusters.'),
    namespace: z.string().nullable().describe('Null: all namespaces.'),
    reason: z.string().nullable(),
    by: ActorOnWire,
    at: Timestamp,
    links: z.object({ self: z.string() }),
  })
  .meta({
    id: 'Hold',
    description: 'While it stands no rollout in its scope moves forward. Going back is open.',
  });

/** A hold order as callers see it. */
export function renderHold(order: HoldOrder): z.output<typeof HoldOnWire> {
  return { ...order, at: timestamp(order.at), links: { self: `/v1/hold/${order.id}` } };
}

export const PlacedHoldOnWire = HoldOnWire.extend({
  message: z.string().describe('How many live rollouts it stops now, and how to lift it.'),
}).meta({ id: 'PlacedHold', description: 'A hold order that stands from now on.' });

export const NamespaceRollbackOnWire = z
  .object({
    message: z.string().describe('What becomes of them all, or where rollouts are live instead.'),
    data: z.array(
      z.object({
        rolloutId: RolloutId,
        outcome: z.enum(['rolling_back', 'cancelled', 'refused']),
        why: z.string().nullable().describe('Why it was refused, and what to do.'),
        links: z.object({ self: z.string() }),
      }),
    ),
  })
  .meta({ id: 'NamespaceRollback', description: 'What became of each live rollout of the namespace.' });
