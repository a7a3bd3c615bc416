import { sql } from 'kysely';
import { z } from 'zod';
import type { MeshName } from '../rollout/ports/mesh.ts';
import type { TargetQuery, TargetRecord, TargetRecords } from '../rollout/ports/targets.ts';
import { millis } from './clock.ts';
import type { Db } from './database.ts';
import { storable } from './json-text.ts';
import { placed } from './reads.ts';
import { entryFrom } from './row-facts.ts';
import { parsed } from './rows.ts';

/**
 * Targets as their rollouts tell of them, on PostgreSQL. Throws AppError `databaseUnavailable` or `databaseTimeout`
 * when the database fails.
 */
export function targetStore(db: Db): TargetRecords {
  return {
    list: (query) => list(db, query),
    last: (name) => last(db, name),
  };
}

const Live = z.string().nullable();

/** `of`: the VirtualService whose holder is told, when it is not the first of the rollout. */
function rowsOf(db: Db, of?: MeshName) {
  return db
    .selectFrom('rollout as last')
    .select((column) => [
      'last.id',
      'last.document',
      'last.status',
      'last.cluster',
      'last.namespace',
      'last.virtual_service',
      'last.route',
      'last.failures',
      'last.last_failure',
      millis(column.ref('last.quarantined_at')).$castTo<number | null>().as('quarantinedAt'),
      column
        .selectFrom('rollout_object as live')
        .select('live.rollout_id')
        .where('live.cluster', '=', of?.cluster ?? column.ref('last.cluster'))
        .where('live.namespace', '=', of?.namespace ?? column.ref('last.namespace'))
        .where('live.virtual_service', '=', of?.virtualService ?? column.ref('last.virtual_service'))
        .where('live.is_held', '=', true)
        .limit(1)
        .as('live'),
    ])
    .where(hasBegun);
}

/** One that is scheduled, or that ended before its turn came, has read no route yet. */
const hasBegun = sql<boolean>`last.document ->> 'kind' is null`;

async function list(db: Db, query: TargetQuery): Promise<TargetRecord[]> {
  const { cluster, namespace, virtualService, after, limit } = query;
  let rows = rowsOf(db)
    .distinctOn(['last.cluster', 'last.namespace', 'last.virtual_service', 'last.route'])
    .orderBy('last.cluster')
    .orderBy('last.namespace')
    .orderBy('last.virtual_service')
    .orderBy('last.route')
    .orderBy('last.id', 'desc')
    .limit(limit);
  if (cluster !== undefined) rows = rows.where('last.cluster', '=', storable(cluster));
  if (namespace !== undefined) rows = rows.where('last.namespace', '=', storable(namespace));
  if (virtualService !== undefined) rows = rows.where('last.virtual_service', '=', storable(virtualService));
  if (after !== undefined) rows = rows.where(behind(after));
  return (await rows.execute()).map(recordFrom);
}

function behind(after: NonNullable<TargetQuery['after']>) {
  const { cluster, namespace, virtualService, route } = after;
  return sql<boolean>`(last.cluster, last.namespace, last.virtual_service, last.route)
    > (${storable(cluster)}, ${storable(namespace)}, ${storable(virtualService)}, ${storable(route)})`;
}

async function last(db: Db, asked: MeshName): Promise<TargetRecord | null> {
  const name = {
    cluster: storable(asked.cluster),
    namespace: storable(asked.namespace),
    virtualService: storable(asked.virtualService),
  };
  const row = await rowsOf(db, name)
    .where(sql<boolean>`last.id in (${placed(name)})`)
    .orderBy('last.id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? null : recordFrom(row);
}

type Row = Parameters<typeof entryFrom>[0] & { route: string | null; live: unknown };

function recordFrom(row: Row): TargetRecord {
  const { cluster, namespace, virtual_service: virtualService, route } = row;
  return {
    key: { cluster, namespace, virtualService, route: route ?? '' },
    last: entryFrom(row),
    live: parsed(Live, row.live, `the live rollout beside ${row.id}`),
  };
}
