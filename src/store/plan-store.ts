import { sql } from 'kysely';
import { z } from 'zod';
import { StoredWrittenPlan } from '../rollout/plan.ts';
import type { PlanDraft, PlanLibrary, PlanVersion } from '../rollout/ports/plans.ts';
import { Actor } from '../rollout/reasons.ts';
import { millis } from './clock.ts';
import type { Db } from './database.ts';
import { jsonText, storable } from './json-text.ts';
import { parsed } from './rows.ts';

/**
 * Plans on PostgreSQL. Every method throws AppError `databaseUnavailable` or `databaseTimeout` when the database
 * fails and `corruptRow` when a row cannot be understood.
 */
export function planStore(db: Db): PlanLibrary {
  return {
    find: (name, version) => find(db, name, version),
    versions: (name, page) => versions(db, name, page),
    list: (page) => list(db, page),
    add: (draft) => add(db, draft),
  };
}

const Row = z
  .object({
    name: z.string(),
    version: z.int(),
    document: StoredWrittenPlan,
    digest: z.string(),
    createdAt: z.number(),
    actor_kind: Actor.shape.kind,
    actor_name: z.string(),
  })
  .transform(({ document, actor_kind, actor_name, ...row }): PlanVersion => {
    return { ...row, plan: document, createdBy: { kind: actor_kind, name: actor_name } };
  });

function rowsOf(db: Db) {
  return db
    .selectFrom('plan')
    .select((column) => [
      'name',
      'version',
      'document',
      'digest',
      millis(column.ref('created_at')).as('createdAt'),
      'actor_kind',
      'actor_name',
    ]);
}

async function find(db: Db, name: string, version: number | undefined): Promise<PlanVersion | null> {
  let rows = rowsOf(db).where('name', '=', storable(name)).orderBy('version', 'desc').limit(1);
  if (version !== undefined) rows = rows.where('version', '=', version);
  const row = await rows.executeTakeFirst();
  return row === undefined ? null : versionFrom(row);
}

async function versions(
  db: Db,
  name: string,
  { before, limit }: Parameters<PlanLibrary['versions']>[1],
): Promise<PlanVersion[]> {
  let rows = rowsOf(db).where('name', '=', storable(name)).orderBy('version', 'desc').limit(limit);
  if (before !== undefined) rows = rows.where('version', '<', before);
  return (await rows.execute()).map(versionFrom);
}

async function list(db: Db, { after, limit }: Parameters<PlanLibrary['list']>[0]): Promise<PlanVersion[]> {
  let rows = rowsOf(db).distinctOn('name').orderBy('name').orderBy('version', 'desc').limit(limit);
  if (after !== undefined) rows = rows.where('name', '>', storable(after));
  return (await rows.execute()).map(versionFrom);
}

async function add(db: Db, draft: PlanDraft): Promise<PlanVersion | null> {
  const row = await db
    .insertInto('plan')
    .values({
      name: draft.name,
      version: draft.version,
      document: sql<string>`${jsonText(draft.plan)}::jsonb`,
      digest: draft.digest,
      actor_kind: draft.createdBy.kind,
      actor_name: storable(draft.createdBy.name),
    })
    .onConflict((conflict) => conflict.columns(['name', 'version']).doNothing())
    .returning('version')
    .executeTakeFirst();
  return row === undefined ? null : find(db, draft.name, draft.version);
}

function versionFrom(row: { name: string; version: unknown }): PlanVersion {
  return parsed(Row, row, `version ${row.version} of plan ${row.name}`);
}
