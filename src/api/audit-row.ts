import { z } from 'zod';
import { type AuditRow, AuditType } from '../rollout/audit.ts';
import { ActorOnWire, RolloutId, Timestamp, timestamp } from './wire-parts.ts';

/** A row of the audit log as callers see it. */
export const AuditRowOnWire = z
  .object({
    number: z.int().describe('Orders all rows of all rollouts.'),
    seq: z.int().describe('Counts within the rollout, without gaps; 0 when there is none.'),
    rolloutId: RolloutId.nullable().describe('Null when the row is about something else than a rollout.'),
    subject: z
      .string()
      .describe('What it is about: the id of a rollout, or such as `hold/namespace/payments`.'),
    at: Timestamp,
    type: z
      .union([AuditType, z.string().min(1)])
      .describe('One of those listed, or one that only a newer version of canaryd writes.'),
    actor: ActorOnWire,
    message: z.string().describe('A whole sentence for a person.'),
    facts: z
      .record(z.string(), z.unknown())
      .describe('The values behind the sentence, with units in their names.'),
  })
  .meta({ id: 'AuditRow' });

/** Renders a row of the audit log. */
export function renderAuditRow(row: AuditRow): z.output<typeof AuditRowOnWire> {
  return { ...row, at: timestamp(row.at) };
}

/** A page of rows. `nextAfter` is the `after` of the next request; null on an empty page. */
export function auditPage(id: string) {
  return z
    .object({
      data: z.array(AuditRowOnWire),
      page: z.object({ nextAfter: z.int().nullable(), hasMore: z.boolean() }),
    })
    .meta({ id });
}
