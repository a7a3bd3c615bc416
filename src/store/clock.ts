import { type Expression, type RawBuilder, sql } from 'kysely';
import type { Millis } from '../rollout/units.ts';
import type { Db } from './database.ts';

/** PostgreSQL's wall clock: unlike `now()` it moves on within a transaction. */
export const databaseClock: RawBuilder<Date> = sql<Date>`clock_timestamp()`;

/** A point in time as whole milliseconds; rounded down, so that what was due stays due. */
export function millis(time: Expression<Date | null>): RawBuilder<Millis> {
  return sql<Millis>`floor(extract(epoch from ${time}) * 1000)::double precision`;
}

/** Milliseconds as a point in time. */
export function instant(at: Millis): RawBuilder<Date> {
  return sql<Date>`to_timestamp(${at}::double precision / 1000)`;
}

/** PostgreSQL's clock plus or minus some seconds. */
export function secondsFromNow(seconds: number): RawBuilder<Date> {
  return sql<Date>`clock_timestamp() + make_interval(secs => ${seconds}::double precision)`;
}

/** What PostgreSQL's clock says now. */
export async function databaseNow(db: Db): Promise<Millis> {
  const { now } = await db.selectNoFrom(millis(databaseClock).as('now')).executeTakeFirstOrThrow();
  return now;
}
