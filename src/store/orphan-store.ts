import { sql } from 'kysely';
import { z } from 'zod';
import type { AuditEvent } from '../rollout/audit.ts';
import type { KnownRollout, OrphanBook, SplitPlace } from '../rollout/ports/orphans.ts';
import { RouteKey, routeLabel } from '../rollout/target.ts';
import { secondsFromNow } from './clock.ts';
import type { Db } from './database.ts';
import { storable } from './json-text.ts';
import { inTransaction } from './transaction.ts';
import { appendSubjectAudit } from './writes.ts';

/**
 * What the database knows of rollouts that annotations name, on PostgreSQL. Throws AppError `databaseUnavailable` or
 * `databaseTimeout` when the database fails.
 */
export function orphanStore(db: Db): OrphanBook {
  return {
    known: (ids) => known(db, ids),
    held: (places) => held(db, places),
    namespaces: (cluster) => namespacesOf(db, cluster),
    tell: (place, event) => tell(db, place, event),
  };
}

const Arm = z.looseObject({ host: z.string(), subset: z.string().nullable() });
const Labels = z
  .array(z.looseObject({ key: RouteKey }))
  .min(1)
  .transform((routes) => routes.map(({ key }) => routeLabel(key)));
const Also = z.looseObject({
  namespace: z.string(),
  virtualService: z.string(),
  uid: z.string(),
  routes: Labels,
});
const Moves = z.looseObject({
  uid: z.string(),
  route: z.string(),
  stable: Arm,
  canary: Arm,
  routes: Labels.exactOptional(),
  also: z.array(Also).default([]),
});

async function known(db: Db, ids: readonly string[]): Promise<KnownRollout[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom('rollout')
    .select((column) => [
      'id',
      'status',
      'cluster',
      'namespace',
      'virtual_service',
      column('ended_at', 'is not', null).as('hasEnded'),
      sql<unknown>`document -> 'target'`.as('target'),
    ])
    .where('id', '=', sql<string>`any(${ids.map(storable)}::text[])`)
    .execute();
  return rows.map(({ id, status, cluster, namespace, virtual_service: virtualService, hasEnded, target }) => {
    const moves = Moves.safeParse(target);
    const place = { cluster, namespace, virtualService };
    return { id, status, ...place, hasEnded: hasEnded === true, moves: moves.success ? moves.data : null };
  });
}

async function held(db: Db, places: readonly SplitPlace[]): Promise<SplitPlace[]> {
  const listed = (of: (place: SplitPlace) => string) =>
    sql<string>`any(${[...new Set(places.map((place) => storable(of(place))))]}::text[])`;
  const rows = await db
    .selectFrom('rollout_object')
    .select(['cluster', 'namespace', 'virtual_service as virtualService'])
    .where('is_held', '=', true)
    .where(
      'cluster',
      '=',
      listed(({ cluster }) => cluster),
    )
    .where(
      'namespace',
      '=',
      listed(({ namespace }) => namespace),
    )
    .where(
      'virtual_service',
      '=',
      listed(({ virtualService }) => virtualService),
    )
    .execute();
  return rows.filter((row) => places.some((place) => isSamePlace(place, row)));
}

function isSamePlace(one: SplitPlace, other: SplitPlace): boolean {
  return (
    one.cluster === other.cluster &&
    one.namespace === other.namespace &&
    one.virtualService === other.virtualService
  );
}

async function namespacesOf(db: Db, cluster: string): Promise<string[]> {
  const rows = await db
    .selectFrom('rollout')
    .select('namespace')
    .where('cluster', '=', storable(cluster))
    .union(db.selectFrom('rollout_object').select('namespace').where('cluster', '=', storable(cluster)))
    .orderBy('namespace')
    .execute();
  return rows.map(({ namespace }) => namespace);
}

/** Seconds before the same split is told of again. */
const silenceSeconds = 3600;

async function tell(db: Db, place: SplitPlace, event: AuditEvent): Promise<boolean> {
  const subject = storable(['split', place.cluster, place.namespace, place.virtualService].join('/'));
  return inTransaction(db, async (trx) => {
    const told = await trx
      .selectFrom('audit')
      .select('number')
      .where('subject', '=', subject)
      .where('at', '>=', secondsFromNow(-silenceSeconds))
      .limit(1)
      .executeTakeFirst();
    if (told !== undefined) return { keep: false, value: false };
    await appendSubjectAudit(trx, subject, event);
    return { keep: true, value: true };
  });
}
