import { describe, expect, it } from 'vitest';
import { explain } from '../../src/rollout/explain.ts';
import { imagesOf, podsOf } from '../fakes/mesh.ts';
import { rolloutId } from '../fakes/rollouts.ts';
import { baking, drive, mood, start } from './drive.ts';
import { type Driven, everyPlace, handingOver, places, planOf } from './places.ts';

const other = rolloutId(9);
const watched = [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '30m' }, { type: 'promote' }];

/** Somebody took the canary's traffic while no database could be written. */
function takeBackUnrecorded({ world }: Driven, rollout = world.rollout.id): void {
  world.share = 0;
  world.rolledBack = { rolloutId: rollout, epoch: world.epoch };
}

/** The mesh was written to in turns that a restored backup has forgotten. */
function forget({ world }: Driven, share: number): void {
  world.share = share;
  world.owner = { rolloutId: world.rollout.id, epoch: world.epoch + 10 };
}

describe('a rollback that nobody could write down', () => {
  it.each(everyPlace)('is taken up by the next turn of a rollout that is %s', async (place) => {
    const driven = await places[place]();
    takeBackUnrecorded(driven);
    await driven.turn();
    expect([driven.world.share, driven.types().includes('rollout.rolling_back')]).toEqual([0, true]);
    await driven.run(60);
    expect(['rolled_back', 'rolling_back']).toContain(driven.status());
    expect(driven.world.writes.slice(-1)).toEqual([{ share: 0, end: true }]);
  });

  it('is told with its cause, and the word in the object is taken away', async () => {
    const driven = await baking();
    takeBackUnrecorded(driven);
    await driven.turn();
    expect(driven.status()).toBe('rolled_back');
    expect(driven.world.rolledBack).toBeNull();
    const { what } = explain(driven.world.rollout, null, start);
    expect(what).toContain("somebody had taken the canary's traffic without the database");
    const moves = driven.world.events.filter(({ type }) => type.startsWith('weight.')).slice(-1);
    expect(moves.map(({ type, facts }) => [type, facts['from'], facts['to']])).toEqual([
      ['weight.found', 5, 0],
    ]);
  });

  it('outranks a database that was restored', async () => {
    const driven = await baking();
    forget(driven, 5);
    takeBackUnrecorded(driven);
    await driven.turn();
    expect(driven.world.rollout.state).toMatchObject({ kind: 'rolledBack', cause: { kind: 'outOfBand' } });
  });

  it('of another rollout is none of its business', async () => {
    const driven = await baking();
    driven.world.rolledBack = { rolloutId: other, epoch: 3 };
    await driven.turn();
    expect(driven.status()).toBe('running');
  });
});

describe('a database that is older than the mesh', () => {
  it('takes an epoch above the one that stands there, so that its writes are the newest', async () => {
    const driven = await baking();
    forget(driven, 5);
    const found = driven.world.epoch + 10;
    await driven.turn();
    expect(driven.world.epoch).toBe(found + 1);
    expect(driven.world.owner?.epoch).toBe(found + 1);
  });

  it('pauses where the canary has as much as was known, or more, and makes late writes stale', async () => {
    const driven = await baking();
    forget(driven, 20);
    await driven.turn();
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'paused',
      reason: { kind: 'stateRestored', desired: 5, found: 20 },
    });
    expect(driven.world.writes.at(-1)).toEqual({ share: 20, end: false });
    expect(driven.world.rollout.traffic.applied).toBe(20);
  });

  it('rolls back where the canary has less than was known: it may have been on its way back', async () => {
    const driven = await baking();
    forget(driven, 0);
    await driven.turn();
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'rolledBack',
      cause: { kind: 'stateRestored' },
    });
  });

  it('is noticed however many turns have raised the epoch since, and once', async () => {
    const driven = await baking();
    forget(driven, 20);
    driven.world.epoch += 100;
    await driven.turn();
    expect(driven.world.rollout.state).toMatchObject({ kind: 'paused', reason: { kind: 'stateRestored' } });
    const told = driven.types().length;
    await driven.turn();
    expect(driven.types().length).toBe(told);
  });

  it('has its time anew, so that a person is not overtaken by a deadline of before', async () => {
    const driven = await baking();
    driven.world.now = driven.world.rollout.deadlineAt + 60_000;
    forget(driven, 20);
    await driven.turn();
    await driven.run(600);
    expect(driven.status()).toBe('paused');
  });

  it('has not measured what it has forgotten: an outage of before does not count', async () => {
    const driven = await baking();
    driven.canary(mood.unavailable);
    await driven.run(600);
    driven.canary(mood.healthy);
    driven.world.now += 3_600_000;
    forget(driven, 20);
    await driven.turn();
    await driven.run(60);
    expect(driven.status()).toBe('paused');
  });

  it('goes on rolling back', async () => {
    const driven = await baking();
    driven.say({ action: 'rollback' });
    forget(driven, 5);
    await driven.turn();
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
    expect(driven.world.rollout.state).toMatchObject({ cause: { kind: 'operator' } });
  });

  it('keeps the guards on while it waits for a person', async () => {
    const driven = await baking();
    forget(driven, 20);
    await driven.turn();
    driven.canary(mood.failing);
    await driven.run(120);
    expect(driven.status()).toBe('rolled_back');
  });

  it('goes on from what stands there when a person resumes, and watches the whole step again', async () => {
    const driven = await baking();
    forget(driven, 20);
    await driven.turn();
    driven.world.now += 5000;
    driven.say({ action: 'resume' });
    const { state, traffic } = driven.world.rollout;
    expect(state).toMatchObject({ kind: 'running', position: { startedAt: driven.world.now } });
    expect(traffic.desired).toBe(20);
  });
});

describe('a database that is older than a handover', () => {
  it('goes on waiting where the canary has all traffic, and makes late writes stale', async () => {
    const driven = await handingOver();
    forget(driven, 100);
    await driven.turn();
    expect(driven.world.rollout.state).toMatchObject({ kind: 'handingOver', phase: 'waiting' });
    expect(driven.world.writes.at(-1)).toEqual({ share: 100, end: false });
  });

  it('takes it as done where stable has all traffic and runs the new images, and watches stable', async () => {
    const driven = await handingOver();
    forget(driven, 0);
    driven.images.stable = imagesOf('v2', 3);
    await driven.turn();
    expect(driven.world.rollout.state).toMatchObject({ kind: 'handingOver', phase: 'judging' });
    await driven.run(120);
    expect(driven.status()).toBe('succeeded');
  });

  it('rolls back where stable has all traffic and runs what it ran before', async () => {
    const driven = await handingOver();
    forget(driven, 0);
    await driven.turn();
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'rolledBack',
      cause: { kind: 'stateRestored', desired: 100, found: 0 },
    });
  });

  it('asks a person where stable has all traffic and runs both', async () => {
    const driven = await handingOver();
    forget(driven, 0);
    driven.images.stable = podsOf(['v1', true], ['v2', true]);
    await driven.turn();
    expect(driven.world.rollout.state).toMatchObject({ kind: 'paused', reason: { kind: 'stateRestored' } });
  });
});

describe('another rollout that wrote the VirtualService since', () => {
  it("is told of, and the weights are a person's to judge", async () => {
    const driven = await baking();
    driven.world.owner = { rolloutId: other, epoch: 99 };
    await driven.turn();
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'paused',
      reason: { kind: 'anotherRollout', rollout: other, epoch: 99 },
    });
    const { what } = explain(driven.world.rollout, null, start);
    expect(what).toContain(`nother rollout, ${other}, has written this VirtualService since (epoch 99)`);
  });

  it('pages somebody, and no clock writes over it: it waits for a person however long', async () => {
    const driven = await baking();
    driven.world.owner = { rolloutId: other, epoch: 99 };
    await driven.turn();
    expect(driven.types().filter((type) => type === 'page')).toHaveLength(1);
    await driven.run(3 * 86_400);
    expect([driven.status(), driven.world.writes.length]).toEqual(['paused', 1]);
    const { next } = explain(driven.world.rollout, null, start);
    expect(next).toContain('else only when a person says so');
  });

  it.each([
    'pause',
    'rollback',
  ] as const)('that moved the weights is answered by onDrift: %s', async (onDrift) => {
    const driven = await baking({ plan: planOf(watched, { onDrift }) });
    driven.world.share = 100;
    driven.world.owner = { rolloutId: other, epoch: 99 };
    await driven.turn();
    expect(driven.types()).toContain(onDrift === 'pause' ? 'drift.detected' : 'rollout.rolling_back');
    expect(driven.world.share).toBe(onDrift === 'pause' ? 100 : 0);
  });

  it('that took the canary to 0 is not undone by a plain resume', async () => {
    const driven = await baking();
    driven.world.share = 0;
    driven.world.owner = { rolloutId: other, epoch: 99 };
    await driven.turn();
    expect(driven.say({ action: 'resume' }).kind).toBe('refused');
    await driven.turn();
    expect(driven.world.share).toBe(0);
  });

  it('loses it again when a person resumes: what stands there is written once more', async () => {
    const driven = await baking();
    driven.world.owner = { rolloutId: other, epoch: 99 };
    await driven.turn();
    driven.say({ action: 'resume' });
    await driven.turn();
    expect([driven.status(), driven.world.owner?.rolloutId]).toEqual(['running', driven.world.rollout.id]);
  });

  it('is nothing to tell when it wrote before the first write of this one', async () => {
    const driven = drive();
    driven.world.owner = { rolloutId: other, epoch: 99 };
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
  });

  it('does not keep a rollback from taking the traffic of the canary', async () => {
    const driven = await baking();
    driven.world.owner = { rolloutId: other, epoch: 99 };
    driven.say({ action: 'rollback' });
    await driven.turn();
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });

  it('is told of once in a handover, and what stands there is taken over', async () => {
    const driven = await handingOver();
    driven.world.owner = { rolloutId: other, epoch: 99 };
    await driven.turn();
    await driven.run(60);
    expect(driven.types().filter((type) => type === 'drift.detected')).toHaveLength(1);
    expect(driven.world.owner?.rolloutId).toBe(driven.world.rollout.id);
  });
});
