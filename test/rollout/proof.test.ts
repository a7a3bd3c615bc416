import { describe, expect, it } from 'vitest';
import { baking, drive, mood } from './drive.ts';
import { type Driven, planOf } from './places.ts';

const five = { type: 'setWeight', weight: 5 };
const twenty = { type: 'setWeight', weight: 20 };
const minute = { type: 'bake', duration: '60s' };
const promote = { type: 'promote' };
const override = { override: ['checks' as const], reason: 'CHG0041234' };
const forbidden = { kind: 'unavailable', reason: 'forbidden', why: 'may not patch' } as const;
const conflict = { kind: 'conflict' } as const;
const unproven = { kind: 'holding', reason: { kind: 'unproven', share: 5 } };

/** Too few requests for the checks although its share brings enough: says nothing, and no guard minds. */
const scarce = { ...mood.healthy, requests: 60 };

const count = (driven: Driven, wanted: string) => driven.types().filter((type) => type === wanted).length;

/** At 5 %, with so many requests on stable that a scarce canary is no lack of traffic. */
async function started(steps: unknown[]): Promise<Driven> {
  const driven = drive({ plan: planOf(steps) });
  driven.stable({ ...mood.healthy, requests: 4000 });
  await driven.turn();
  return driven;
}

/** Each way to a raise from 5 % that its bake had proven, and whose proof is gone by now. */
const raises: Record<string, () => Promise<Driven>> = {
  'after a timed pause': async () => {
    const driven = await started([five, minute, { type: 'pause', duration: '2m' }, twenty, minute, promote]);
    await driven.run(100);
    driven.canary(scarce);
    await driven.run(89);
    return driven;
  },
  'after a pause that a person ends': async () => {
    const driven = await started([five, minute, { type: 'pause' }, twenty, minute, promote]);
    await driven.run(100);
    driven.canary(scarce);
    await driven.run(20);
    driven.say({ action: 'resume' });
    return driven;
  },
  'to 100 %': async () => {
    const driven = await started([five, minute, { type: 'pause', duration: '2m' }, promote]);
    await driven.run(100);
    driven.canary(scarce);
    await driven.run(89);
    return driven;
  },
  'to 100 % with a last bake': async () => {
    const driven = await started([
      five,
      minute,
      { type: 'pause', duration: '2m' },
      { type: 'promote', bake: '2m' },
    ]);
    await driven.run(100);
    driven.canary(scarce);
    await driven.run(89);
    return driven;
  },
  'on the word of a person who promoted on proof': async () => {
    const driven = await started([five, minute, { type: 'pause' }, promote]);
    await driven.run(100);
    driven.say({ action: 'promote' });
    driven.world.now = driven.world.rollout.nextPollAt;
    driven.canary(scarce);
    return driven;
  },
  'whose write was refused': async () => {
    const driven = await started([five, minute, twenty, minute, promote]);
    await driven.run(75, { write: forbidden });
    driven.canary(scarce);
    return driven;
  },
  'whose write met another': async () => {
    const driven = await started([five, minute, twenty, minute, promote]);
    await driven.run(69);
    await driven.run(5, { write: conflict });
    driven.canary(scarce);
    return driven;
  },
  'whose write was not answered': async () => {
    const driven = await started([five, minute, twenty, minute, promote]);
    await driven.run(79, { write: { kind: 'ambiguous', why: 'no answer in 3 s' } });
    driven.canary(scarce);
    return driven;
  },
};

describe.each(Object.entries(raises))('a raise %s', (_name, build) => {
  it('waits for fresh proof, says so once, and goes on by itself', async () => {
    const driven = await build();
    const told = count(driven, 'rollout.holding');
    await driven.run(60);
    expect(driven.world.rollout.state).toMatchObject(unproven);
    expect(driven.world.share).toBe(5);
    expect(count(driven, 'rollout.holding')).toBe(told + 1);
    driven.canary(mood.healthy);
    await driven.run(10);
    expect(driven.world.share).toBeGreaterThan(5);
    expect(driven.world.events).toContainEqual(
      expect.objectContaining({ type: 'rollout.resumed', facts: { reason: { kind: 'unproven', share: 5 } } }),
    );
  });
});

describe('a raise without fresh proof', () => {
  const build = () => raises['after a timed pause']?.() ?? started([]);

  it('still ends at the deadline of the plan', async () => {
    const driven = await build();
    await driven.run(7200);
    expect(driven.world.rollout.state).toMatchObject({ kind: 'rolledBack', cause: { kind: 'deadline' } });
  });

  it('is not waived by a pause and a bare resume', async () => {
    const driven = await build();
    await driven.run(20);
    driven.say({ action: 'pause' });
    await driven.run(20);
    driven.say({ action: 'resume' });
    await driven.run(20);
    expect(driven.world.rollout.state).toMatchObject(unproven);
    expect(driven.world.share).toBe(5);
  });

  it('to 100 % is made on the word of a person who gives a reason', async () => {
    const driven = await build();
    await driven.run(20);
    driven.say({ action: 'promote', ...override });
    await driven.run(1);
    expect([driven.status(), driven.world.share]).toEqual(['succeeded', 100]);
  });

  it('after a bake that a person ended with a reason is made, and the next one is not', async () => {
    const driven = await started([
      five,
      minute,
      twenty,
      minute,
      { type: 'pause', duration: '30s' },
      { type: 'setWeight', weight: 50 },
      minute,
      promote,
    ]);
    driven.canary(scarce);
    await driven.run(20);
    driven.say({ action: 'advance', ...override });
    expect(driven.world.rollout.state).toMatchObject({
      position: { step: 2, overridden: true, bakeEnded: false },
    });
    await driven.run(1);
    expect(driven.world.share).toBe(20);
    expect(driven.world.rollout.state).toMatchObject({
      position: { step: 3, overridden: false, bakeEnded: false },
    });
    driven.canary(mood.healthy);
    await driven.run(70);
    driven.canary(scarce);
    driven.stable({ ...mood.healthy, requests: 500 });
    await driven.run(60);
    expect(driven.world.rollout.state).toMatchObject({ reason: { kind: 'unproven', share: 20 } });
  });

  it('on the word of a person, once waived, is made also when its write has to be repeated', async () => {
    const driven = await started([five, minute, twenty, minute, promote]);
    driven.canary(scarce);
    await driven.run(20);
    driven.say({ action: 'advance', ...override });
    await driven.run(30, { write: forbidden });
    await driven.run(10);
    expect(driven.world.share).toBe(20);
  });

  it('skipped into a step that sets no weight waives nothing beyond that step', async () => {
    const driven = await started([five, minute, { type: 'pause', duration: '60s' }, twenty, minute, promote]);
    driven.canary(scarce);
    await driven.run(20);
    driven.say({ action: 'advance', ...override });
    await driven.run(70);
    expect(driven.world.rollout.state).toMatchObject(unproven);
  });

  it('is never the first one: nothing can be proven at 0 %', async () => {
    const driven = await started([five, minute, promote]);
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
  });
});

describe('proof', () => {
  /** The bake is over; the last poll was so long ago, and the next is not due at this turn. */
  async function lastPolled(secondsAgo: number): Promise<Driven> {
    const driven = await baking({ plan: planOf([five, minute, twenty, minute, promote]) });
    await driven.run(69);
    await driven.run(1, { write: conflict });
    driven.world.now = driven.world.rollout.nextPollAt - 10_000 + secondsAgo * 1000;
    const { rollout } = driven.world;
    driven.world.rollout = { ...rollout, nextPollAt: driven.world.now + 10_000 };
    await driven.turn();
    return driven;
  }

  it.each([
    [1, 20],
    [20, 20],
    [20.001, 5],
    [300, 5],
  ])('that is %d s old leaves a raise to 20 at %d: after two polls it is stale', async (secondsAgo, share) => {
    expect((await lastPolled(secondsAgo)).world.share).toBe(share);
  });
});
