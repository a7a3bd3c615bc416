import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { event } from '../../src/rollout/decision.ts';
import { holdService } from '../../src/rollout/hold-orders.ts';
import { connect } from '../../src/store/database.ts';
import { holdStore } from '../../src/store/hold-store.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { turnStore } from '../../src/store/turn-store.ts';
import { memoryHolds } from '../fakes/holds.ts';
import { aRollout, aScheduled, rolloutId, start, targetNamed } from '../fakes/rollouts.ts';
import { type Databases, majors, query, startDatabases } from './databases.ts';

const bob = { kind: 'person' as const, name: 'bob' };
const scope = { cluster: 'default', namespace: 'payment-prod' };

describe.each(majors)('a namespace in an emergency, on PostgreSQL %i,', (major) => {
  let databases: Databases;

  beforeAll(async () => {
    databases = await startDatabases(major);
  });
  afterAll(() => databases.stop());

  it('goes back although one of its rollouts was written by a newer version', async () => {
    const url = await databases.fresh();
    const database = connect(url);
    const rollouts = rolloutStore(database.db);
    for (const number of [1, 2]) {
      await rollouts.create(
        aRollout({ id: rolloutId(number), target: targetNamed(`service-${number}`) }),
        [],
        null,
      );
    }
    await rollouts.create(aScheduled({ id: rolloutId(3) }), [], null);
    const newer = `update rollout set document = document || '{"learnedLater":1}' where id = $1`;
    await query(url, newer, [rolloutId(2)]);
    const deps = { holds: memoryHolds(() => start), rollouts, clusters: ['default'], newId: () => 'ho_1' };
    const answer = await holdService(deps).rollBack(scope, 'outage', bob);
    await database.close();
    expect(answer).toEqual({
      kind: 'rolledBack',
      rollouts: [
        { id: rolloutId(3), outcome: 'cancelled', why: null },
        { id: rolloutId(2), outcome: 'refused', why: expect.stringContaining('move its weight by hand') },
        { id: rolloutId(1), outcome: 'rollingBack', why: null },
      ],
    });
  });

  it('is stopped, too, where a turn takes seconds to write', async () => {
    const url = await databases.fresh();
    const database = connect(url);
    const turns = turnStore(database.db);
    await rolloutStore(database.db).create(aRollout(), [], null);
    const claim = await turns.claim(rolloutId(1), 'worker', 15);
    const writer = new pg.Client({ connectionString: url });
    await writer.connect();
    await writer.query('begin');
    await writer.query('select from rollout for update');
    const order = { id: 'ho_01KB4ZJ5Q8X2V7N3M6R9T0W1YC', ...scope, by: bob, reason: null };
    const placing = holdStore(database.db).place(order, event('hold.placed', 'bob stopped everything'));
    await writer.query('select pg_sleep(2)');
    await writer.query('commit');
    await writer.end();
    await placing;
    const nextAt = claim?.now ?? 0;
    const change = { rollout: aRollout(), events: [], measurements: null, nextAt, release: true };
    const saved = await turns.save(rolloutId(1), claim?.epoch ?? 0, change);
    await database.close();
    expect(saved.kind).toBe('fenced');
  });

  it('is only what lies in its scope and has not ended', async () => {
    const database = connect(await databases.fresh());
    const rollouts = rolloutStore(database.db);
    await rollouts.create(aRollout(), [], null);
    const found = await Promise.all([
      rollouts.liveIn({ cluster: null, namespace: null }),
      rollouts.liveIn(scope),
      rollouts.liveIn({ cluster: 'eu', namespace: null }),
      rollouts.liveIn({ cluster: null, namespace: 'ledger' }),
    ]);
    const ended = aRollout({ state: { kind: 'cancelled', at: start, by: bob, reason: null } });
    const change = { rollout: ended, events: [], nextAt: null };
    await rollouts.command(ended.id, () => ({ change, answer: null, remember: null }));
    found.push(await rollouts.liveIn(scope));
    await database.close();
    expect(found).toEqual([[rolloutId(1)], [rolloutId(1)], [], [], []]);
  });
});
