import type pg from 'pg';
import { z } from 'zod';
import type { World } from './world.ts';
import type { AcceptedWrite } from './write-log.ts';

const Row = z.object({
  rollout_id: z.string(),
  seq: z.coerce.number(),
  at: z.coerce.number(),
  type: z.string(),
  actor_kind: z.string(),
  facts: z.string().transform((text): unknown => JSON.parse(text)),
});
const Stored = z.object({
  id: z.string(),
  service: z.string(),
  canary: z.string(),
  status: z.string(),
  ended: z.boolean(),
  /** The canary's share when it began: all of it where a success is taken back. */
  first: z.coerce.number(),
  epoch: z.coerce.number(),
  /** Seconds since its next turn was due; negative before. */
  late: z.coerce.number().nullable(),
});

export type AuditLine = z.infer<typeof Row>;
/** All that is known of one rollout of a run. */
export type Evidence = z.infer<typeof Stored> & {
  rows: AuditLine[];
  /** What the mesh accepted in its name, with the canary's share in percent. */
  writes: (AcceptedWrite & { share: number })[];
};

const rolloutsSince = `select id, virtual_service as service, document #>> '{target,canary,subset}' as canary,
    status, ended_at is not null as ended, case when document ->> 'rollbackOf' is null then 0 else 100 end as first, epoch,
    extract(epoch from clock_timestamp() - next_at) as late
  from rollout where created_at >= to_timestamp($1::double precision / 1000) order by id`;
const rowsOf = `select rollout_id, seq, extract(epoch from at) * 1000 as at, type, actor_kind, facts
  from audit where rollout_id = any($1) order by rollout_id, seq`;

/** Reads what is known of the rollouts that were begun at or after `since`, in ms. */
export async function gather(
  { db, writes }: Pick<World, 'db' | 'writes'>,
  since: number,
): Promise<Evidence[]> {
  const rollouts = z.array(Stored).parse((await db.query(rolloutsSince, [since])).rows);
  const ids = rollouts.map(({ id }) => id);
  const rows = z.array(Row).parse((await db.query(rowsOf, [ids])).rows);
  // Read last: what a row tells of has been written by then.
  return rollouts.map((rollout) => ({
    ...rollout,
    rows: rows.filter(({ rollout_id }) => rollout_id === rollout.id),
    writes: writes
      .filter((write) => write.rolloutId === rollout.id)
      .map((write) => ({ ...write, share: write.shares[rollout.canary] ?? 0 })),
  }));
}

const Live = z.object({ id: z.string(), status: z.string() });

/** The rollout of a service that has not ended; null when there is none. */
export async function liveOn(db: pg.Pool, service: string): Promise<z.infer<typeof Live> | null> {
  const found = await db.query(
    'select id, status from rollout where virtual_service = $1 and ended_at is null',
    [service],
  );
  return found.rows.length === 0 ? null : Live.parse(found.rows[0]);
}

export async function isLive(db: pg.Pool, id: string): Promise<boolean> {
  const found = await db.query('select 1 from rollout where id = $1 and ended_at is null', [id]);
  return found.rows.length > 0;
}
