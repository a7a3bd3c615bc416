import { sql } from 'kysely';
import type { FailedTurn, FailureRecord } from '../rollout/ports/store.ts';
import { databaseClock, instant, millis } from './clock.ts';
import type { Db } from './database.ts';
import { storable } from './json-text.ts';
import { entryFrom, factColumns, factsFrom } from './row-facts.ts';
import { LastSeq, parsed } from './rows.ts';
import { inTransaction, type Trx } from './transaction.ts';
import { appendAudit, noLease } from './writes.ts';

type Failing = {
  id: string;
  epoch: number | null;
  judge: (turn: FailedTurn) => FailureRecord | null;
};

/** Writes down what a failed turn means; see `Store.fail`. The document is never written. */
export async function failTurn(db: Db, failing: Failing): Promise<FailureRecord | null> {
  return inTransaction<FailureRecord | null>(db, async (trx) => {
    const turn = await lockTurn(trx, failing);
    const record = turn === null ? null : failing.judge(turn);
    if (record === null) return { keep: false, value: null };
    await write(trx, failing.id, record);
    return { keep: true, value: record };
  });
}

async function lockTurn(trx: Trx, { id, epoch }: Failing): Promise<FailedTurn | null> {
  let rows = trx
    .selectFrom('rollout')
    .select((column) => [
      'document',
      millis(column.ref('next_at')).as('dueAt'),
      millis(databaseClock).as('now'),
      ...factColumns,
    ])
    .where('id', '=', id)
    .where('ended_at', 'is', null);
  rows =
    epoch === null
      ? rows.where((where) =>
          where.or([where('lease_until', 'is', null), where('lease_until', '<', databaseClock)]),
        )
      : rows.where('epoch', '=', epoch);
  const row = await rows.forUpdate().executeTakeFirst();
  if (row === undefined) return null;
  const entry = entryFrom(row);
  const rollout = entry.kind === 'rollout' ? entry.rollout : null;
  return { row: factsFrom(row), rollout, dueAt: row.dueAt, now: row.now };
}

async function write(trx: Trx, id: string, { trouble, nextAt, events }: FailureRecord): Promise<void> {
  const { failures, why, quarantinedAt } = trouble;
  const row = await trx
    .updateTable('rollout')
    .set({
      ...noLease,
      failures,
      last_failure: why === null ? null : storable(why),
      quarantined_at: quarantinedAt === null ? null : instant(quarantinedAt),
      ...(nextAt === null ? {} : { next_at: instant(nextAt) }),
      last_seq: sql<number>`last_seq + ${events.length}`,
    })
    .where('id', '=', id)
    .returning('last_seq')
    .executeTakeFirstOrThrow();
  await appendAudit(trx, id, events, parsed(LastSeq, row, `rollout ${id}`).last_seq);
}
