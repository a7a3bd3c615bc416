import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Rollouts, Store } from '../../src/rollout/ports/store.ts';
import { noneAside } from '../../src/rollout/take-turn.ts';
import { connect, type Database } from '../../src/store/database.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { inTransaction } from '../../src/store/transaction.ts';
import { turnStore } from '../../src/store/turn-store.ts';
import { listen } from '../../src/store/wake.ts';
import { aRollout, rolloutId, targetNamed } from '../fakes/rollouts.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { sweepOnce } from '../rollout/sweep-once.ts';
import { type Databases, majors, query, startDatabases } from './databases.ts';

const id = rolloutId(1);
const terminateAll =
  "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'canaryd' and datname = current_database()";

describe.each(majors)('PostgreSQL %i', (major) => {
  let databases: Databases;
  let url: string;
  let database: Database;
  let store: Store & Rollouts;

  beforeAll(async () => {
    databases = await startDatabases(major);
  });
  beforeEach(async () => {
    url = await databases.fresh();
    database = connect(url);
    store = { ...turnStore(database.db), ...rolloutStore(database.db) };
    await store.create(
      aRollout(),
      [{ type: 'page', actor: aRollout().requestedBy, message: 'a page', facts: {} }],
      null,
    );
  });
  afterEach(() => database.close());
  afterAll(() => databases.stop());

  /** Holds the rollout's row as a stopped process would, while `work` runs. */
  async function whileLocked(work: () => Promise<void>): Promise<void> {
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    await holder.query('begin');
    await holder.query('select 1 from rollout for update');
    await work().finally(() => holder.end());
  }

  describe('denies', () => {
    it.each([
      ['changing an audit row', "update audit set message = 'nothing happened'", /append-only/],
      ['changing no audit row at all', 'update audit set seq = 1 where false', /append-only/],
      ['deleting audit rows', 'delete from audit', /append-only/],
      ['truncating the audit log', 'truncate audit', /append-only/],
      [
        'truncating rollouts together with their audit rows',
        'truncate rollout, audit cascade',
        /append-only|are kept/,
      ],
      ['truncating rollouts', 'truncate rollout cascade', /are kept/],
      ['deleting a rollout that has audit rows', 'delete from rollout', /are kept/],
      ['a negative epoch', 'update rollout set epoch = -1', /epoch/],
      ['a lease without an owner', 'update rollout set lease_until = now()', /lease_is_whole/],
      ['a live rollout without a next turn', 'update rollout set next_at = null', /due_or_ended/],
      ['an unknown status', "update rollout set status = 'lost'", /status/],
      [
        'an end in a state that is not terminal',
        'update rollout set ended_at = now(), next_at = null',
        /terminal_state/,
      ],
      [
        'a document of another rollout',
        `update rollout set document = document || '{"id":"ro_x"}'`,
        /document/,
      ],
    ])('%s', async (_what, statement, why) => {
      await expect(query(url, statement)).rejects.toThrow(why);
    });

    it('reopening a rollout that has ended', async () => {
      await query(url, "update rollout set status = 'cancelled', ended_at = now(), next_at = null");
      const reopen = "update rollout set status = 'running', ended_at = null, next_at = now()";
      await expect(query(url, reopen)).rejects.toThrow(/never reopens/);
    });
  });

  describe('is given up on in time:', () => {
    it('a statement that takes longer than 3 seconds ends with databaseTimeout', async () => {
      const slow = sql`select pg_sleep(10)`.execute(database.db);
      await expect(slow).rejects.toMatchObject({ code: 'databaseTimeout' });
    });

    it('a row that another connection holds for more than a second ends with databaseTimeout', async () => {
      await whileLocked(async () => {
        await expect(store.claim(id, 'worker-a', 15)).rejects.toMatchObject({ code: 'databaseTimeout' });
      });
      expect(await store.claim(id, 'worker-a', 15)).not.toBeNull();
    });

    it('a locked rollout does not hold up another one', async () => {
      await whileLocked(async () => {
        const other = aRollout({ id: rolloutId(2), target: targetNamed('ledger') });
        expect(await store.create(other, [], null)).toEqual({ kind: 'created' });
        expect((await store.claim(other.id, 'worker-a', 15))?.epoch).toBe(1);
      });
    });

    it('a pool without a free connection ends with databaseUnavailable', async () => {
      const small = connect(url, { poolSize: 1 });
      const held = await small.pool.connect();
      await expect(turnStore(small.db).now()).rejects.toMatchObject({ code: 'databaseUnavailable' });
      held.release();
      expect(await turnStore(small.db).now()).toBeGreaterThan(0);
      await small.close();
    });
  });

  describe('may go away', () => {
    it('while a connection is held: the transaction is lost, the process and the store go on', async () => {
      const lost = inTransaction(database.db, async (trx) => {
        await sql`select 1`.execute(trx);
        await query(url, terminateAll);
        await sql`select 1`.execute(trx);
        return { keep: true, value: null };
      });
      await expect(lost).rejects.toMatchObject({ code: 'databaseUnavailable' });
      expect(await store.claim(id, 'worker-a', 15)).not.toBeNull();
    });

    it('while connections are idle, without ending the process', async () => {
      await Promise.all(Array.from({ length: 8 }, () => store.now()));
      await query(url, terminateAll);
      await expect.poll(() => store.now().catch(() => 0)).toBeGreaterThan(0);
    });

    it('and is then unavailable, which is said without its address or password', async () => {
      const nowhere = connect('postgres://canaryd:secret@127.0.0.1:1/nowhere');
      const failure = turnStore(nowhere.db).now();
      await expect(failure).rejects.toMatchObject({ code: 'databaseUnavailable' });
      await expect(failure).rejects.not.toThrow(/secret|127/);
      await nowhere.close();
    });

    it('and a wrong password is unavailable, too', async () => {
      const wrong = new URL(url);
      wrong.password = 'guessed';
      const stranger = connect(wrong.href);
      await expect(turnStore(stranger.db).now()).rejects.toMatchObject({ code: 'databaseUnavailable' });
      await stranger.close();
    });

    it.each([
      '',
      'localhost',
      'mysql://u:secret@h/d',
      'postgres://u:sec ret@:x/d',
    ])('but a URL that is none is refused at once: %j', (text) => {
      expect(() => connect(text)).toThrow(/^the database URL is not of the form/);
    });
  });

  describe('a transaction', () => {
    it('that PostgreSQL rolls back on COMMIT is not taken for committed', async () => {
      const aborted = inTransaction(database.db, async (trx) => {
        await sql`select 1 / 0`.execute(trx).catch(() => undefined);
        return { keep: true, value: null };
      });
      await expect(aborted).rejects.toMatchObject({ code: 'databaseUnavailable' });
    });

    it('that deadlocks with another is run again', async () => {
      const other = aRollout({ id: rolloutId(2), target: targetNamed('ledger') });
      await store.create(other, [], null);
      const both = (first: string, second: string, met: () => Promise<void>) =>
        inTransaction(database.db, async (trx) => {
          await trx
            .updateTable('rollout')
            .set({ last_seq: sql`last_seq + 1` })
            .where('id', '=', first)
            .execute();
          await met();
          await trx
            .updateTable('rollout')
            .set({ last_seq: sql`last_seq + 1` })
            .where('id', '=', second)
            .execute();
          return { keep: true, value: 'done' };
        });
      // A deadlock is looked for after a second by default, which is the lock's own deadline here.
      await query(url, `alter database ${new URL(url).pathname.slice(1)} set deadlock_timeout = '50ms'`);
      await query(url, terminateAll);
      await expect.poll(() => store.now().catch(() => 0)).toBeGreaterThan(0);
      const met = meeting(2);
      expect(await Promise.all([both(id, other.id, met), both(other.id, id, met)])).toEqual(['done', 'done']);
      expect(await query(url, 'select last_seq from rollout order by id')).toEqual([
        { last_seq: '3' },
        { last_seq: '2' },
      ]);
    });
  });

  describe('a row that this version does not understand', () => {
    beforeEach(async () => {
      await query(url, `update rollout set document = document || '{"state": {"kind": "teleporting"}}'`);
    });

    it('is reported as corruptRow, with the place and no value', async () => {
      const found = store.find(id);
      await expect(found).rejects.toMatchObject({ code: 'corruptRow' });
      await expect(found).rejects.toThrow(`rollout ${id} cannot be understood at: state.kind`);
    });

    it('is not kept from a newer version: a failed claim gives its lease back', async () => {
      await expect(store.claim(id, 'worker-a', 15)).rejects.toMatchObject({ code: 'corruptRow' });
      expect(await store.due(10)).toEqual([id]);
    });

    it('is offered to the workers of other versions at once when this one cannot read it', async () => {
      const heard: string[] = [];
      const ears = await listen({ url, onDue: (woken) => heard.push(woken) });
      await expect(store.claim(id, 'worker-a', 15)).rejects.toMatchObject({ code: 'corruptRow' });
      await expect.poll(() => heard).toEqual([id]);
      await ears.close();
    });

    it('stays byte for byte as it is, due and free, while this version sweeps', async () => {
      await query(url, `update rollout set document = document || '{"learnedLater": [1, {"b": 2}]}'`);
      const rows = () =>
        query(url, 'select document::text, next_at, lease_owner, status, last_seq from rollout');
      const before = await rows();
      const taking = { blame: () => 'corruptRow', aside: noneAside() };
      const deps = { ...idle, worker: 'worker-a', store };
      for (let round = 0; round < 7; round += 1) await sweepOnce(deps, taking);
      expect(await rows()).toEqual(before);
      expect(await store.due(10)).toEqual([id]);
    });

    it('is not overwritten by a command', async () => {
      const acted = store.command(id, () => ({ change: null, answer: '', remember: null }));
      await expect(acted).rejects.toMatchObject({ code: 'corruptRow' });
    });
  });

  it('takes all that the version before quarantines writes, and an end by it ends the quarantine', async () => {
    const rollout = aRollout({ id: rolloutId(2), target: targetNamed('ledger') });
    await query(
      url,
      `insert into rollout (id, document, status, next_at, last_seq)
       values ($1, $2, 'running', clock_timestamp(), 0)`,
      [rollout.id, JSON.stringify(rollout)],
    );
    const claim = `update rollout set epoch = epoch + 1, lease_owner = 'old',
      lease_until = clock_timestamp() + interval '15 s' where id = $1 returning epoch`;
    expect(await query(url, claim, [rollout.id])).toEqual([{ epoch: '1' }]);
    await query(url, 'update rollout set quarantined_at = clock_timestamp(), failures = 5 where id = $1', [
      rollout.id,
    ]);
    expect(await store.quarantined()).toBe(1);
    const end = `update rollout set document = $2, status = 'succeeded', next_at = null,
      ended_at = clock_timestamp(), lease_owner = null, lease_until = null, last_seq = last_seq + 1
      where id = $1 and epoch = 1`;
    const succeeded = { ...rollout, state: { kind: 'succeeded', at: 1 } };
    await query(url, end, [rollout.id, JSON.stringify(succeeded)]);
    expect(await store.quarantined()).toBe(0);
  });

  it('times every row with its own clock, not with ours', async () => {
    const [row] = await store.events(id, 0, 1);
    const now = await store.now();
    expect(row?.at).toBeGreaterThan(now - 60_000);
    expect(row?.at).toBeLessThanOrEqual(now);
  });
});

const notAsked = () => Promise.reject(new Error('a turn that is not claimed asks nobody'));

/** What a sweep needs beside the store, for turns that end before they begin. */
const idle = {
  mesh: {
    resolve: notAsked,
    look: notAsked,
    survey: notAsked,
    write: notAsked,
    rehearse: notAsked,
    otherRoutes: notAsked,
    preview: notAsked,
  },
  metrics: { scrapeSeconds: () => 1, checkTemplates: {}, measure: notAsked, survey: notAsked },
  surroundings: darkSurroundings(),
  alarm: { ring: notAsked },
  deadline: () => new AbortController().signal,
  rest: async () => undefined,
};

/** Lets `count` callers wait for each other, once; later callers pass. */
function meeting(count: number): () => Promise<void> {
  let arrived = 0;
  let open: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    open = resolve;
  });
  return () => {
    arrived += 1;
    if (arrived >= count) open();
    return all;
  };
}
