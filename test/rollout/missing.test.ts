import { describe, expect, it } from 'vitest';
import { statusReasonOf } from '../../src/rollout/status-reason.ts';
import { baking, mood, start } from './drive.ts';
import { type Driven, places } from './places.ts';

const gone = { view: { kind: 'missing' } } as const;
const recreated = { view: { uid: 'another', owner: null } };
const secondsOf = ({ world }: Driven) => (world.now - start) / 1000;
const count = (driven: Driven, wanted: string) => driven.types().filter((type) => type === wanted).length;

/** Rolled back by a person; the first turn back is still to come. */
async function turned(): Promise<Driven> {
  const driven = await baking();
  driven.say({ action: 'rollback' });
  return driven;
}

describe('a VirtualService that is gone', () => {
  // The last good poll is at 10 s, so it is first missed at 20 s.
  it.each([
    'running',
    'holding',
    'promoting',
  ] as const)('holds a %s rollout, and says so once', async (place) => {
    const driven = await places[place]();
    const told = count(driven, 'rollout.holding');
    await driven.run(69, gone);
    expect([driven.status(), secondsOf(driven)]).toEqual(['holding', 79]);
    expect(driven.world.rollout.state).toMatchObject({
      reason: { kind: 'targetMissing', since: start + 20_000 },
    });
    expect([count(driven, 'rollout.holding') - told, count(driven, 'page')]).toEqual([1, 0]);
    expect(driven.lastMessage()).toBe('Holding: the VirtualService is gone since 10:00:20Z.');
  });

  it.each([
    'running',
    'holding',
    'promoting',
  ] as const)('for 60 s sends a %s rollout back, and somebody is paged at once', async (place) => {
    const driven = await places[place]();
    await driven.run(70, gone);
    expect([driven.status(), statusReasonOf(driven.world.rollout)]).toEqual([
      'rolling_back',
      'target_missing',
    ]);
    expect([count(driven, 'rollout.stuck'), count(driven, 'page')]).toEqual([1, 1]);
    expect(driven.lastMessage()).toContain(
      'Cannot finish rolling back: the VirtualService is gone since 10:01:20Z: put it back, or it counts as gone for good;',
    );
  });

  it.each([
    'running',
    'holding',
    'promoting',
  ] as const)('for 60 s more ends a %s rollout as rollback_failed', async (place) => {
    const driven = await places[place]();
    await driven.run(129, gone);
    expect(driven.status()).toBe('rolling_back');
    await driven.run(30, gone);
    expect([driven.status(), count(driven, 'rollout.stuck'), count(driven, 'page')]).toEqual([
      'rollback_failed',
      1,
      2,
    ]);
    expect(driven.world.rollout.state).toMatchObject({ cause: { kind: 'targetMissing' } });
    expect(driven.lastMessage()).toBe(
      'Rollback failed: the VirtualService is gone, so no weight can be restored.',
    );
  });

  it('sends a paused rollout back at once, somebody is paged, and 60 s later it is gone for good', async () => {
    const driven = await places.paused();
    await driven.run(10, gone);
    expect([statusReasonOf(driven.world.rollout), count(driven, 'page')]).toEqual(['target_missing', 1]);
    await driven.run(59, gone);
    expect(driven.status()).toBe('rolling_back');
    await driven.run(20, gone);
    expect([driven.status(), count(driven, 'page')]).toEqual(['rollback_failed', 2]);
    expect(driven.world.rollout.state).toMatchObject({ cause: { kind: 'targetMissing' } });
  });

  it('sticks a rollback under way at once, and ends it 60 s later', async () => {
    const driven = await turned();
    await driven.turn(gone);
    expect([statusReasonOf(driven.world.rollout), count(driven, 'page')]).toEqual(['target_missing', 1]);
    await driven.run(59, gone);
    expect([driven.status(), count(driven, 'page')]).toEqual(['rolling_back', 1]);
    await driven.run(20, gone);
    expect([driven.status(), driven.world.writes.length]).toEqual(['rollback_failed', 1]);
    expect(driven.world.rollout.state).toMatchObject({ cause: { kind: 'operator' } });
  });

  it('does not stop the guards', async () => {
    const driven = await places.running();
    driven.canary(mood.failing);
    await driven.run(20, gone);
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'rollingBack',
      cause: { kind: 'severeErrors' },
      stuck: { kind: 'targetMissing' },
    });
  });

  it('and back as it was goes on by itself', async () => {
    const driven = await places.running();
    await driven.run(60, gone);
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
    expect(driven.lastMessage()).toBe('Going on: what held the rollout is over.');
  });

  it('counts its minute anew each time it goes', async () => {
    const driven = await places.running();
    await driven.run(60, gone);
    await driven.run(10);
    await driven.run(60, gone);
    expect(driven.status()).toBe('holding');
  });

  it('is looked for once more when only the write did not find it', async () => {
    const driven = await turned();
    await driven.turn({ write: gone.view });
    expect(driven.status()).toBe('rolling_back');
    await driven.run(1);
    expect(driven.status()).toBe('rolled_back');
  });
});

describe('a VirtualService that was made anew', () => {
  it('is adopted on the way back', async () => {
    const driven = await turned();
    await driven.turn(recreated);
    expect([driven.status(), driven.world.writes.at(-1)]).toEqual(['rolled_back', { share: 0, end: true }]);
  });

  it('within a minute of being gone is adopted on the way back', async () => {
    const driven = await turned();
    await driven.run(50, gone);
    expect(statusReasonOf(driven.world.rollout)).toBe('target_missing');
    await driven.run(30, recreated);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });

  it('within two minutes of being gone is adopted on the way back that its absence began', async () => {
    const driven = await places.running();
    await driven.run(100, gone);
    expect(driven.status()).toBe('rolling_back');
    await driven.run(30, recreated);
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'rolledBack',
      cause: { kind: 'targetMissing' },
    });
  });

  it('pauses the way forward, writes nothing, and says so once', async () => {
    const driven = await baking();
    await driven.run(60, recreated);
    expect([driven.status(), driven.world.writes.length]).toEqual(['paused', 1]);
    expect(driven.lastMessage()).toBe('The VirtualService was deleted and created anew.');
    expect(count(driven, 'rollout.paused')).toBe(1);
  });

  it('within a minute of being gone pauses the way forward', async () => {
    const driven = await places.running();
    await driven.run(60, gone);
    await driven.run(10, recreated);
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'paused',
      reason: { kind: 'recreated', uid: 'another' },
    });
    expect(driven.world.writes).toHaveLength(1);
  });

  it('is adopted when a person resumes', async () => {
    const driven = await baking();
    await driven.run(10, recreated);
    driven.say({ action: 'resume' });
    await driven.run(10, recreated);
    expect([driven.status(), driven.world.rollout.target.uid]).toEqual(['running', 'another']);
  });
});
