import { sql } from 'kysely';
import { z } from 'zod';
import type { Millis } from '../rollout/units.ts';
import { instant, millis } from './clock.ts';
import type { Db } from './database.ts';
import { parsed } from './rows.ts';

/** The tables that are kept month by month, each with a partition `<table>_default` that takes what no month takes. */
export type Monthly = 'audit' | 'measurement';

/** A month in UTC, as a half-open range. */
export type Month = { name: string; from: Millis; until: Millis };

/** A partition and its range; `from` is null when it begins with the first row ever. */
export type Partition = { name: string; from: Millis | null; until: Millis };

const Partition = z.object({ name: z.string(), from: z.number().nullable(), until: z.number() });

/** The month that lies `offset` months after the one of `at`. */
export function monthOf(at: Millis, offset = 0): Month {
  const date = new Date(at);
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth() + offset;
  const from = Date.UTC(year, month);
  return {
    name: new Date(from).toISOString().slice(0, 7).replace('-', '_'),
    from,
    until: Date.UTC(year, month + 1),
  };
}

/** True when rows of this month have a partition already. */
export function isCovered({ from }: Month, partitions: Partition[]): boolean {
  return partitions.some((partition) => (partition.from ?? from) <= from && from < partition.until);
}

/** The partitions of a table without its default, by PostgreSQL's catalogue. */
export async function partitionsOf(db: Db, table: Monthly): Promise<Partition[]> {
  // The bounds are read as the server writes them: as literals with their offset, or MINVALUE.
  const { rows } = await sql<{ name: string }>`
    select name, ${millis(bound('from'))} as "from", ${millis(bound('until'))} as until
    from (
      select relname as name, pg_get_expr(relpartbound, oid) as bounds
      from pg_inherits join pg_class on oid = inhrelid
      where inhparent = ${table}::regclass
    ) as partition
    where bounds <> 'DEFAULT'
    order by until`.execute(db);
  return rows.map((row) => parsed(Partition, row, `a partition of ${table}`));
}

function bound(side: 'from' | 'until') {
  const pattern = side === 'from' ? "FROM \\('([^']+)'\\)" : "TO \\('([^']+)'\\)";
  return sql<Date | null>`substring(bounds from ${sql.lit(pattern)})::timestamptz`;
}

/** The months of rows that no other partition took, the oldest first, up to 24 of them. */
export async function monthsInDefault(db: Db, table: Monthly): Promise<Month[]> {
  const { rows } = await sql<{ at: Millis }>`
    select distinct ${millis(sql<Date>`date_trunc('month', at at time zone 'UTC') at time zone 'UTC'`)} as at
    from ${sql.table(`${table}_default`)} order by at limit 24`.execute(db);
  return rows.map((row) => monthOf(row.at));
}

/**
 * Makes a month's partition, in the image of the default one, and moves what lies there for it. Turns write into the
 * table meanwhile: attaching locks the default partition and never the table itself against inserts.
 * @returns how many rows were moved
 */
export async function makeMonth(trx: Db, table: Monthly, month: Month): Promise<number> {
  const made = sql.table(`${table}_${month.name}`);
  const spare = sql.table(`${table}_default`);
  await sql`create table ${made} (like ${spare} including all)`.execute(trx);
  const moved = await moveRows(trx, { table, month });
  if (table === 'audit') {
    await sql`create trigger audit_is_append_only before update or delete or truncate on ${made}
      for each statement execute function audit_is_append_only()`.execute(trx);
  }
  const [from, until] = [month.from, month.until].map((at) => sql.lit(new Date(at).toISOString()));
  await sql`alter table ${sql.table(table)} attach partition ${made}
    for values from (${from}) to (${until})`.execute(trx);
  return moved;
}

/** The append-only trigger is off for this transaction only, and only where the rows leave. */
async function moveRows(trx: Db, { table, month }: { table: Monthly; month: Month }): Promise<number> {
  const made = sql.table(`${table}_${month.name}`);
  const spare = sql.table(`${table}_default`);
  const inMonth = sql`at >= ${instant(month.from)} and at < ${instant(month.until)}`;
  const found = await sql`select 1 from ${spare} where ${inMonth} limit 1`.execute(trx);
  if (found.rows.length === 0) return 0;
  await sql`lock table ${spare} in access exclusive mode`.execute(trx);
  if (table === 'audit') await sql`alter table ${spare} disable trigger audit_is_append_only`.execute(trx);
  const moved = await sql`
    with moved as (delete from ${spare} where ${inMonth} returning *)
    insert into ${made} select * from moved`.execute(trx);
  if (table === 'audit') await sql`alter table ${spare} enable trigger audit_is_append_only`.execute(trx);
  return Number(moved.numAffectedRows ?? 0);
}

/** True when a partition has rows of a rollout that has not ended. */
export async function holdsLiveRows(trx: Db, name: string): Promise<boolean> {
  const { rows } = await sql`
    select 1 from rollout where ended_at is null
    and exists (select 1 from ${sql.table(name)} as kept where kept.rollout_id = rollout.id)
    limit 1`.execute(trx);
  return rows.length > 0;
}

/** Drops a partition with all its rows: a moment's lock on the table, because only its catalogue entry goes. */
export async function dropPartition(trx: Db, name: string): Promise<void> {
  await sql`drop table ${sql.table(name)}`.execute(trx);
}
