import { sql } from 'kysely';
import { z } from 'zod';
import {
  type HistoryQuery,
  KeptVerdict,
  type LiveReads,
  type MeasuredPoll,
  type MeasurementQuery,
  overlapSeconds,
  type PlacedRow,
} from '../rollout/ports/live.ts';
import { CheckResult } from '../rollout/rollout.ts';
import { databaseNow, instant, millis, secondsFromNow } from './clock.ts';
import type { Db } from './database.ts';
import { storable } from './json-text.ts';
import { auditRowFrom, parsed } from './rows.ts';

/**
 * What watchers read, on PostgreSQL; statements have the deadlines of every other one.
 * @returns reads that throw AppError `databaseUnavailable`, `databaseTimeout` or `corruptRow`
 */
export function liveReads(db: Db): LiveReads {
  return {
    recent: (asked) => recent(db, asked),
    resumePoint: (after) => resumePoint(db, after),
    history: (query) => history(db, query),
    measurements: (query) => measurements(db, query),
  };
}

type Recent = Parameters<LiveReads['recent']>[0];
type Seen = Awaited<ReturnType<LiveReads['recent']>>;

async function recent(db: Db, { since, known, limit }: Recent): Promise<Seen> {
  // The clock comes first: what commits after it is found again by the next call.
  const now = await databaseNow(db);
  const from = since === null ? secondsFromNow(-overlapSeconds) : instant(since);
  const rows = await placedRows(db)
    .where('audit.at', '>=', from)
    .where(sql<boolean>`audit.number <> all(${known}::bigint[])`)
    .orderBy('audit.number')
    .limit(limit)
    .execute();
  return { rows: rows.map(placedRowFrom), now };
}

async function history(db: Db, query: HistoryQuery): Promise<PlacedRow[]> {
  let rows = placedRows(db)
    .where('audit.number', '>', query.afterNumber)
    .orderBy('audit.number')
    .limit(query.limit);
  if (query.namespace !== undefined) rows = rows.where('rollout.namespace', '=', storable(query.namespace));
  if (query.virtualService !== undefined)
    rows = rows.where('rollout.virtual_service', '=', storable(query.virtualService));
  if (query.type !== undefined) rows = rows.where('audit.type', '=', storable(query.type));
  return (await rows.execute()).map(placedRowFrom);
}

const Point = z.object({ point: z.coerce.number().nullable() });

async function resumePoint(db: Db, after: number | null): Promise<number> {
  const overlap = sql`make_interval(secs => ${overlapSeconds})`;
  const { rows } =
    after === null
      ? await sql`select coalesce(
          (select min(number) - 1 from audit where at >= clock_timestamp() - ${overlap}),
          (select max(number) from audit)) as point`.execute(db)
      : await sql`select min(number) - 1 as point from audit
          where at >= (select at from audit where number = ${after}) - ${overlap} and number <= ${after}`.execute(
          db,
        );
  const { point } = parsed(Point, rows[0], 'the newest audit numbers');
  return point ?? after ?? 0;
}

function placedRows(db: Db) {
  return db
    .selectFrom('audit')
    .leftJoin('rollout', 'rollout.id', 'audit.rollout_id')
    .select((column) => [
      'audit.number',
      'audit.seq',
      'audit.rollout_id',
      'audit.subject',
      millis(column.ref('audit.at')).as('at'),
      'audit.type',
      'audit.actor_kind',
      'audit.actor_name',
      'audit.message',
      'audit.facts',
      'rollout.namespace',
      'rollout.virtual_service',
    ]);
}

type Placed = { subject: string; seq: unknown; namespace: string | null; virtual_service: string | null };

function placedRowFrom({ namespace, virtual_service, ...row }: Placed): PlacedRow {
  return { ...auditRowFrom(row), namespace, virtualService: virtual_service };
}

const Payload = z.looseObject({
  checks: z.record(z.string(), CheckResult.pick({ canary: true, stable: true })),
  step: z.number().nullable().default(null),
  share: z.number().nullable().default(null),
  judged: z
    .record(z.string(), CheckResult.pick({ verdict: true, limit: true, failuresInARow: true }))
    .default({}),
  verdict: KeptVerdict,
});

async function measurements(db: Db, query: MeasurementQuery): Promise<MeasuredPoll[]> {
  const { rolloutId, since, check, step, judged, limit } = query;
  let rows = db
    .selectFrom('measurement')
    .select((column) => [millis(column.ref('at')).as('at'), 'payload'])
    .where('rollout_id', '=', storable(rolloutId))
    .orderBy('at', since === undefined ? 'desc' : 'asc')
    .limit(limit);
  if (since !== undefined) rows = rows.where('at', '>=', instant(since));
  if (check !== undefined) rows = rows.where(sql<boolean>`payload -> 'checks' ? ${storable(check)}`);
  if (step !== undefined) rows = rows.where(sql<boolean>`payload -> 'step' = to_jsonb(${step}::integer)`);
  if (judged) rows = rows.where(sql<boolean>`jsonb_typeof(payload -> 'verdict') = 'object'`);
  const polls = (await rows.execute()).map((row) => pollFrom(rolloutId, row));
  return since === undefined ? polls.reverse() : polls;
}

function pollFrom(id: string, { at, payload }: { at: number; payload: unknown }): MeasuredPoll {
  const { step, share, checks, judged, verdict } = parsed(Payload, payload, `a measurement of ${id}`);
  const judgedChecks = Object.entries(checks).map(([name, readings]) => [
    name,
    { ...readings, judged: judged[name] ?? null },
  ]);
  return { at, step, share, checks: Object.fromEntries(judgedChecks), verdict };
}
