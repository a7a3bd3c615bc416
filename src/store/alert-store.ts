import { type RawBuilder, sql } from 'kysely';
import { z } from 'zod';
import type { FiringAlert, Labels, ReceivedAlerts, Told, ToldAlert } from '../rollout/ports/alerts.ts';
import { Actor } from '../rollout/reasons.ts';
import { databaseClock, millis, secondsFromNow } from './clock.ts';
import type { Db } from './database.ts';
import { jsonText, storable } from './json-text.ts';
import { parsed } from './rows.ts';

/**
 * Alerts that were sent, on PostgreSQL. Every method throws AppError `databaseUnavailable` or `databaseTimeout` when the
 * database fails.
 */
export function alertStore(db: Db): ReceivedAlerts {
  return {
    receive: (told) => receive(db, told),
    firing: (cluster, matches) => firing(db, cluster, matches),
  };
}

/**
 * An Alertmanager repeats what fires every 4 hours by default (`repeat_interval` of
 * https://prometheus.io/docs/alerting/latest/configuration/#route): three times missed, it is gone, or the end of the
 * alert was never delivered.
 */
const repeatedSeconds = 12 * 3600;
const mostFiring = 100;

/** One statement, its rows in the order of their keys: two replicas that tell the same never wait for each other in a circle. */
async function receive(db: Db, { cluster, by, alerts }: Told): Promise<number> {
  const rows = [...new Map(alerts.map((alert) => [keyOf(alert), alert]))]
    .toSorted(byKey)
    .map(([, row]) => row);
  if (rows.length === 0) return 0;
  const { rows: written } = await sql<{ isNew: boolean }>`
    insert into alert (cluster, fingerprint, starts_at, labels, ends_at, by_kind, by_name)
    select ${storable(cluster)}, fingerprint, ${at('starts')}, labels::jsonb, ${at('ends')},
      ${by.kind}, ${storable(by.name)}
    from unnest(
      ${rows.map(({ fingerprint }) => storable(fingerprint))}::text[],
      ${rows.map(({ startsAt }) => startsAt)}::double precision[],
      ${rows.map(({ labels }) => jsonText(labels))}::text[],
      ${rows.map(({ endsAt }) => endsAt)}::double precision[]
    ) as told (fingerprint, starts, labels, ends)
    on conflict (cluster, fingerprint, starts_at) do update
      set labels = excluded.labels, ends_at = excluded.ends_at, seen_at = ${databaseClock}
    returning (xmax = 0) as "isNew"`.execute(db);
  return written.filter(({ isNew }) => isNew).length;
}

function keyOf({ fingerprint, startsAt }: ToldAlert): string {
  return JSON.stringify([storable(fingerprint), startsAt]);
}

function byKey([one]: [string, ToldAlert], [other]: [string, ToldAlert]): number {
  return one < other ? -1 : 1;
}

function at(column: 'starts' | 'ends'): RawBuilder<Date> {
  return sql<Date>`to_timestamp(${sql.ref(column)} / 1000)`;
}

const AlertRow = z
  .object({
    labels: z.record(z.string(), z.string()),
    startsAt: z.number(),
    receivedAt: z.number(),
    // A kind that only a newer version knows must not keep a turn from hearing of the alert.
    by_kind: Actor.shape.kind.catch('machine'),
    by_name: z.string(),
  })
  .transform(({ labels, startsAt, receivedAt, by_kind, by_name }): FiringAlert => {
    const receivedBy = { kind: 'hook' as const, by: { kind: by_kind, name: by_name } };
    // The year 1 is Go's way to say never. A clock that is ahead makes no alert younger than the news of it.
    return { labels, startsAt: startsAt > 0 ? Math.min(startsAt, receivedAt) : null, receivedBy };
  });

async function firing(db: Db, cluster: string, matches: readonly Labels[]): Promise<FiringAlert[]> {
  const rows = await db
    .selectFrom('alert')
    .select((column) => [
      'labels',
      millis(column.ref('starts_at')).as('startsAt'),
      millis(column.ref('received_at')).as('receivedAt'),
      'by_kind',
      'by_name',
    ])
    .where('cluster', '=', storable(cluster))
    .where('ends_at', 'is', null)
    .where('seen_at', '>', secondsFromNow(-repeatedSeconds))
    .where(sql<boolean>`labels @> any(${matches.map(jsonText)}::jsonb[])`)
    .orderBy('starts_at', 'desc')
    .orderBy('fingerprint')
    .limit(mostFiring)
    .execute();
  return rows.map((row) => parsed(AlertRow, row, `an alert of the cluster ${cluster}`));
}

const keptDays = 30;
/** So many at a time: whoever keeps house works briefly, and comes again. */
const mostForgotten = 5000;

/**
 * Deletes alerts that are over for 30 days.
 * @returns how many
 */
export async function forgetAlerts(db: Db): Promise<number> {
  const over = sql<Date>`coalesce(ends_at, seen_at + make_interval(secs => ${repeatedSeconds}::double precision))`;
  const { rows } = await sql`
    delete from alert where (cluster, fingerprint, starts_at) in (
      select cluster, fingerprint, starts_at from alert
      where ${over} < ${secondsFromNow(-keptDays * 86_400)} limit ${mostForgotten} for update skip locked
    ) returning 1`.execute(db);
  return rows.length;
}
