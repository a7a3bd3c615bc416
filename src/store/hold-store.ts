import { sql } from 'kysely';
import { z } from 'zod';
import type { AuditEvent } from '../rollout/audit.ts';
import type { Holds, NewHoldOrder, Scope } from '../rollout/ports/holds.ts';
import type { HoldOrder } from '../rollout/ports/store.ts';
import { Actor } from '../rollout/reasons.ts';
import { databaseClock, millis } from './clock.ts';
import type { Db } from './database.ts';
import { storable } from './json-text.ts';
import { movesAnyIn } from './reads.ts';
import { parsed } from './rows.ts';
import { inTransaction, type Outcome, type Trx } from './transaction.ts';
import { appendSubjectAudit, noLease, wakeWorkers } from './writes.ts';

/**
 * Hold orders on PostgreSQL. Every method throws AppError `databaseUnavailable` or `databaseTimeout` when the database
 * fails, after which the order may or may not stand.
 */
export function holdStore(db: Db): Holds {
  return {
    place: (order, event) => place(db, order, event),
    lift: (id, by, event) => lift(db, { id, by, event }),
    standing: () => standing(db),
  };
}

const OrderRow = z
  .object({
    id: z.string(),
    cluster: z.string().nullable(),
    namespace: z.string().nullable(),
    reason: z.string().nullable(),
    // A kind that only a newer version knows must not keep turns from seeing that the order stands, or from going back.
    by_kind: Actor.shape.kind.catch('machine'),
    by_name: z.string(),
    at: z.number(),
  })
  .transform(({ by_kind, by_name, ...row }): HoldOrder => ({ ...row, by: { kind: by_kind, name: by_name } }));

/** A hold order as a row of the table holds it. */
export function orderFrom(row: unknown): HoldOrder {
  return parsed(OrderRow, row, 'a hold order');
}

/** The open orders, as `orderFrom` reads them. */
export function openOrders(db: Db | Trx) {
  return db
    .selectFrom('hold')
    .select((column) => [
      'hold.id',
      'hold.cluster',
      'hold.namespace',
      'hold.reason',
      'hold.by_kind',
      'hold.by_name',
      millis(column.ref('hold.created_at')).as('at'),
    ])
    .where('hold.lifted_at', 'is', null);
}

async function standing(db: Db): Promise<HoldOrder[]> {
  return (await openOrders(db).orderBy('hold.created_at').execute()).map(orderFrom);
}

type Placed = Awaited<ReturnType<Holds['place']>>;

async function place(db: Db, order: NewHoldOrder, event: AuditEvent): Promise<Placed> {
  for (;;) {
    const placed = await inTransaction(db, (trx) => insert(trx, order, event));
    if (placed === null) continue;
    await fenceAll(db, order);
    return placed;
  }
}

/** Null when an order stood in the way and was lifted between two statements: the next attempt may succeed. */
async function insert(trx: Trx, order: NewHoldOrder, event: AuditEvent): Promise<Outcome<Placed | null>> {
  const row = await trx
    .insertInto('hold')
    .values({
      id: order.id,
      cluster: order.cluster,
      namespace: order.namespace,
      reason: order.reason === null ? null : storable(order.reason),
      by_kind: order.by.kind,
      by_name: storable(order.by.name),
    })
    .onConflict((conflict) =>
      conflict.columns(['cluster', 'namespace']).where('lifted_at', 'is', null).doNothing(),
    )
    .returning((column) => millis(column.ref('created_at')).as('at'))
    .executeTakeFirst();
  if (row !== undefined) {
    await appendSubjectAudit(trx, subjectOf(order), event);
    return { keep: true, value: { kind: 'placed', order: { ...order, at: row.at } } };
  }
  const other = (await openOrders(trx).execute()).map(orderFrom).find((one) => isSameScope(one, order));
  return { keep: false, value: other === undefined ? null : { kind: 'standing', order: other } };
}

type Lift = { id: string; by: Actor; event: (order: HoldOrder) => AuditEvent };

async function lift(db: Db, { id, by, event }: Lift): ReturnType<Holds['lift']> {
  const known = await db.selectFrom('hold').select('id').where('id', '=', storable(id)).executeTakeFirst();
  if (known === undefined) return { kind: 'unknown' };
  const order = await inTransaction(db, async (trx) => {
    const row = await trx
      .updateTable('hold')
      .set({ lifted_at: databaseClock, lifted_by_kind: by.kind, lifted_by_name: storable(by.name) })
      .where('id', '=', id)
      .where('lifted_at', 'is', null)
      .returning((column) => [
        'id',
        'cluster',
        'namespace',
        'reason',
        'by_kind',
        'by_name',
        millis(column.ref('created_at')).as('at'),
      ])
      .executeTakeFirst();
    if (row === undefined) return { keep: false, value: null };
    const lifted = orderFrom(row);
    await appendSubjectAudit(trx, subjectOf(lifted), event(lifted));
    return { keep: true, value: lifted };
  });
  if (order === null) return { kind: 'gone' };
  await fenceAll(db, order);
  return { kind: 'lifted', order };
}

/**
 * How often rows that others hold are tried again, and how long after: together longer than PostgreSQL lets a statement
 * run or a transaction idle, because a turn that is not fenced may still go forward.
 */
const tries = 80;
const restMs = 50;
/** How many rows are locked at a time: nobody's rollback waits for a whole scope. */
const mostAtOnce = 100;

/**
 * Takes the lease of every turn under way in the scope and makes its rollout due: the turn's successor sees what
 * stands now. A turn that writes at this very moment is waited for, never blocked.
 */
async function fenceAll(db: Db, scope: Scope): Promise<void> {
  const fenced = new Set<string>();
  for (let attempt = 0; attempt < tries; ) {
    const { done, left } = await fenceFree(db, scope, [...fenced]);
    for (const id of done) fenced.add(id);
    if (left === 0) return;
    if (done.length > 0) continue;
    attempt += 1;
    await new Promise((resolve) => setTimeout(resolve, restMs));
  }
}

async function fenceFree(db: Db, scope: Scope, done: string[]): Promise<{ done: string[]; left: number }> {
  return inTransaction(db, async (trx) => {
    const inScope = trx
      .selectFrom('rollout')
      .select('id')
      .where('ended_at', 'is', null)
      .where(sql<boolean>`id <> all(${done}::text[])`)
      .where(scope.cluster === null ? anywhere : sql<boolean>`cluster = ${storable(scope.cluster)}`)
      .where(scope.namespace === null ? anywhere : movesAnyIn(scope.namespace));
    const all = await inScope.execute();
    const free = await inScope.limit(mostAtOnce).forUpdate().skipLocked().execute();
    const ids = free.map(({ id }) => id);
    if (ids.length > 0) {
      await trx
        .updateTable('rollout')
        .set({ ...noLease, epoch: sql<number>`epoch + 1`, next_at: databaseClock })
        .where(sql<boolean>`id = any(${ids}::text[])`)
        .execute();
    }
    for (const id of ids) await wakeWorkers(trx, id);
    return { keep: true, value: { done: ids, left: all.length - ids.length } };
  });
}

const anywhere = sql<boolean>`true`;

function isSameScope(one: Scope, other: Scope): boolean {
  return one.cluster === other.cluster && one.namespace === other.namespace;
}

function subjectOf({ cluster, namespace }: Scope): string {
  const parts = [
    cluster === null ? [] : ['cluster', cluster],
    namespace === null ? [] : ['namespace', namespace],
  ];
  return ['hold', ...parts.flat()].join('/');
}
