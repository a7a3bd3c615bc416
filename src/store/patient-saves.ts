import { sql } from 'kysely';
import { AppError } from '../errors.ts';
import { gather } from '../gather.ts';
import type { Change } from '../rollout/ports/store.ts';
import { hasEnded, isScheduled, type Rollout, statusOf } from '../rollout/rollout.ts';
import { databaseClock, millis } from './clock.ts';
import type { Db } from './database.ts';
import { documentOf } from './rows.ts';
import { eventTexts, measuredText } from './writes.ts';

/** The end of a turn that is in no hurry. */
export type PatientSave = { id: string; epoch: number; change: PatientChange };
type PatientChange = Change & { rollout: Rollout; nextAt: number };

/** `unsure`: not written with the others, because it is fenced, or somebody writes this row, or one of them is bad. */
type Saved = { kind: 'saved'; now: number } | { kind: 'unsure' };

/** Whether a change may wait some milliseconds for others. What goes back, begins, ends or takes an epoch does not. */
export function isPatient(change: Change): change is PatientChange {
  const { rollout, nextAt, raiseTo } = change;
  if (isScheduled(rollout) || hasEnded(rollout) || rollout.state.kind === 'rollingBack') return false;
  return nextAt !== null && raiseTo === undefined;
}

/**
 * Writes patient changes as `Store.save` does, those that come within a few milliseconds by one statement, which is
 * one transaction. It waits for no row that somebody else writes.
 */
export function patientSaver(db: Db): (save: PatientSave) => Promise<Saved> {
  const saveTogether = gather<Line, Saved>({
    waitMs: 5,
    // A person's command waits for no longer than one statement takes.
    most: 100,
    // Few, so that the pool always has connections for those who cannot wait.
    atOnce: 2,
    together: (all) => {
      const saving = saveAll(db, all);
      return all.map(async ({ id }): Promise<Saved> => (await saving).get(id) ?? { kind: 'unsure' });
    },
  });
  return async (save) => saveTogether({ id: save.id, text: textOf(save) });
}

type Line = { id: string; text: string };

/** One save as a row of `asked`. What is JSON text already is not written anew. */
function textOf({ id, epoch, change }: PatientSave): string {
  const { rollout, events, measurements, nextAt, release } = change;
  const columns = {
    id,
    epoch,
    release,
    status: statusOf(rollout),
    next_at: nextAt,
    events: events.map(eventTexts),
    measured_at: measurements?.takenAt ?? null,
  };
  const payload = measurements === null ? 'null' : measuredText(rollout, measurements);
  const rest = `"document":${documentOf(rollout)},"payload":${payload}`;
  return `${JSON.stringify(columns).slice(0, -1)},${rest}}`;
}

async function saveAll(db: Db, all: Line[]): Promise<Map<string, Saved>> {
  const lines = new Map(all.map((line) => [line.id, line]));
  // Of two with the same id nobody knows which came first: both are written by themselves.
  for (const line of all) if (lines.get(line.id) !== line) lines.delete(line.id);
  try {
    return lines.size === 0 ? new Map() : await writeAll(db, [...lines.values()]);
  } catch (cause) {
    // What the database itself suffers from, each of them would suffer from.
    if (cause instanceof AppError) throw cause;
    return new Map();
  }
}

// What a saved turn writes stands in turn-store.ts, too: test/contract/batch-contract.ts holds both to the same.
async function writeAll(db: Db, lines: Line[]): Promise<Map<string, Saved>> {
  const { rows } = await sql<{ id: string; now: number }>`
    with asked as (
      select * from jsonb_to_recordset(${`[${lines.map(({ text }) => text).join(',')}]`}::jsonb) as asked (
        id text, epoch bigint, release boolean, status text, next_at double precision, document jsonb,
        events jsonb, measured_at double precision, payload jsonb
      )
    ), free as (
      select id, epoch, (document #>> '{state,position,step}')::integer as step from rollout
      where id = any(${lines.map(({ id }) => id)}::text[]) and ended_at is null and status <> 'scheduled'
      order by id for no key update skip locked
    ), saved as (
      update rollout set
        document = asked.document, status = asked.status, next_at = to_timestamp(asked.next_at / 1000),
        last_seq = last_seq + jsonb_array_length(events),
        lease_owner = case when release then null else lease_owner end,
        lease_until = case when release then null else lease_until end,
        failures = case when release then 0 else failures end,
        last_failure = case when release then null else last_failure end,
        quarantined_at = case when release then null else quarantined_at end
      from free join asked using (id, epoch)
      where rollout.id = free.id
      returning rollout.id, ${millis(databaseClock)} as now, last_seq, step, events, measured_at, payload
    ), told as (
      insert into audit (rollout_id, seq, at, type, actor_kind, actor_name, message, facts)
      select id, last_seq - jsonb_array_length(events) + place, clock_timestamp(), event ->> 'type',
        event ->> 'actor_kind', event ->> 'actor_name', event ->> 'message', event ->> 'facts'
      from saved cross join jsonb_array_elements(events) with ordinality as one (event, place)
      order by id, place
    ), kept as (
      insert into measurement (rollout_id, at, payload)
      select id, to_timestamp(measured_at / 1000), payload || jsonb_build_object('step', step) from saved
      where measured_at is not null
      on conflict (rollout_id, at) do nothing
    )
    select id, now from saved`.execute(db);
  return new Map(rows.map(({ id, now }) => [id, { kind: 'saved', now }]));
}
