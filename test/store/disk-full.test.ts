import { describe, expect, it } from 'vitest';
import { event } from '../../src/rollout/decision.ts';
import { rolloutStore } from '../../src/store/rollout-store.ts';
import { turnStore } from '../../src/store/turn-store.ts';
import { aRollout, begun, rolloutId, start, targetNamed } from '../fakes/rollouts.ts';
import { fillDisk, freshDatabases, majors, query } from './databases.ts';

const noRoom = { code: 'databaseUnavailable', message: 'the database has no room left (53100)' };
const none = { kind: 'none' } as const;
const measurements = {
  takenAt: start,
  checks: {},
  requests: { canary: none, stable: none },
  increments: { canary: null, stable: null },
  unattributed: none,
};

describe.each(majors)('an audit log without room on PostgreSQL %i', (major) => {
  const fresh = freshDatabases(major);

  async function full() {
    const { db, url } = await fresh();
    const [rollouts, turns] = [rolloutStore(db), turnStore(db)];
    await rollouts.create(aRollout(), [event('rollout.started', 'it began')], null);
    const claim = await turns.claim(rolloutId(1), 'worker', 15);
    if (claim === null) throw new Error('not claimed');
    await query(url, fillDisk);
    const all = async () =>
      JSON.stringify([
        await query(url, 'select * from rollout order by id'),
        await query(url, 'select * from audit order by number'),
        await query(url, 'select * from measurement'),
        await query(url, 'select * from idempotency'),
      ]);
    return { rollouts, turns, epoch: claim.epoch, rollout: begun(claim.rollout), all };
  }

  it('lets nothing of a turn be written down that it could not tell of', async () => {
    const { turns, epoch, rollout, all } = await full();
    const before = await all();
    const traffic = {
      ...rollout.traffic,
      desired: 5,
      intent: { share: 5, end: false, attempts: 1, managed: false },
    };
    const change = {
      rollout: { ...rollout, traffic },
      events: [event('weight.intended', 'weight goes to 5 %')],
      measurements,
      nextAt: start,
      release: false,
    };
    await expect(turns.save(rolloutId(1), epoch, change)).rejects.toMatchObject(noRoom);
    expect(await all()).toBe(before);
  });

  it('lets no command and no new rollout be half written, and says why', async () => {
    const { rollouts, rollout, all } = await full();
    const before = await all();
    const remember = {
      principal: 'ana',
      method: 'POST',
      path: '/',
      key: 'k',
      fingerprint: 'a'.repeat(64),
      status: 202,
      body: '{}',
    };
    const events = [event('rollout.rolling_back', 'ana sent it back')];
    const commanded = rollouts.command(rolloutId(1), () => ({
      change: { rollout, events, nextAt: start },
      answer: 'done',
      remember,
    }));
    await expect(commanded).rejects.toMatchObject(noRoom);
    const created = rollouts.create(
      aRollout({ id: rolloutId(2), target: targetNamed('ledger') }),
      events,
      remember,
    );
    await expect(created).rejects.toMatchObject(noRoom);
    expect(await all()).toBe(before);
  });

  it('still lets a quiet turn keep what it measured, and every read be answered', async () => {
    const { rollouts, turns, epoch, rollout } = await full();
    const change = { rollout, events: [], measurements, nextAt: start, release: true };
    expect(await turns.save(rolloutId(1), epoch, change)).toMatchObject({ kind: 'saved' });
    expect(await rollouts.events(rolloutId(1), 0, 9)).toHaveLength(1);
  });
});
