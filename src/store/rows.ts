import { z } from 'zod';
import { AppError } from '../errors.ts';
import { AuditFacts, type AuditRow } from '../rollout/audit.ts';
import { Actor } from '../rollout/reasons.ts';
import { isScheduled, Rollout, type StoredRollout } from '../rollout/rollout.ts';
import { ScheduledRollout } from '../rollout/scheduled.ts';
import { jsonText } from './json-text.ts';

/** PostgreSQL sends bigint as text, because it may exceed what a number holds. */
const BigintText = z
  .string()
  .regex(/^-?\d{1,15}$/)
  .transform(Number);

/** What a statement answers besides its document. */
export const Epoch = z.object({ epoch: BigintText });
export const LastSeq = z.object({ last_seq: BigintText });

const AuditRowColumns = z
  .object({
    number: BigintText,
    seq: BigintText,
    rollout_id: z.string().nullable(),
    subject: z.string(),
    at: z.number(),
    type: z.string(),
    actor_kind: Actor.shape.kind,
    actor_name: z.string(),
    message: z.string(),
    facts: z.string(),
  })
  .transform(
    (row): AuditRow => ({
      number: row.number,
      seq: row.seq,
      rolloutId: row.rollout_id,
      subject: row.subject,
      at: row.at,
      type: row.type,
      actor: { kind: row.actor_kind, name: row.actor_name },
      message: row.message,
      facts: AuditFacts.parse(JSON.parse(row.facts)),
    }),
  );

/**
 * The rollout as it was written.
 * @throws AppError `corruptRow` when the document is not one that this version understands
 */
export function storedFrom(id: string, document: unknown): StoredRollout {
  const schema = Scheduled.safeParse(document).success ? ScheduledRollout : Rollout;
  return parsed<StoredRollout>(schema, document, `rollout ${id}`);
}

const Scheduled = z.looseObject({ kind: z.literal('scheduled') });

/**
 * The text to store for a rollout.
 * @throws AppError `corruptRow` when it could not be read back: one bad write would stop all later turns
 */
export function documentOf(rollout: StoredRollout): string {
  const text = jsonText(rollout);
  const schema = isScheduled(rollout) ? ScheduledRollout : Rollout;
  parsed<StoredRollout>(schema, JSON.parse(text), `rollout ${rollout.id}, not written`);
  return text;
}

/** An audit row as it was written; throws AppError `corruptRow` when it is not one. */
export function auditRowFrom(row: { subject: string; seq: unknown }): AuditRow {
  return parsed(AuditRowColumns, row, `audit row ${row.seq} of ${row.subject}`);
}

/** A row's columns by schema; throws AppError `corruptRow`, naming `what` and the path, never a value. */
export function parsed<T>(schema: z.ZodType<T>, row: unknown, what: string): T {
  try {
    return schema.parse(row);
  } catch (cause) {
    const where =
      cause instanceof z.ZodError ? cause.issues.map((issue) => issue.path.join('.')).join(', ') : 'facts';
    throw new AppError('corruptRow', `${what} cannot be understood at: ${where}`, { cause });
  }
}
