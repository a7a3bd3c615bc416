import { describe, expect, it } from 'vitest';
import { explain } from '../../src/rollout/explain.ts';
import { baking } from './drive.ts';
import { type Driven, everyPlace, places, planOf } from './places.ts';

const steps = [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '30m' }, { type: 'promote' }];

const bakingWith = (onDrift: 'pause' | 'reassert' | 'rollback') =>
  baking({ plan: planOf(steps, { onDrift }) });

async function moved(driven: Driven, share: number): Promise<Driven> {
  driven.world.share = share;
  await driven.turn();
  return driven;
}

describe('somebody else moved the weights', () => {
  it('pauses for a person when the plan says nothing', async () => {
    const driven = await moved(await baking({ plan: planOf(steps) }), 30);
    expect([driven.status(), driven.world.share]).toEqual(['paused', 30]);
  });

  it('has a canary that was raised written back with onDrift: reassert, and its step watched again', async () => {
    const driven = await bakingWith('reassert');
    driven.world.now += 60_000;
    await moved(driven, 30);
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
    expect(driven.world.rollout.state).toMatchObject({ position: { startedAt: driven.world.now } });
    const told = driven.world.events.find(({ type }) => type === 'drift.detected');
    expect(told?.message).toBe(
      "Somebody else moved the canary's weight from 5 % to 30 %; writing 5 % again, as the plan says (onDrift: reassert, 1 of 3 in 5 min).",
    );
  });

  it("is written back three times within five minutes, and is a person's to judge then", async () => {
    const driven = await bakingWith('reassert');
    for (let time = 0; time < 3; time += 1) {
      await moved(driven, 30);
      expect(driven.world.share).toBe(5);
    }
    await moved(driven, 30);
    expect([driven.status(), driven.world.share]).toEqual(['paused', 30]);
  });

  it('is written back again when the last times are long ago', async () => {
    const driven = await bakingWith('reassert');
    for (let time = 0; time < 5; time += 1) {
      await moved(driven, 30);
      driven.world.now += 150_000;
    }
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
  });

  it('says, when a person has the weight written again, that this comes next', async () => {
    const driven = await moved(await baking({ plan: planOf(steps) }), 30);
    driven.say({ action: 'resume', drift: 'reassert' });
    const { next } = explain(driven.world.rollout, driven.world.nextAt, driven.world.now);
    expect(next).toContain('writes 5 % for the canary');
  });

  it('is not written to a weight that was decided on and never reached', async () => {
    const driven = await bakingWith('reassert');
    const { rollout } = driven.world;
    driven.world.rollout = { ...rollout, traffic: { ...rollout.traffic, desired: 20 } };
    await moved(driven, 30);
    expect(driven.world.writes.at(-1)).toEqual({ share: 5, end: false });
  });

  it('never has a canary raised again that was lowered by hand', async () => {
    const driven = await moved(await bakingWith('reassert'), 2);
    expect([driven.status(), driven.world.share]).toEqual(['paused', 2]);
  });

  it.each([2, 30])('goes back at %s % with onDrift: rollback', async (share) => {
    const driven = await moved(await bakingWith('rollback'), share);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
    expect(driven.world.rollout.state).toMatchObject({ cause: { kind: 'drift', expected: 5, found: share } });
  });

  it('has no policy while rolling back: the canary gets nothing', async () => {
    const driven = await bakingWith('reassert');
    driven.say({ action: 'rollback' });
    await moved(driven, 30);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });

  it.each(everyPlace)('is answered by the plan also while it is %s', async (place) => {
    const reasserting = await places[place]({ onDrift: 'reassert' });
    const { share: before } = reasserting.world;
    if (before < 100) {
      await moved(reasserting, before + 20);
      expect(reasserting.world.share).toBe(before);
    }
    const going = await places[place]({ onDrift: 'rollback' });
    await moved(going, 1);
    expect(going.types()).toContain('rollout.rolling_back');
  });
});
