import { sql } from 'kysely';
import type { Change, Claim, HoldOrder, Store } from '../rollout/ports/store.ts';
import { isScheduled, type StoredRollout } from '../rollout/rollout.ts';
import { databaseClock, databaseNow, millis, secondsFromNow } from './clock.ts';
import type { Db } from './database.ts';
import { failTurn } from './failures.ts';
import { isTakenLive } from './faults.ts';
import { openOrders, orderFrom } from './hold-store.ts';
import { holderOf, namesakesOn } from './reads.ts';
import { troubleColumns, troubleFrom } from './row-facts.ts';
import { Epoch, LastSeq, parsed, storedFrom } from './rows.ts';
import { inTransaction } from './transaction.ts';
import { appendAudit, columnsOf, keepMeasurements, noLease, noTrouble, wakeWorkers } from './writes.ts';

type Saved = Awaited<ReturnType<Store['save']>>;

/**
 * What a turn needs, on PostgreSQL. Every method throws AppError `databaseUnavailable` or `databaseTimeout` when the
 * database fails; after such a failure of `save` the write may or may not have happened.
 */
export function turnStore(db: Db): Store {
  return {
    claim: (id, worker, leaseSeconds) => claim(db, { id, worker, leaseSeconds }),
    save: (id, epoch, change) => save(db, id, epoch, change),
    namesakes: (name) => namesakesOn(db, name),
    fail: (id, epoch, judge) => failTurn(db, { id, epoch, judge }),
    due: (limit, except = []) => due(db, limit, except),
    now: () => databaseNow(db),
  };
}

/** One statement: a second claimer waits for the row and then sees the new lease. */
async function claim(
  db: Db,
  asked: { id: string; worker: string; leaseSeconds: number },
): Promise<Claim | null> {
  const row = await db
    .updateTable('rollout')
    .set({
      epoch: sql<number>`epoch + 1`,
      lease_owner: asked.worker,
      lease_until: secondsFromNow(asked.leaseSeconds),
    })
    .where('id', '=', asked.id)
    .where('ended_at', 'is', null)
    .where('next_at', '<=', databaseClock)
    .where((where) => where.or([where('lease_until', 'is', null), where('lease_until', '<', databaseClock)]))
    .returning(['document', 'epoch', millis(databaseClock).as('now'), ...troubleColumns])
    .executeTakeFirst();
  if (row === undefined) return null;
  const { epoch } = parsed(Epoch, row, `rollout ${asked.id}`);
  try {
    const rollout = storedFrom(asked.id, row.document);
    // Read after the claim: an order that is placed later than this fences the turn.
    const order = await orderOver(db, rollout.target);
    return { rollout, epoch, now: row.now, order, trouble: troubleFrom(row) };
  } catch (cause) {
    // A newer version may understand what this one does not: the lease must not keep it away.
    await db
      .updateTable('rollout')
      .set(noLease)
      .where('id', '=', asked.id)
      .where('epoch', '=', epoch)
      .execute();
    await wakeWorkers(db, asked.id);
    throw cause;
  }
}

/** An open hold order whose scope the target lies in; the widest one is told of. */
async function orderOver(db: Db, { cluster, namespace }: StoredRollout['target']): Promise<HoldOrder | null> {
  const row = await openOrders(db)
    .where((where) => where.or([where('cluster', 'is', null), where('cluster', '=', cluster)]))
    .where((where) => where.or([where('namespace', 'is', null), where('namespace', '=', namespace)]))
    .orderBy(sql`namespace nulls first`)
    .orderBy(sql`cluster nulls first`)
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? null : orderFrom(row);
}

async function save(db: Db, id: string, epoch: number, change: Change): Promise<Saved> {
  for (;;) {
    try {
      return await write(db, id, epoch, change);
    } catch (cause) {
      if (!isTakenLive(cause)) throw cause;
      const by = await holderOf(db, change.rollout.target);
      // Null when it has ended between two statements: the next attempt may succeed.
      if (by !== null) return { kind: 'taken', by };
    }
  }
}

async function write(db: Db, id: string, epoch: number, change: Change): Promise<Saved> {
  return inTransaction<Saved>(db, async (trx) => {
    const row = await trx
      .updateTable('rollout')
      .set({
        ...columnsOf(change.rollout, change.nextAt),
        ...(change.release ? { ...noLease, ...noTrouble } : {}),
        ...(change.raiseTo === undefined ? {} : { epoch: change.raiseTo }),
        last_seq: sql<number>`last_seq + ${change.events.length}`,
      })
      .where('id', '=', id)
      .where('epoch', '=', epoch)
      .returning(['last_seq', millis(databaseClock).as('now'), stepBefore.as('step')])
      .executeTakeFirst();
    if (row === undefined) return { keep: false, value: { kind: 'fenced' } };
    const { last_seq } = parsed(LastSeq, row, `rollout ${id}`);
    await appendAudit(trx, id, change.events, last_seq);
    const { rollout, measurements } = change;
    if (measurements !== null && !isScheduled(rollout))
      await keepMeasurements(trx, rollout, row.step, measurements);
    return { keep: true, value: { kind: 'saved', now: row.now } };
  });
}

/**
 * The step that a poll measured, which its own turn may have left: a subquery of RETURNING still sees the row as it
 * was before the update.
 */
const stepBefore = sql<number | null>`(select (before.document #>> '{state,position,step}')::integer
  from rollout as before where before.id = rollout.id)`;

async function due(db: Db, limit: number, except: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom('rollout')
    .select('id')
    .where('ended_at', 'is', null)
    .where('next_at', '<=', databaseClock)
    .where((where) => where.or([where('lease_until', 'is', null), where('lease_until', '<', databaseClock)]))
    .where(sql<boolean>`id <> all(${except}::text[])`)
    .orderBy('next_at')
    .limit(limit)
    .execute();
  return rows.map((row) => row.id);
}
