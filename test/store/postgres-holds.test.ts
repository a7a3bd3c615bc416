import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { event } from '../../src/rollout/decision.ts';
import { holdStore } from '../../src/store/hold-store.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { turnStore } from '../../src/store/turn-store.ts';
import { holdContract, holdId, orderOf } from '../contract/hold-contract.ts';
import { aRollout, rolloutId, targetNamed } from '../fakes/rollouts.ts';
import { freshDatabases, majors, query } from './databases.ts';

const placed = event('hold.placed', 'bob stopped every move forward in all clusters');
const lifted = event('hold.lifted', 'bob let rollouts in all clusters go on again');

describe.each(majors)('hold orders on PostgreSQL %i', (major) => {
  const fresh = freshDatabases(major);
  let url: string;

  async function open() {
    const { db, ...opened } = await fresh();
    url = opened.url;
    return { holds: holdStore(db), turns: turnStore(db), rollouts: rolloutStore(db) };
  }

  holdContract(async () => (await open()).holds);

  /** A live rollout in payment-prod. */
  async function withRollout() {
    const parts = await open();
    await parts.rollouts.create(aRollout(), [], null);
    return parts;
  }

  it.each([
    ['everywhere', {}, true],
    ['in its cluster', { cluster: 'default' }, true],
    ['in its namespace', { namespace: 'payment-prod' }, true],
    ['in its namespace of its cluster', { cluster: 'default', namespace: 'payment-prod' }, true],
    ['in another cluster', { cluster: 'eu' }, false],
    ['in another namespace', { namespace: 'ledger' }, false],
    ['in its namespace of another cluster', { cluster: 'eu', namespace: 'payment-prod' }, false],
  ])('that stand %s are what a turn that is claimed gets to see', async (_where, scope, isSeen) => {
    const { holds, turns } = await withRollout();
    await holds.place(orderOf(1, scope), placed);
    const claim = await turns.claim(rolloutId(1), 'worker', 15);
    expect(claim?.order?.id ?? null).toBe(isSeen ? holdId(1) : null);
  });

  it('stand also when a newer version placed them in a way that this one does not know', async () => {
    const { holds, turns } = await withRollout();
    await holds.place(orderOf(1), placed);
    await query(url, 'alter table hold drop constraint hold_by_kind_check');
    await query(url, "update hold set by_kind = 'robot'");
    const claim = await turns.claim(rolloutId(1), 'worker', 15);
    expect(claim?.order).toMatchObject({ id: holdId(1), by: { kind: 'machine' } });
  });

  it('fence the turn that is under way, and make its rollout due at once', async () => {
    const { holds, turns } = await withRollout();
    const claim = await turns.claim(rolloutId(1), 'worker', 15);
    await holds.place(orderOf(1), placed);
    const change = {
      rollout: aRollout(),
      events: [],
      measurements: null,
      nextAt: claim?.now ?? 0,
      release: true,
    };
    expect(await turns.save(rolloutId(1), claim?.epoch ?? 0, change)).toEqual({ kind: 'fenced' });
    expect(await turns.due(10)).toEqual([rolloutId(1)]);
  });

  it('leave turns of other scopes alone', async () => {
    const { holds, turns } = await withRollout();
    const claim = await turns.claim(rolloutId(1), 'worker', 15);
    await holds.place(orderOf(1, { namespace: 'ledger' }), placed);
    const change = {
      rollout: aRollout(),
      events: [],
      measurements: null,
      nextAt: claim?.now ?? 0,
      release: true,
    };
    expect((await turns.save(rolloutId(1), claim?.epoch ?? 0, change)).kind).toBe('saved');
  });

  it('wait for a rollout that is being written just now, and stop the others meanwhile', async () => {
    const { holds, turns, rollouts } = await withRollout();
    await rollouts.create(aRollout({ id: rolloutId(2), target: targetNamed('ledger') }), [], null);
    for (const id of [rolloutId(1), rolloutId(2)]) await turns.claim(id, 'worker', 15);
    const writer = new pg.Client({ connectionString: url });
    await writer.connect();
    await writer.query('begin');
    await writer.query('select 1 from rollout where id = $1 for update', [rolloutId(1)]);
    const placing = holds.place(orderOf(1), placed);
    await expect.poll(() => turns.due(10)).toEqual([rolloutId(2)]);
    await writer.query('commit');
    await writer.end();
    await placing;
    expect((await turns.due(10)).sort()).toEqual([rolloutId(1), rolloutId(2)]);
  });

  it('make their rollouts due again when they are lifted', async () => {
    const { holds, turns } = await withRollout();
    await holds.place(orderOf(1), placed);
    await turns.claim(rolloutId(1), 'worker', 15);
    expect(await turns.due(10)).toEqual([]);
    await holds.lift(holdId(1), { kind: 'person', name: 'bob' }, () => lifted);
    expect(await turns.due(10)).toEqual([rolloutId(1)]);
  });

  it('are in the audit log, about the scope and not about a rollout', async () => {
    const { holds, rollouts } = await open();
    await holds.place(orderOf(1, { namespace: 'payments' }), placed);
    await holds.place(orderOf(2, { namespace: 'payments' }), placed);
    await holds.lift(holdId(1), { kind: 'person', name: 'bob' }, () => lifted);
    expect(await rollouts.audit({ limit: 10 })).toMatchObject([
      { type: 'hold.placed', rolloutId: null, subject: 'hold/namespace/payments', seq: 0 },
      { type: 'hold.lifted', rolloutId: null, subject: 'hold/namespace/payments', seq: 0 },
    ]);
  });

  it('are placed once by many who place them at the same moment', async () => {
    const { holds } = await open();
    const answers = await Promise.all([1, 2, 3, 4, 5].map((number) => holds.place(orderOf(number), placed)));
    expect(answers.filter(({ kind }) => kind === 'placed')).toHaveLength(1);
    expect(new Set(answers.map(({ order }) => order.id)).size).toBe(1);
    expect(await query(url, 'select 1 from hold where lifted_at is null')).toHaveLength(1);
  });
});
