import { sql } from 'kysely';
import type { Measurements } from '../analysis/reading.ts';
import type { AuditEvent } from '../rollout/audit.ts';
import type { Remembered } from '../rollout/ports/store.ts';
import { hasEnded, type Rollout, type StoredRollout, statusOf } from '../rollout/rollout.ts';
import type { Millis } from '../rollout/units.ts';
import { databaseClock, instant, secondsFromNow } from './clock.ts';
import type { Db } from './database.ts';
import { jsonText, storable } from './json-text.ts';
import { documentOf } from './rows.ts';
import type { Trx } from './transaction.ts';

/** The channel on which workers hear that a rollout is due now. */
export const dueChannel = 'canaryd_due';

const rememberedDays = 7;
const secondsPerDay = 86_400;

/** The columns that a newer version of a rollout sets. An end takes the lease and the next turn away. */
export function columnsOf(rollout: StoredRollout, nextAt: Millis | null) {
  const ended = nextAt === null || hasEnded(rollout);
  return {
    document: sql<string>`${documentOf(rollout)}::jsonb`,
    status: statusOf(rollout),
    next_at: ended ? null : instant(nextAt),
    ended_at: ended ? sql<Date>`coalesce(ended_at, clock_timestamp())` : null,
    ...(ended ? { ...noLease, ...noTrouble } : {}),
  };
}

export const noLease = { lease_owner: null, lease_until: null } as const;
export const noTrouble = { failures: 0, last_failure: null, quarantined_at: null } as const;

/** Appends audit rows that end at `lastSeq`, which the caller has taken under the rollout's row lock. */
export async function appendAudit(
  trx: Trx,
  id: string,
  events: AuditEvent[],
  lastSeq: number,
): Promise<void> {
  if (events.length === 0) return;
  const first = lastSeq - events.length + 1;
  const rows = events.map((event, index) => ({ rollout_id: id, seq: first + index, ...eventColumns(event) }));
  await trx.insertInto('audit').values(rows).execute();
}

/** Appends an audit row about something else than a rollout. */
export async function appendSubjectAudit(trx: Trx, subject: string, event: AuditEvent): Promise<void> {
  const row = { rollout_id: null, subject, seq: 0, ...eventColumns(event) };
  await trx.insertInto('audit').values(row).execute();
}

function eventColumns(event: AuditEvent) {
  return { at: databaseClock, ...eventTexts(event) };
}

/** An audit event as its columns hold it, all but its time and place. */
export function eventTexts({ type, actor, message, facts }: AuditEvent) {
  return {
    type,
    actor_kind: actor.kind,
    actor_name: storable(actor.name),
    message: storable(message),
    facts: jsonText(facts),
  };
}

/**
 * Keeps what one poll measured, how it was judged, and where the rollout stood then: `step` counts from 0. The same
 * poll written twice is kept once.
 */
export async function keepMeasurements(
  trx: Trx,
  rollout: Rollout,
  step: number | null,
  measurements: Measurements,
): Promise<void> {
  const text = measuredText(rollout, measurements);
  const payload = sql<string>`${text}::jsonb || jsonb_build_object('step', ${step}::integer)`;
  await trx
    .insertInto('measurement')
    .values({ rollout_id: rollout.id, at: instant(measurements.takenAt), payload })
    .onConflict((conflict) => conflict.columns(['rollout_id', 'at']).doNothing())
    .execute();
}

/** What one poll measured and how it was judged, as JSON; the step is added where it is written. */
export function measuredText({ watch, traffic }: Rollout, measurements: Measurements): string {
  const judged = Object.entries(watch.results)
    .filter(([, { at }]) => at === measurements.takenAt)
    .map(([check, { verdict, limit, failuresInARow }]) => [check, { verdict, limit, failuresInARow }]);
  // Raw counters are many, and only their differences say anything: those are in the verdict.
  const { counters, history, ...kept } = measurements;
  // Without counters there was no look: what the last one found is in its own row.
  const verdict = counters?.kind === 'counters' ? { verdict: watch.judge?.verdict ?? null } : {};
  return jsonText({ ...kept, ...verdict, share: traffic.applied, judged: Object.fromEntries(judged) });
}

/** From when on answers are still remembered. */
export const rememberedSince = secondsFromNow(-rememberedDays * secondsPerDay);

/** Keeps an answer for its key. False when a younger answer is there already; waits for one that is being written. */
export async function keepAnswer(trx: Trx, rolloutId: string, answer: Remembered): Promise<boolean> {
  const kept = {
    fingerprint: answer.fingerprint,
    status: answer.status,
    body: storable(answer.body),
    rollout_id: rolloutId,
    created_at: databaseClock,
  };
  const key = {
    principal: storable(answer.principal),
    method: storable(answer.method),
    path: storable(answer.path),
    key: storable(answer.key),
  };
  const row = await trx
    .insertInto('idempotency')
    .values({ ...key, ...kept })
    .onConflict((conflict) =>
      conflict
        .columns(['principal', 'method', 'path', 'key'])
        .doUpdateSet(kept)
        .where('idempotency.created_at', '<', rememberedSince),
    )
    .returning('status')
    .executeTakeFirst();
  await forgetOldAnswers(trx);
  return row !== undefined;
}

/** A few with each new answer, so that no job is needed; rows that others lock are left to them. */
async function forgetOldAnswers(trx: Trx): Promise<void> {
  await sql`
    delete from idempotency where (principal, method, path, key) in (
      select principal, method, path, key from idempotency
      where created_at < ${rememberedSince} order by created_at limit 10 for update skip locked
    )`.execute(trx);
}

/** Wakes every worker, within a transaction when it commits. */
export async function wakeWorkers(trx: Db | Trx, id: string): Promise<void> {
  await sql`select pg_notify(${dueChannel}, ${id})`.execute(trx);
}
