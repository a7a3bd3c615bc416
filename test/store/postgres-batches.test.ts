import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { event } from '../../src/rollout/decision.ts';
import type { Claim } from '../../src/rollout/ports/store.ts';
import { afterNoReading } from '../../src/rollout/quarantine.ts';
import { connect, type Db } from '../../src/store/database.ts';
import { holdStore } from '../../src/store/hold-store.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { turnStore } from '../../src/store/turn-store.ts';
import { batchContract } from '../contract/batch-contract.ts';
import { holdId, orderOf } from '../contract/hold-contract.ts';
import { aRollout, paymentTarget, rolloutId, targetNamed } from '../fakes/rollouts.ts';
import { freshDatabases, majors, query } from './databases.ts';

const leaseSeconds = 15;
const idsOf = (length: number) => Array.from({ length }, (_, index) => rolloutId(index + 1));
const ids = idsOf(60);
const [first, second] = [rolloutId(1), rolloutId(2)];

describe.each(majors)('turns at the same moment on PostgreSQL %i', (major) => {
  const fresh = freshDatabases(major);

  batchContract(async () => {
    const { url, db } = await fresh();
    return {
      store: { ...turnStore(db), ...rolloutStore(db) },
      elsewhere: turnStore(db),
      spoil: async (id) => {
        await query(url, `update rollout set document = document || '{"learnedLater":1}' where id = $1`, [
          id,
        ]);
      },
      measurementsOf: async (id) =>
        (await query(url, 'select 1 from measurement where rollout_id = $1', [id])).length,
    };
  });

  /** With rollouts that are due. */
  async function crowd(all = ids) {
    const { url, db } = await fresh();
    const rollouts = rolloutStore(db);
    await Promise.all(
      all.map((id, index) =>
        rollouts.create(aRollout({ id, target: targetNamed(`service-${index}`) }), [], null),
      ),
    );
    return { url, db, rollouts, turns: turnStore(db) };
  }

  it('are claimed and saved by four statements', async () => {
    const { db } = await crowd();
    let statements = 0;
    const turns = turnStore(
      afterEachStatement(db, async () => {
        statements += 1;
      }),
    );
    const claims = await claimsOf(turns, ids);
    const saved = await Promise.all(claims.map((claim) => saveQuietly(turns, claim)));
    expect(saved.map(({ kind }) => kind)).toEqual(ids.map(() => 'saved'));
    expect(statements).toBe(4);
  });

  it('keep the step that each was in when it was measured', async () => {
    const { url, turns } = await crowd();
    const [claim] = await claimsOf(turns, [first, second]);
    await saveQuietly(turns, claim, { isMeasured: true });
    const [row] = await query(url, 'select payload from measurement where rollout_id = $1', [first]);
    expect(row).toMatchObject({ payload: { step: 0, share: 0, takenAt: claim?.now, judged: {} } });
  });

  it('never stop each other, however two workers cross', async () => {
    const { url, turns } = await crowd();
    const other = connect(url);
    const [ours, theirs] = [turns, turnStore(other.db)];
    for (let round = 0; round < 10; round += 1) {
      const [one, two] = await Promise.all([claimsOf(ours, ids), claimsOf(theirs, ids.toReversed())]);
      expect(one.length + two.length).toBe(ids.length);
      const saves = [
        ...one.flatMap((claim) => [saveQuietly(ours, claim, { nextInMs: 0 })]),
        ...two.flatMap((claim) => [saveQuietly(theirs, claim, { nextInMs: 0 })]),
        // Late turns of the round before.
        ...ids.map((id) => saveQuietly(ours, { ...claimOf(one, two, id), epoch: round })),
      ];
      const kinds = (await Promise.all(saves)).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === 'saved')).toHaveLength(ids.length);
      expect(kinds.filter((kind) => kind === 'fenced')).toHaveLength(ids.length);
    }
    await other.close();
  });

  it('do not wait for a rollout that a person commands just now, and that one is not lost', async () => {
    const { url, turns } = await crowd();
    const person = await locking(url, first);
    const waiting = turns.claim(first, 'worker', leaseSeconds);
    const others = await claimsOf(turns, ids.slice(1));
    expect(others).toHaveLength(ids.length - 1);
    await untilOneWaitsForALock(url);
    await person.leave();
    expect((await waiting)?.rollout.id).toBe(first);
  });

  it('are saved while a person commands one of them, and that one is judged afterwards', async () => {
    const { url, turns } = await crowd();
    const claims = await claimsOf(turns, ids);
    const person = await locking(url, first);
    const [waiting, ...others] = claims.map((claim) => saveQuietly(turns, claim));
    expect((await Promise.all(others)).map(({ kind }) => kind)).toEqual(ids.slice(1).map(() => 'saved'));
    await untilOneWaitsForALock(url);
    await person.fence();
    expect(await waiting).toEqual({ kind: 'fenced' });
  });

  it('stay free for everybody else when the process that claims them stands still', async () => {
    const all = idsOf(100);
    const { url } = await crowd(all);
    await query(
      url,
      `update rollout set document = jsonb_set(document, '{reason}', to_jsonb(repeat('x', 100000)))`,
    );
    const child = await stoppedWhileClaiming(url, all);
    try {
      const began = performance.now();
      await speakTo(url, all);
      expect(performance.now() - began).toBeLessThan(1000);
      const said = child.stdout === null ? [] : once(child.stdout, 'data');
      child.kill('SIGCONT');
      expect(String(await said)).toBe('0');
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('are not given on where a person was faster than what they are read by', async () => {
    const { url, db } = await crowd();
    const speaking = afterEachStatement(db, async (count) => {
      if (count === 1) await speakTo(url, [first]);
    });
    const claims = await claimsOf(turnStore(speaking), ids);
    expect(claims.map(({ rollout }) => rollout.id)).toEqual(ids.slice(1));
  });

  it('are claimed anew, and see it, when a hold order is placed before they are read', async () => {
    const { db } = await crowd();
    const placing = afterEachStatement(db, async (count) => {
      if (count === 2) await holdStore(db).place(orderOf(1), event('hold.placed', 'bob stopped everything'));
    });
    const claims = await claimsOf(turnStore(placing), ids);
    expect(claims.map(({ order, epoch }) => [order?.id, epoch])).toEqual(ids.map(() => [holdId(1), 3]));
  });

  it.each([
    2, 3,
  ])('are due again at once when what follows their claim fails, statement %i', async (which) => {
    const { db, turns } = await crowd();
    const failing = afterEachStatement(db, async (count) => {
      if (count === which) throw new AppError('databaseTimeout', 'too slow');
    });
    await expect(claimsOf(turnStore(failing), ids)).rejects.toMatchObject({ code: 'databaseTimeout' });
    expect(await turns.due(100)).toHaveLength(ids.length);
  });

  it('are all fenced by a hold order that is placed in between, and the next ones see it', async () => {
    const { db, turns } = await crowd();
    const claims = await claimsOf(turns, ids);
    await holdStore(db).place(orderOf(1), event('hold.placed', 'bob stopped everything'));
    const saved = await Promise.all(claims.map((claim) => saveQuietly(turns, claim)));
    expect(saved.map(({ kind }) => kind)).toEqual(ids.map(() => 'fenced'));
    const next = await claimsOf(turns, ids);
    expect(next.map(({ order }) => order?.id)).toEqual(ids.map(() => holdId(1)));
  });

  it('are told of the widest order over each, and of none that is over others', async () => {
    const { db, turns, rollouts } = await crowd();
    const holds = holdStore(db);
    const placed = event('hold.placed', 'bob stopped something');
    const elsewhere = aRollout({ id: rolloutId(99), target: { ...paymentTarget, namespace: 'ledger' } });
    await rollouts.create(elsewhere, [], null);
    const { cluster, namespace } = paymentTarget;
    const orderSeen = async () => {
      const claims = await claimsOf(turns, [first, elsewhere.id]);
      await Promise.all(claims.map((claim) => saveQuietly(turns, claim, { nextInMs: 0 })));
      return claims.map(({ order }) => order?.id ?? null);
    };
    await holds.place(orderOf(1, { cluster, namespace }), placed);
    await holds.place(orderOf(2, { cluster: 'eu' }), placed);
    expect(await orderSeen()).toEqual([holdId(1), null]);
    await holds.place(orderOf(3, { namespace }), placed);
    expect(await orderSeen()).toEqual([holdId(3), null]);
    await holds.place(orderOf(4, { cluster }), placed);
    expect(await orderSeen()).toEqual([holdId(4), holdId(4)]);
    await holds.place(orderOf(5), placed);
    expect(await orderSeen()).toEqual([holdId(5), holdId(5)]);
  });

  it('are saved one by one when the database refuses one of them', async () => {
    const { url, turns } = await crowd();
    const claims = await claimsOf(turns, ids);
    await query(
      url,
      `alter table rollout add constraint odd check (epoch < 1 or id <> '${first}') not valid`,
    );
    const saved = await Promise.allSettled(claims.map((claim) => saveQuietly(turns, claim)));
    expect(saved.map(({ status }) => status)).toEqual(['rejected', ...ids.slice(1).map(() => 'fulfilled')]);
  });

  it('are claimed beside one whose epoch nobody can read, which is quarantined', async () => {
    const { url, turns } = await crowd();
    await query(
      url,
      `update rollout set epoch = 10 ^ 15, next_at = next_at - interval '31 s' where id = $1`,
      [first],
    );
    const broken = turns.claim(first, 'worker', leaseSeconds);
    const others = claimsOf(turns, ids.slice(1));
    await expect(broken).rejects.toMatchObject({ code: 'corruptRow' });
    expect(await others).toHaveLength(ids.length - 1);
    const record = await turns.fail(first, null, (failed) => afterNoReading(failed, 'corruptRow'));
    expect(record?.trouble).toMatchObject({ quarantinedAt: expect.any(Number) });
  });
});

type Turns = ReturnType<typeof turnStore>;

async function claimsOf(turns: Turns, wanted: readonly string[]): Promise<Claim[]> {
  const claims = await Promise.all(wanted.map((id) => turns.claim(id, 'worker', leaseSeconds)));
  return claims.flatMap((claim) => claim ?? []);
}

function claimOf(one: Claim[], two: Claim[], id: string): Claim {
  const found = [...one, ...two].find(({ rollout }) => rollout.id === id);
  if (found === undefined) throw new Error(`${id} was not claimed`);
  return found;
}

/** The end of a turn that waits on. */
function saveQuietly(turns: Turns, claim: Claim | undefined, { nextInMs = 10_000, isMeasured = false } = {}) {
  if (claim === undefined) throw new Error('nothing was claimed');
  const { rollout, epoch, now } = claim;
  const none = { kind: 'none' } as const;
  const measurements = {
    takenAt: now,
    checks: {},
    requests: { canary: none, stable: none },
    increments: { canary: null, stable: null },
    unattributed: none,
  };
  return turns.save(rollout.id, epoch, {
    rollout,
    events: [],
    measurements: isMeasured ? measurements : null,
    nextAt: now + nextInMs,
    release: true,
  });
}

/** Somebody who has locked a row. */
async function locking(url: string, id: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('begin');
  await client.query('select 1 from rollout where id = $1 for update', [id]);
  const end = async (text: string) => {
    await client.query(text);
    await client.end();
  };
  return {
    /** Leaves it as it was. */
    leave: () => end('rollback'),
    /** Takes the lease of whoever holds it. */
    fence: async () => {
      await client.query(
        'update rollout set epoch = epoch + 1, lease_owner = null, lease_until = null where id = $1',
        [id],
      );
      await end('commit');
    },
  };
}

async function untilOneWaitsForALock(url: string): Promise<void> {
  await expect.poll(() => query(url, statementThatWaitsForALock)).toHaveLength(1);
}

const statementThatWaitsForALock = `select 1 from pg_stat_activity
  where datname = current_database() and wait_event_type = 'Lock'`;

/** The same database, where something happens between a statement and its answer; counted from 1. */
function afterEachStatement(db: Db, act: (count: number) => Promise<unknown>): Db {
  let count = 0;
  return db.withPlugin({
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      count += 1;
      await act(count);
      return result;
    },
  });
}

/** A process that claims rollouts and stands still as soon as it has asked PostgreSQL for them. */
async function stoppedWhileClaiming(url: string, wanted: readonly string[]): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('./stopping-claimer.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', program, url, ...wanted], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await expect.poll(() => query(url, claimThatWaitsForItsReader), { timeout: 8000 }).toHaveLength(1);
  return child;
}

const claimThatWaitsForItsReader = `select 1 from pg_stat_activity
  where datname = current_database() and application_name = 'canaryd'
    and query like '%skip locked%' and wait_event_type = 'Client'`;

/** What a person's word does to a row: its lease ends. Nothing is waited for longer than a second. */
async function speakTo(url: string, wanted: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url, statement_timeout: 1000 });
  await client.connect();
  try {
    for (const id of wanted)
      await client.query(
        `update rollout set epoch = epoch + 1, lease_owner = null, lease_until = null,
          next_at = clock_timestamp() + interval '1 h' where id = $1`,
        [id],
      );
  } finally {
    await client.end();
  }
}
