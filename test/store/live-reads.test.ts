import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Counters } from '../../src/analysis/counters.ts';
import type { Measurements } from '../../src/analysis/reading.ts';
import type { AuditType } from '../../src/rollout/audit.ts';
import type { JudgeMemory } from '../../src/rollout/judge-memory.ts';
import type { Rollouts, Store } from '../../src/rollout/ports/store.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { connect, type Database } from '../../src/store/database.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { turnStore } from '../../src/store/turn-store.ts';
import { aRollout, begun, rolloutId, start, targetNamed } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { verdictAt } from '../fakes/verdicts.ts';
import { type Databases, query, startDatabases } from './databases.ts';

type UnderTest = Store & Rollouts;

const first = rolloutId(1);
const ana = { kind: 'person', name: 'ana' } as const;
const event = (type: AuditType) => ({ type, actor: ana, message: 'It happened.', facts: {} });

async function create(store: UnderTest, rollout: Rollout, types: AuditType[]): Promise<void> {
  await store.create(rollout, types.map(event), null);
}

function measured(takenAt: number): Measurements {
  const p99 = { canary: { kind: 'value', value: 212, requests: 640 }, stable: { kind: 'none' } } as const;
  const none = { kind: 'none' } as const;
  return {
    takenAt,
    checks: { p99 },
    requests: { canary: none, stable: none },
    increments: { canary: null, stable: null },
    unattributed: none,
  };
}

const found = verdictAt(0.2);
/** What the judge of the rollout remembers all the while. */
const memory: JudgeMemory = {
  arms: 'v2 beside v1',
  state: null,
  known: { canary: {}, stable: {} },
  countedAt: start,
  untold: null,
  stretch: { number: 0, appliedAt: start, looks: 1 },
  isRebounded: false,
  verdict: found,
  share: 5,
  queries: [],
};

/** One turn that polled at an instant and went on to the next step. */
async function poll(store: UnderTest, takenAt: number, step: number, counters?: Counters): Promise<void> {
  const claim = await store.claim(first, 'worker-a', 15);
  if (claim === null) throw new Error('not claimed');
  const result = {
    verdict: 'pass',
    canary: { kind: 'value', value: 212, requests: 640 },
    stable: { kind: 'none' },
    limit: 300,
    at: takenAt,
    failuresInARow: 0,
  } as const;
  const position = { step: step + 1, startedAt: takenAt, overridden: false, bakeEnded: false };
  const before = begun(claim.rollout);
  const rollout: Rollout = {
    ...before,
    state: { kind: 'running', position },
    traffic: { ...before.traffic, applied: 5 },
    watch: { ...before.watch, results: { p99: result }, judge: memory },
  };
  const measurements = { ...measured(takenAt), ...(counters === undefined ? {} : { counters }) };
  const change = { rollout, events: [], measurements, nextAt: start, release: true };
  expect((await store.save(first, claim.epoch, change)).kind).toBe('saved');
}

/** What everybody who keeps audit rows and measurements promises to watchers. */
function livePromises(open: () => Promise<UnderTest>): void {
  let store: UnderTest;

  beforeEach(async () => {
    store = await open();
    await create(store, aRollout(), ['rollout.scheduled', 'rollout.started', 'page']);
    const other = aRollout({ id: rolloutId(2), target: targetNamed('ledger') });
    await create(store, other, ['rollout.scheduled']);
  });

  it('finds the newest rows of all rollouts, with their place', async () => {
    const { rows, now } = await store.live.recent({ since: null, known: [], limit: 10 });
    expect(rows.map(({ number, rolloutId: id }) => [number, id])).toEqual([
      [1, first],
      [2, first],
      [3, first],
      [4, rolloutId(2)],
    ]);
    expect(rows[3]).toMatchObject({ namespace: 'payment-prod', virtualService: 'ledger', seq: 1 });
    expect(Math.abs(now - (await store.now()))).toBeLessThan(5000);
  });

  it('leaves out the rows that are known, and those from before', async () => {
    const { rows, now } = await store.live.recent({ since: null, known: [1, 3], limit: 1 });
    expect(rows.map(({ number }) => number)).toEqual([2]);
    expect((await store.live.recent({ since: now + 60_000, known: [], limit: 10 })).rows).toEqual([]);
  });

  it('answers history by place and type, in the order of number', async () => {
    const numbers = async (asked: { namespace?: string; virtualService?: string; type?: string }) => {
      const rows = await store.live.history({ afterNumber: 0, limit: 10, ...asked });
      return rows.map(({ number }) => number);
    };
    expect(await numbers({})).toEqual([1, 2, 3, 4]);
    expect(await numbers({ virtualService: 'ledger' })).toEqual([4]);
    expect(await numbers({ namespace: 'elsewhere' })).toEqual([]);
    expect(await numbers({ namespace: 'payment-prod', type: 'rollout.scheduled' })).toEqual([1, 4]);
    const rows = await store.live.history({ afterNumber: 1, limit: 2 });
    expect(rows.map(({ number }) => number)).toEqual([2, 3]);
  });

  it('names the place to go on from so that the last half minute comes again', async () => {
    expect(await store.live.resumePoint(null)).toBe(0);
    expect(await store.live.resumePoint(3)).toBe(0);
    expect(await store.live.resumePoint(900)).toBe(900);
  });

  it('keeps each poll with its step, the applied share and how it was judged', async () => {
    await poll(store, start + 4000, 0);
    expect(await store.live.measurements({ rolloutId: first, limit: 10 })).toEqual([
      {
        at: start + 4000,
        step: 0,
        share: 5,
        checks: {
          p99: {
            canary: { kind: 'value', value: 212, requests: 640 },
            stable: { kind: 'none' },
            judged: { verdict: 'pass', limit: 300, failuresInARow: 0 },
          },
        },
        verdict: null,
      },
    ]);
  });

  it('keeps what the sequential judge found with the poll whose counters it looked at, and with no other', async () => {
    await poll(store, start + 4000, 0);
    await poll(store, start + 8000, 1, { kind: 'counters', boundsMs: [], canary: {}, stable: {} });
    await poll(store, start + 12_000, 2, { kind: 'unavailable', why: 'down' });
    const polls = await store.live.measurements({ rolloutId: first, limit: 9 });
    expect(polls.map(({ verdict }) => verdict)).toEqual([null, found, null]);
    const judged = async (asked: { since?: number; step?: number; limit: number }) => {
      const rows = await store.live.measurements({ rolloutId: first, judged: true, ...asked });
      return rows.map(({ at }) => at - start);
    };
    expect(await judged({ limit: 9 })).toEqual([8000]);
    expect(await judged({ limit: 1, since: start })).toEqual([8000]);
    expect(await judged({ limit: 9, step: 0 })).toEqual([]);
  });

  it('answers the newest polls, or those from a time on, each the oldest first', async () => {
    for (const [step, at] of [4000, 8000, 12_000].entries()) await poll(store, start + at, step);
    const times = async (asked: { since?: number; step?: number; check?: string; limit: number }) => {
      const polls = await store.live.measurements({ rolloutId: first, ...asked });
      return polls.map(({ at }) => at - start);
    };
    expect(await times({ limit: 2 })).toEqual([8000, 12_000]);
    expect(await times({ limit: 2, since: start })).toEqual([4000, 8000]);
    expect(await times({ limit: 9, since: start + 8000 })).toEqual([8000, 12_000]);
    expect(await times({ limit: 9, step: 1 })).toEqual([8000]);
    expect(await times({ limit: 9, check: 'p99' })).toHaveLength(3);
    expect(await times({ limit: 9, check: 'errors' })).toEqual([]);
    expect(await store.live.measurements({ rolloutId: rolloutId(9), limit: 9 })).toEqual([]);
  });
}

describe('what watchers read in memory', () => {
  livePromises(async () => memoryStore({ now: () => start }));
});

describe('what watchers read on PostgreSQL', () => {
  let databases: Databases;
  let database: Database;
  let url: string;
  let store: UnderTest;

  async function open(): Promise<UnderTest> {
    url = await databases.fresh();
    database = connect(url);
    store = { ...turnStore(database.db), ...rolloutStore(database.db) };
    return store;
  }

  beforeAll(async () => {
    databases = await startDatabases();
  });
  afterEach(() => database.close());
  afterAll(() => databases.stop());

  livePromises(open);

  it('has a row that was committed late under a lower number, and does not lose it', async () => {
    const slow = new pg.Client({ connectionString: url });
    await slow.connect();
    try {
      await slow.query('begin');
      await slow.query(`insert into audit (rollout_id, seq, at, type, actor_kind, actor_name, message, facts)
        values ('${first}', 4, clock_timestamp(), 'page', 'person', 'ana', 'Late.', '{}')`);
      await create(store, aRollout({ id: rolloutId(3), target: targetNamed('cards') }), ['page']);
      const before = await store.live.recent({ since: null, known: [], limit: 100 });
      const known = before.rows.map(({ number }) => number);
      expect(known).toEqual([1, 2, 3, 4, 6]);
      await slow.query('commit');
      const since = before.now - 30_000;
      const after = await store.live.recent({ since, known, limit: 100 });
      expect(after.rows.map(({ number, message }) => [number, message])).toEqual([[5, 'Late.']]);
      expect(await store.live.resumePoint(6)).toBe(0);
    } finally {
      await slow.end();
    }
  });

  it('has a row whose type only a newer version knows, as it is, wherever rows are read', async () => {
    await query(
      url,
      `insert into audit (rollout_id, seq, at, type, actor_kind, actor_name, message, facts)
      values ('${first}', 4, clock_timestamp(), 'something.new', 'canaryd', 'canaryd', 'It is new.', '{"odd":[1]}')`,
    );
    const row = { seq: 4, type: 'something.new', message: 'It is new.', facts: { odd: [1] } };
    const { rows } = await store.live.recent({ since: null, known: [1, 2, 3, 4], limit: 9 });
    expect(rows).toMatchObject([row]);
    expect(await store.live.history({ afterNumber: 4, limit: 9 })).toMatchObject([row]);
    expect(await store.live.history({ afterNumber: 0, limit: 9, type: 'something.new' })).toMatchObject([
      row,
    ]);
    expect(await store.events(first, 3, 9)).toMatchObject([row]);
    expect(await store.audit({ rolloutId: first, afterNumber: 4, limit: 9 })).toMatchObject([row]);
  });

  it('has rows about something else than a rollout, too; no place matches them', async () => {
    await query(
      url,
      `insert into audit (subject, seq, at, type, actor_kind, actor_name, message, facts)
      values ('hold/all', 1, clock_timestamp(), 'hold.placed', 'person', 'ana', 'All is held.', '{}')`,
    );
    const { rows } = await store.live.recent({ since: null, known: [1, 2, 3, 4], limit: 9 });
    expect(rows).toMatchObject([{ subject: 'hold/all', rolloutId: null, namespace: null }]);
    const placed = { afterNumber: 4, limit: 9, namespace: 'payment-prod' };
    expect(await store.live.history(placed)).toEqual([]);
  });

  it('goes back half a minute and not more', async () => {
    // The log is append-only, so old rows are written as such.
    await query(
      url,
      `insert into audit (rollout_id, seq, at, type, actor_kind, actor_name, message, facts)
      select '${first}', 3 + n, clock_timestamp() + make_interval(secs => 20 * n), 'page', 'person', 'ana', 'On.', '{}'
      from generate_series(1, 4) as n order by n`,
    );
    expect(await store.live.resumePoint(8)).toBe(6);
    expect(await store.live.resumePoint(6)).toBe(4);
  });

  it('reads the readings beside a judgement that only another version knows', async () => {
    await query(url, 'insert into measurement (rollout_id, at, payload) values ($1, to_timestamp($2), $3)', [
      first,
      start / 1000,
      JSON.stringify({ ...measured(start), verdict: { ruling: 'something new' } }),
    ]);
    const asked = { rolloutId: first, limit: 1 };
    expect(await store.live.measurements(asked)).toMatchObject([
      { verdict: null, checks: { p99: { canary: { kind: 'value', value: 212 } } } },
    ]);
    expect(await store.live.measurements({ ...asked, judged: true })).toMatchObject([{ verdict: null }]);
  });

  it('reads what older versions kept, without step, share and verdict', async () => {
    const { step: _step, share: _share, ...old } = { ...measured(start), step: 0, share: 0 };
    await query(url, 'insert into measurement (rollout_id, at, payload) values ($1, to_timestamp($2), $3)', [
      first,
      start / 1000,
      JSON.stringify(old),
    ]);
    expect(await store.live.measurements({ rolloutId: first, limit: 1 })).toMatchObject([
      { at: start, step: null, share: null, checks: { p99: { judged: null } }, verdict: null },
    ]);
    expect(await store.live.measurements({ rolloutId: first, limit: 1, judged: true })).toEqual([]);
  });
});
