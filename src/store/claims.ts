import { type RawBuilder, sql } from 'kysely';
import { gather } from '../gather.ts';
import { widestOver } from '../rollout/names.ts';
import type { Claim, HoldOrder } from '../rollout/ports/store.ts';
import type { StoredRollout } from '../rollout/rollout.ts';
import { databaseClock, millis } from './clock.ts';
import type { Db } from './database.ts';
import { openOrders, orderFrom } from './hold-store.ts';
import { type TroubleRow, troubleFrom } from './row-facts.ts';
import { Epoch, parsed, storedFrom } from './rows.ts';
import { dueChannel } from './writes.ts';

type Asked = { id: string; worker: string; leaseSeconds: number };

/** `held`: somebody writes this row just now, so that it is not known yet whether it is due. */
type Found =
  | { kind: 'claimed'; claim: Claim }
  | { kind: 'unreadable'; cause: unknown }
  | { kind: 'notDue' | 'held' };

/**
 * Claims turns as `Store.claim` does, those that are asked for within a few milliseconds by one statement. A row that
 * somebody else writes at that moment is asked for again by itself: no other waits for it.
 */
export function claimer(db: Db): (asked: Asked) => Promise<Claim | null> {
  const claimTogether = gather<Asked, Found>({
    waitMs: 5,
    // A person's command waits for no longer than one statement takes.
    most: 100,
    // Few, so that the pool always has connections for those who cannot wait.
    atOnce: 2,
    together: (all) => claimAll(db, all),
  });
  return async (asked) => {
    const found = await claimTogether(asked);
    const sure = found.kind === 'held' ? await claimAlone(db, asked) : found;
    if (sure.kind === 'unreadable') throw sure.cause;
    return sure.kind === 'claimed' ? sure.claim : null;
  };
}

/** The same rollout asked for twice is given to the first. */
function claimAll(db: Db, all: Asked[]): Promise<Found>[] {
  const first = new Map(all.toReversed().map((asked) => [asked.id, asked]));
  const claiming = claimRows(db, [...first.values()], sql`for no key update skip locked`);
  const holding = claiming.then((found) =>
    stillDue(
      db,
      [...first.keys()].filter((id) => !found.has(id)),
    ),
  );
  // Told to those who were not found; there may be none of them.
  holding.catch(() => undefined);
  return all.map(async (asked): Promise<Found> => {
    const found = (await claiming).get(asked.id);
    if (first.get(asked.id) !== asked) return { kind: 'notDue' };
    return found ?? { kind: (await holding).has(asked.id) ? 'held' : 'notDue' };
  });
}

/** Waits for whoever writes the row. */
async function claimAlone(db: Db, asked: Asked): Promise<Found> {
  const found = await claimRows(db, [asked], sql`for no key update`);
  return found.get(asked.id) ?? { kind: 'notDue' };
}

/** Small on purpose: a hundred of them fit into what PostgreSQL keeps for one connection (8 kB). */
type ClaimedRow = { id: string; epoch: string; now: number };

/**
 * What was due and free; others are not in the answer. The documents are no part of it: PostgreSQL commits only once
 * its answer is sent, and a large one for a process that stands still would keep all these rows locked.
 */
async function claimRows(db: Db, asked: Asked[], lock: RawBuilder<unknown>): Promise<Map<string, Found>> {
  const ids = asked.map(({ id }) => id);
  const { rows } = await sql<ClaimedRow>`
    with asked as (
      select * from unnest(
        ${ids}::text[], ${asked.map(({ worker }) => worker)}::text[],
        ${asked.map(({ leaseSeconds }) => leaseSeconds)}::double precision[]
      ) as asked (id, worker, seconds)
    ), free as (
      select id from rollout
      where id = any(${ids}::text[]) and ${isDueAndFree}
      order by id ${lock}
    )
    update rollout set
      epoch = epoch + 1,
      lease_owner = asked.worker,
      lease_until = clock_timestamp() + make_interval(secs => asked.seconds)
    from free join asked using (id)
    where rollout.id = free.id
    returning rollout.id, epoch, ${millis(databaseClock)} as now`.execute(db);
  return rows.length === 0 ? new Map() : readClaims(db, rows);
}

const isDueAndFree = sql<boolean>`ended_at is null and next_at <= clock_timestamp()
  and (lease_until is null or lease_until < clock_timestamp())`;

/** Which of these a statement that waits for nobody sees as due: what it could not claim, somebody writes just now. */
async function stillDue(db: Db, ids: string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await sql<{ id: string }>`
    select id from rollout where id = any(${ids}::text[]) and ${isDueAndFree}`.execute(db);
  return new Set(rows.map(({ id }) => id));
}

async function readClaims(db: Db, rows: ClaimedRow[]): Promise<Map<string, Found>> {
  const { orders, documents } = await readAfterClaim(db, rows).catch(async (cause: unknown) => {
    // Where that fails too, the leases run out.
    await giveBack(db, rows).catch(() => undefined);
    throw cause;
  });
  const found = rows.flatMap((row): (readonly [ClaimedRow, Found])[] => {
    const document = documents.get(row.id);
    return document === undefined ? [] : [[row, readClaim(row, document, orders)]];
  });
  const spoilt = found.filter(([, { kind }]) => kind === 'unreadable').map(([row]) => row);
  // Whether or not that succeeds: the others have their turns.
  if (spoilt.length > 0) await giveBack(db, spoilt).catch(() => undefined);
  return new Map(found.map(([{ id }, one]) => [id, one]));
}

/** An order that is placed later than it is looked for here fences the turn. */
async function readAfterClaim(db: Db, rows: ClaimedRow[]) {
  const orders = await openOrders(db).execute();
  return { orders, documents: await readDocuments(db, rows) };
}

type DocumentRow = TroubleRow & { id: string; document: unknown };

/** Without those whose lease was taken meanwhile, by a person's word or by time: they are no longer claimed. */
async function readDocuments(db: Db, rows: ClaimedRow[]): Promise<Map<string, DocumentRow>> {
  const documents = await sql<DocumentRow>`
    select rollout.id, document, failures, last_failure, ${millis(sql`quarantined_at`)} as "quarantinedAt"
    from rollout join ${claimsIn(rows)} using (id, epoch)
    where lease_until > clock_timestamp()`.execute(db);
  return new Map(documents.rows.map((row) => [row.id, row]));
}

/** The claims as a table `ours` of ids and epochs. */
function claimsIn(rows: ClaimedRow[]): RawBuilder<unknown> {
  return sql`unnest(${rows.map(({ id }) => id)}::text[], ${rows.map(({ epoch }) => epoch)}::bigint[])
    as ours (id, epoch)`;
}

type OrderRow = { cluster: string | null; namespace: string | null };

function readClaim(row: ClaimedRow, stored: DocumentRow, orders: OrderRow[]): Found {
  try {
    const { epoch } = parsed(Epoch, row, `rollout ${row.id}`);
    const rollout = storedFrom(row.id, stored.document);
    const order = orderOver(orders, rollout.target);
    return { kind: 'claimed', claim: { rollout, epoch, now: row.now, order, trouble: troubleFrom(stored) } };
  } catch (cause) {
    return { kind: 'unreadable', cause };
  }
}

/** An open hold order whose scope anything of the target lies in; the widest one is told of. */
function orderOver(orders: OrderRow[], target: StoredRollout['target']): HoldOrder | null {
  const row = widestOver(orders, target);
  return row === null ? null : orderFrom(row);
}

/**
 * A newer version may understand what this one does not: the lease must not keep it away. Whoever writes such a row
 * just now has taken the lease from us already.
 */
async function giveBack(db: Db, rows: ClaimedRow[]): Promise<void> {
  const ids = rows.map(({ id }) => id);
  await sql`
    with free as (
      select rollout.id from rollout join ${claimsIn(rows)} using (id, epoch) order by rollout.id
      for no key update of rollout skip locked
    )
    update rollout set lease_owner = null, lease_until = null from free where rollout.id = free.id`.execute(
    db,
  );
  await sql`select pg_notify(${dueChannel}, id) from unnest(${ids}::text[]) as theirs (id)`.execute(db);
}
