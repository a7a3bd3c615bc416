import { sql } from 'kysely';
import type { Change, Store } from '../rollout/ports/store.ts';
import { isScheduled } from '../rollout/rollout.ts';
import { claimer } from './claims.ts';
import { databaseClock, databaseNow, millis } from './clock.ts';
import type { Db } from './database.ts';
import { failTurn } from './failures.ts';
import { isTakenLive } from './faults.ts';
import { isPatient, patientSaver } from './patient-saves.ts';
import { holderOf, namesakesOn } from './reads.ts';
import { LastSeq, parsed } from './rows.ts';
import { inTransaction } from './transaction.ts';
import { appendAudit, columnsOf, keepMeasurements, noLease, noTrouble } from './writes.ts';

type Saved = Awaited<ReturnType<Store['save']>>;

/**
 * What a turn needs, on PostgreSQL. Every method throws AppError `databaseUnavailable` or `databaseTimeout` when the
 * database fails; after such a failure of `save` the write may or may not have happened.
 */
export function turnStore(db: Db): Store {
  const claim = claimer(db);
  const savePatiently = patientSaver(db);
  return {
    claim: (id, worker, leaseSeconds) => claim({ id, worker, leaseSeconds }),
    save: async (id, epoch, change) => {
      const saved = isPatient(change) ? await savePatiently({ id, epoch, change }) : null;
      return saved?.kind === 'saved' ? saved : save(db, id, epoch, change);
    },
    namesakes: (names) => namesakesOn(db, names),
    fail: (id, epoch, judge) => failTurn(db, { id, epoch, judge }),
    due: (limit, except = []) => due(db, limit, except),
    now: () => databaseNow(db),
  };
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

// What a saved turn writes stands in patient-saves.ts, too: test/contract/batch-contract.ts holds both to the same.
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
    .orderBy(sql`status = 'rolling_back'`, 'desc')
    .orderBy('next_at')
    .limit(limit)
    .execute();
  return rows.map((row) => row.id);
}
