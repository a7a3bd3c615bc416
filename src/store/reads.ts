import { type RawBuilder, sql } from 'kysely';
import { z } from 'zod';
import type { AuditRow } from '../rollout/audit.ts';
import { type Names, namesIn } from '../rollout/names.ts';
import type { AuditQuery, Remembered, RolloutEntry, RolloutQuery, Rollouts } from '../rollout/ports/store.ts';
import type { StoredRollout } from '../rollout/rollout.ts';
import { databaseClock, instant, millis } from './clock.ts';
import type { Db } from './database.ts';
import { storable } from './json-text.ts';
import { entryFrom, factColumns, readRow, troubleFrom } from './row-facts.ts';
import { auditRowFrom, parsed } from './rows.ts';
import type { Trx } from './transaction.ts';
import { rememberedSince } from './writes.ts';

const Answer = z.object({ fingerprint: z.string(), status: z.number(), body: z.string() });

/** A rollout with what its row tells; throws `UnreadableRollout` when it cannot be read. */
export async function findRollout(db: Db, id: string): ReturnType<Rollouts['find']> {
  const row = await db
    .selectFrom('rollout')
    .select((column) => [
      'document',
      millis(column.ref('next_at')).$castTo<number | null>().as('nextAt'),
      millis(databaseClock).as('now'),
      ...factColumns,
    ])
    .where('id', '=', storable(id))
    .executeTakeFirst();
  if (row === undefined) return null;
  return { rollout: readRow(row), nextAt: row.nextAt, now: row.now, trouble: troubleFrom(row) };
}

/** Rows that match, newest first: their ids begin with the time. */
export async function listRollouts(db: Db, query: RolloutQuery): Promise<RolloutEntry[]> {
  const { statuses, namespace, virtualService, moving, beforeId } = query;
  let rows = db
    .selectFrom('rollout')
    .select(['document', ...factColumns])
    .orderBy('id', 'desc')
    .limit(query.limit);
  if (statuses !== undefined)
    rows = rows.where('status', '=', sql<string>`any(${statuses.map(storable)}::text[])`);
  if (namespace !== undefined || virtualService !== undefined)
    rows = rows.where(isAmong(placed({ namespace, virtualService })));
  if (moving !== undefined) rows = rows.where(isAmong(sql.join(namesIn(moving).map(placed), sql` union `)));
  if (beforeId !== undefined) rows = rows.where('id', '<', storable(beforeId));
  return (await rows.execute()).map(entryFrom);
}

function isAmong(ids: RawBuilder<unknown>) {
  return sql<boolean>`id in (${ids})`;
}

type Place = { cluster?: string; namespace?: string | undefined; virtualService?: string | undefined };

/** The ids of all rollouts of a place; those that ended before `rollout_object` was made stand in their own columns. */
export function placed({ cluster, namespace, virtualService }: Place): RawBuilder<unknown> {
  const conditions = [
    ...(cluster === undefined ? [] : [sql`cluster = ${storable(cluster)}`]),
    ...(namespace === undefined ? [] : [sql`namespace = ${storable(namespace)}`]),
    ...(virtualService === undefined ? [] : [sql`virtual_service = ${storable(virtualService)}`]),
  ];
  const all = sql.join(conditions, sql` and `);
  return sql`select id from rollout where ${all} union select rollout_id from rollout_object where ${all}`;
}

/** The rollouts of a list that this version can read. */
export function readable(entries: RolloutEntry[]): StoredRollout[] {
  return entries.flatMap((entry) => (entry.kind === 'rollout' ? [entry.rollout] : []));
}

/** How many rollouts that have not ended are in quarantine. */
export async function countQuarantined(db: Db): Promise<number> {
  const { count } = await db
    .selectFrom('rollout')
    .select(sql<number>`count(*)::integer`.as('count'))
    .where('quarantined_at', 'is not', null)
    .where('ended_at', 'is', null)
    .executeTakeFirstOrThrow();
  return count;
}

/** Every rollout that moves one of these and has not ended, scheduled ones included, the oldest first. */
export async function namesakesOn(db: Db, names: Names): Promise<StoredRollout[]> {
  const rows = await db
    .selectFrom('rollout')
    .select(['document', ...factColumns])
    .where('ended_at', 'is', null)
    .where('id', 'in', objectsAmong(db, names).select('rollout_id'))
    .orderBy('id')
    .execute();
  return rows.map(readRow);
}

/** The ids of all rollouts of a scope that have not ended, newest first; see `Rollouts.liveIn`. */
export async function liveIdsIn(
  db: Db,
  { cluster, namespace }: Parameters<Rollouts['liveIn']>[0],
): Promise<string[]> {
  let rows = db.selectFrom('rollout').select('id').where('ended_at', 'is', null).orderBy('id', 'desc');
  if (cluster !== null) rows = rows.where('cluster', '=', storable(cluster));
  if (namespace !== null) rows = rows.where(movesAnyIn(namespace));
  return (await rows.execute()).map(({ id }) => id);
}

/** True for a row of `rollout` that has not ended and moves a VirtualService of this namespace. */
export function movesAnyIn(namespace: string) {
  return sql<boolean>`exists (select from rollout_object
    where rollout_id = rollout.id and rollout_object.namespace = ${storable(namespace)})`;
}

/** The id of a rollout that holds one of these; scheduled ones hold nothing. */
export async function holderOf(db: Db | Trx, names: Names): Promise<string | null> {
  const row = await objectsAmong(db, names)
    .select('rollout_id')
    .where('is_held', '=', true)
    .orderBy('rollout_id')
    .executeTakeFirst();
  return row?.rollout_id ?? null;
}

/** The rows of `rollout_object` that stand for one of these VirtualServices. */
function objectsAmong(db: Db | Trx, names: Names) {
  const all = namesIn(names);
  const namespaces = all.map(({ namespace }) => storable(namespace));
  const virtualServices = all.map(({ virtualService }) => storable(virtualService));
  return db
    .selectFrom('rollout_object')
    .where('cluster', '=', storable(names.cluster))
    .where(
      sql<boolean>`(namespace, virtual_service) in
        (select * from unnest(${namespaces}::text[], ${virtualServices}::text[]))`,
    );
}

/** One rollout's audit rows after a sequence number, in their order. */
export async function rolloutEvents(
  db: Db,
  asked: { id: string; afterSeq: number; limit: number },
): Promise<AuditRow[]> {
  const rows = await auditRows(db)
    .where('rollout_id', '=', storable(asked.id))
    .where('seq', '>', asked.afterSeq)
    .orderBy('seq')
    .limit(asked.limit)
    .execute();
  return rows.map(auditRowFrom);
}

/** Audit rows of all rollouts that match, in the order of their number; `since` is inside the range, `until` is not. */
export async function searchAudit(db: Db, query: AuditQuery): Promise<AuditRow[]> {
  let rows = auditRows(db).orderBy('number').limit(query.limit);
  if (query.rolloutId !== undefined) rows = rows.where('rollout_id', '=', storable(query.rolloutId));
  if (query.actor !== undefined) rows = rows.where('actor_name', '=', storable(query.actor));
  if (query.type !== undefined) rows = rows.where('type', '=', storable(query.type));
  if (query.afterNumber !== undefined) rows = rows.where('number', '>', query.afterNumber);
  if (query.since !== undefined) rows = rows.where('at', '>=', instant(query.since));
  if (query.until !== undefined) rows = rows.where('at', '<', instant(query.until));
  return (await rows.execute()).map(auditRowFrom);
}

/** The answer kept for a key in the last 7 days, or null. */
export async function recallAnswer(
  db: Db,
  key: Pick<Remembered, 'principal' | 'method' | 'path' | 'key'>,
): ReturnType<Rollouts['recall']> {
  const row = await db
    .selectFrom('idempotency')
    .select(['fingerprint', 'status', 'body'])
    .where('principal', '=', storable(key.principal))
    .where('method', '=', storable(key.method))
    .where('path', '=', storable(key.path))
    .where('key', '=', storable(key.key))
    .where('created_at', '>=', rememberedSince)
    .executeTakeFirst();
  return row === undefined ? null : parsed(Answer, row, 'a remembered answer');
}

function auditRows(db: Db) {
  return db
    .selectFrom('audit')
    .select((column) => [
      'number',
      'seq',
      'rollout_id',
      'subject',
      millis(column.ref('at')).as('at'),
      'type',
      'actor_kind',
      'actor_name',
      'message',
      'facts',
    ]);
}
