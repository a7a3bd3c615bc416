import { sql } from 'kysely';
import type { AuditEvent } from '../rollout/audit.ts';
import type { CommandChange, Remembered, Rollouts } from '../rollout/ports/store.ts';
import { isScheduled, type StoredRollout, statusOf } from '../rollout/rollout.ts';
import { dueAt } from '../rollout/scheduled.ts';
import type { Millis } from '../rollout/units.ts';
import { databaseClock, databaseNow, instant, millis } from './clock.ts';
import type { Db } from './database.ts';
import { isTakenLive } from './faults.ts';
import { liveReads } from './live-reads.ts';
import {
  countQuarantined,
  findRollout,
  holderOf,
  listRollouts,
  liveIdsIn,
  namesakesOn,
  readable,
  recallAnswer,
  rolloutEvents,
  searchAudit,
} from './reads.ts';
import { factColumns, readRow } from './row-facts.ts';
import { documentOf, LastSeq, parsed } from './rows.ts';
import { inTransaction, type Outcome, type Trx } from './transaction.ts';
import { appendAudit, columnsOf, keepAnswer, noLease, wakeWorkers } from './writes.ts';

type Created = Awaited<ReturnType<Rollouts['create']>>;
type Answered<Answer> =
  | { kind: 'answered'; answer: Answer }
  | { kind: 'unknown' }
  | { kind: 'answeredBefore' };
type Act<Answer> = (rollout: StoredRollout, now: Millis) => CommandChange<Answer>;

/**
 * What the service needs, on PostgreSQL. Every method throws AppError `databaseUnavailable` or `databaseTimeout` when
 * the database fails and `UnreadableRollout` when a row cannot be understood. `act` may be called again after a deadlock.
 */
export function rolloutStore(db: Db): Rollouts {
  return {
    create: (rollout, events, remember) => create(db, { rollout, events, remember }),
    command: (id, act) => inTransaction(db, (trx) => command(trx, id, act)),
    recall: (key) => recallAnswer(db, key),
    find: (id) => findRollout(db, id),
    list: async (query) => readable(await listRollouts(db, query)),
    entries: (query) => listRollouts(db, query),
    quarantined: () => countQuarantined(db),
    namesakes: (names) => namesakesOn(db, names),
    liveIn: (scope) => liveIdsIn(db, scope),
    events: (id, afterSeq, limit) => rolloutEvents(db, { id, afterSeq, limit }),
    audit: (query) => searchAudit(db, query),
    now: () => databaseNow(db),
    live: liveReads(db),
  };
}

type Creation = { rollout: StoredRollout; events: AuditEvent[]; remember: Remembered | null };

async function create(db: Db, creation: Creation): Promise<Created> {
  for (;;) {
    const created = await inTransaction(db, (trx) => insert(trx, creation)).catch((cause: unknown) => {
      if (isTakenLive(cause)) return obstacle(db, creation);
      throw cause;
    });
    if (created.kind !== 'vanished') return created;
  }
}

/**
 * `vanished`: the rollout in the way ended between two statements, so the next attempt may succeed.
 * @throws a unique violation when somebody holds one of the VirtualServices beside the first
 */
async function insert(trx: Trx, creation: Creation): Promise<Outcome<Created | { kind: 'vanished' }>> {
  const { rollout, events, remember } = creation;
  const row = await trx
    .insertInto('rollout')
    .values({
      id: rollout.id,
      document: sql<string>`${documentOf(rollout)}::jsonb`,
      status: statusOf(rollout),
      next_at: isScheduled(rollout) ? instant(dueAt(rollout)) : databaseClock,
      last_seq: events.length,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['cluster', 'namespace', 'virtual_service'])
        .where('ended_at', 'is', null)
        .where('status', '<>', sql.lit('scheduled'))
        .doNothing(),
    )
    .returning('id')
    .executeTakeFirst();
  if (row === undefined) return { keep: false, value: await obstacle(trx, creation) };
  if (remember !== null && !(await keepAnswer(trx, rollout.id, remember))) {
    return { keep: false, value: { kind: 'answeredBefore' } };
  }
  await appendAudit(trx, rollout.id, events, events.length);
  await wakeWorkers(trx, rollout.id);
  return { keep: true, value: { kind: 'created' } };
}

/** The same request sent twice meets its own rollout: then the remembered answer is the truth, not `taken`. */
async function obstacle(
  db: Db | Trx,
  { rollout, remember }: Creation,
): Promise<Created | { kind: 'vanished' }> {
  if (remember !== null && (await recallAnswer(db, remember)) !== null) return { kind: 'answeredBefore' };
  const by = await holderOf(db, rollout.target);
  return by === null ? { kind: 'vanished' } : { kind: 'taken', by };
}

async function command<Answer>(trx: Trx, id: string, act: Act<Answer>): Promise<Outcome<Answered<Answer>>> {
  const row = await trx
    .selectFrom('rollout')
    .select(['document', millis(databaseClock).as('now'), ...factColumns])
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return { keep: false, value: { kind: 'unknown' } };
  const { change, answer, remember } = act(readRow(row), row.now);
  if (change === null) return { keep: false, value: { kind: 'answered', answer } };
  if (remember !== null && !(await keepAnswer(trx, id, remember))) {
    return { keep: false, value: { kind: 'answeredBefore' } };
  }
  await writeCommand(trx, id, change);
  return { keep: true, value: { kind: 'answered', answer } };
}

async function writeCommand(
  trx: Trx,
  id: string,
  change: NonNullable<CommandChange<unknown>['change']>,
): Promise<void> {
  const row = await trx
    .updateTable('rollout')
    .set({
      ...columnsOf(change.rollout, change.nextAt),
      ...noLease,
      epoch: sql<number>`epoch + 1`,
      last_seq: sql<number>`last_seq + ${change.events.length}`,
    })
    .where('id', '=', id)
    .returning('last_seq')
    .executeTakeFirstOrThrow();
  await appendAudit(trx, id, change.events, parsed(LastSeq, row, `rollout ${id}`).last_seq);
  await wakeWorkers(trx, id);
}
