import { sql } from 'kysely';
import { AppError } from '../errors.ts';
import type { Millis } from '../rollout/units.ts';
import { forgetAlerts } from './alert-store.ts';
import { databaseNow } from './clock.ts';
import type { Db } from './database.ts';
import {
  dropPartition,
  holdsLiveRows,
  isCovered,
  type Monthly,
  makeMonth,
  monthOf,
  monthsInDefault,
  partitionsOf,
} from './partitions.ts';

/** How long rows are kept: days for measurements, months for the audit log, null for ever. */
export type Retention = { measurementDays: number | null; auditMonths: number | null };

/** What was done, by the names of partitions; `postponed` is what was in use, and is tried again the next time. */
export type Housekept =
  | { kind: 'elsewhere' }
  | { kind: 'done'; made: string[]; moved: number; dropped: string[]; postponed: string[] };
type Done = Extract<Housekept, { kind: 'done' }>;

/** Any number will do as long as nothing else in the database uses it. */
const lockKey = 7_260_424_118;
const monthsAhead = 3;
const dayMs = 86_400_000;

/**
 * Makes the partitions of the next three months, brings rows out of the default partitions, and drops partitions whose
 * newest possible row is older than the retention and none belongs to a live rollout; alerts that are over for long are
 * forgotten. One worker at a time: an
 * advisory lock says who. Every step is a transaction that waits at most 100 ms for a lock and works at most 500 ms a
 * statement, so that no turn waits longer.
 * @param at the time to keep house for, in milliseconds; PostgreSQL's clock when it is left out
 * @returns what was done, or that another worker does it now
 * @throws AppError `databaseUnavailable` when the database fails
 */
export async function housekeep(db: Db, retention: Retention, at?: Millis): Promise<Housekept> {
  return db.connection().execute(async (connection) => {
    const lock = await sql<{ taken: boolean }>`select pg_try_advisory_lock(${lockKey}) as taken`.execute(
      connection,
    );
    if (lock.rows[0]?.taken !== true) return { kind: 'elsewhere' };
    try {
      return await keepHouse(connection, retention, at ?? (await databaseNow(connection)));
    } finally {
      // A connection that broke has lost the lock already.
      await sql`select pg_advisory_unlock(${lockKey})`.execute(connection).catch(() => undefined);
    }
  });
}

async function keepHouse(db: Db, retention: Retention, now: Millis): Promise<Done> {
  const done: Done = { kind: 'done', made: [], moved: 0, dropped: [], postponed: [] };
  const tables: { table: Monthly; keptFrom: Millis | null }[] = [
    { table: 'audit', keptFrom: auditKeptFrom(retention, now) },
    { table: 'measurement', keptFrom: measurementsKeptFrom(retention, now) },
  ];
  for (const { table, keptFrom } of tables) {
    await makeMonths(db, { table, now, done });
    if (keptFrom !== null) await dropOld(db, { table, keptFrom, done });
  }
  await briefly(db, forgetAlerts);
  return done;
}

/** The beginning of the oldest month to keep: whole months before this one, so that none goes early. */
function auditKeptFrom({ auditMonths }: Retention, now: Millis): Millis | null {
  return auditMonths === null ? null : monthOf(now, -auditMonths).from;
}

function measurementsKeptFrom({ measurementDays }: Retention, now: Millis): Millis | null {
  return measurementDays === null ? null : now - measurementDays * dayMs;
}

type Making = { table: Monthly; now: Millis; done: Done };

async function makeMonths(db: Db, { table, now, done }: Making): Promise<void> {
  const partitions = await partitionsOf(db, table);
  const wanted = [
    ...(await monthsInDefault(db, table)),
    ...Array.from({ length: monthsAhead + 1 }, (_, offset) => monthOf(now, offset)),
  ];
  const missing = new Map(
    wanted.filter((month) => !isCovered(month, partitions)).map((month) => [month.name, month]),
  );
  for (const month of missing.values()) {
    const name = `${table}_${month.name}`;
    const moved = await briefly(db, (trx) => makeMonth(trx, table, month));
    if (moved === null) {
      done.postponed.push(name);
    } else {
      done.made.push(name);
      done.moved += moved;
    }
  }
}

type Dropping = { table: Monthly; keptFrom: Millis; done: Done };

async function dropOld(db: Db, { table, keptFrom, done }: Dropping): Promise<void> {
  const old = (await partitionsOf(db, table)).filter(({ until }) => until <= keptFrom);
  for (const { name } of old) {
    const dropped = await briefly(db, (trx) => dropUnlessLive(trx, name));
    (dropped === true ? done.dropped : done.postponed).push(name);
  }
}

/** A rollout that lives keeps all its rows, however old they are. */
async function dropUnlessLive(trx: Db, name: string): Promise<boolean> {
  if (await holdsLiveRows(trx, name)) return false;
  await dropPartition(trx, name);
  return true;
}

/** Null when somebody else needed the table for too long: nothing of the step is left, and nobody waited for it. */
async function briefly<T>(db: Db, step: (trx: Db) => Promise<T>): Promise<T | null> {
  try {
    return await db.transaction().execute(async (trx) => {
      await sql`set local lock_timeout = 100`.execute(trx);
      await sql`set local statement_timeout = 500`.execute(trx);
      return await step(trx);
    });
  } catch (cause) {
    if (cause instanceof AppError && cause.code === 'databaseTimeout') return null;
    throw cause;
  }
}
