import { describe, expect, it } from 'vitest';
import type { Readiness, SplitView } from '../../src/rollout/ports/mesh.ts';
import { rolloutId } from '../fakes/rollouts.ts';
import { baking, drive, mood, noneReady, start } from './drive.ts';
import { type Driven, everyPlace, places, planOf } from './places.ts';

const forbidden = { kind: 'unavailable', reason: 'forbidden', why: 'may not patch' } as const;
const unreadable = { kind: 'unavailable', reason: 'timeout', why: 'no answer' } as const;
const conflict = { kind: 'conflict' } as const;
const gap = {
  kind: 'shape',
  fault: { code: 'route-not-found', path: 'spec.http', message: 'no route' },
} as const;

const count = (driven: Driven, wanted: string) => driven.types().filter((type) => type === wanted).length;

function stuckOf({ world }: Driven): string | null {
  const { state } = world.rollout;
  return state.kind === 'rollingBack' ? (state.stuck?.kind ?? null) : null;
}

/** Rolled back by a person at 0 s; the first turn back is still to come. */
async function turned(): Promise<Driven> {
  const driven = await baking();
  driven.say({ action: 'rollback' });
  return driven;
}

/** A canary that fails its checks from the first poll on; canaryd itself turns back at 20 s. */
async function failing(): Promise<Driven> {
  const driven = await baking();
  driven.canary(mood.failing);
  await driven.run(19);
  return driven;
}

describe('going back', () => {
  it('writes 0 % in the form that the weights had before, and ends when that is read back', async () => {
    const driven = await turned();
    await driven.turn();
    expect(driven.world.writes.at(-1)).toEqual({ share: 0, end: true });
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });

  it('writes even when the canary has nothing: an earlier patch may still be on its way', async () => {
    const driven = await baking();
    driven.world.share = 0;
    driven.say({ action: 'rollback' });
    await driven.turn();
    expect(driven.world.writes.slice(1)).toEqual([{ share: 0, end: true }]);
    expect(driven.status()).toBe('rolled_back');
  });

  it('says in the audit log what it found when nobody had read back the write before it', async () => {
    const driven = await baking();
    driven.world.share = 20;
    driven.say({ action: 'rollback' });
    await driven.turn();
    const told = driven.world.events.filter(({ type }) => type.startsWith('weight.')).slice(-2);
    expect(told.map(({ type, facts }) => [type, facts['from'], facts['to']])).toEqual([
      ['weight.found', 5, 20],
      ['weight.applied', 20, 0],
    ]);
  });

  it('before anything was written cancels, and still writes nothing', async () => {
    const driven = drive();
    driven.say({ action: 'rollback', reason: 'wrong version' });
    await driven.turn();
    expect([driven.status(), driven.world.writes]).toEqual(['cancelled', []]);
    expect(driven.world.rollout.state).toMatchObject({ by: { name: 'alice' }, reason: 'wrong version' });
    expect(driven.lastMessage()).toBe('Cancelled by alice, no traffic was moved: wrong version.');
  });

  it('writes from the first turn on, even before its first weight has arrived', async () => {
    const driven = drive();
    await driven.turn({ write: { kind: 'ambiguous', why: 'no answer in 3 s' } });
    driven.say({ action: 'rollback' });
    await driven.turn();
    expect([driven.status(), driven.world.writes.at(-1)]).toEqual(['rolled_back', { share: 0, end: true }]);
  });

  it('has not ended while the answer still shows a share', async () => {
    const driven = await turned();
    await driven.turn({ write: { kind: 'applied', canaryShare: 5 } });
    expect(driven.status()).toBe('rolling_back');
    await driven.run(1);
    expect(driven.status()).toBe('rolled_back');
  });

  it('whose answer was lost ends at the next look, without another write', async () => {
    const driven = await turned();
    await driven.turn({ write: 'lost' });
    expect([driven.status(), driven.world.share]).toEqual(['rolling_back', 0]);
    await driven.run(1);
    expect([driven.status(), driven.world.writes.length]).toEqual(['rolled_back', 2]);
    expect(driven.world.rollout.traffic).toMatchObject({ desired: 0, applied: 0, intent: null });
    expect(driven.types().slice(-2)).toEqual(['weight.applied', 'rollout.rolled_back']);
    expect(driven.lastMessage()).toBe('Rolled back: all traffic on v1 (stable); alice asked for it.');
  });

  it('ends although every answer is lost for ever', async () => {
    const driven = await baking();
    driven.canary(mood.failing);
    await driven.run(60, { write: 'lost' });
    expect([driven.status(), driven.world.share, driven.world.writes.length]).toEqual(['rolled_back', 0, 2]);
  });

  it('reads no metrics', async () => {
    const driven = await turned();
    const asked = driven.metrics.asked.length;
    await driven.run(600, { write: forbidden });
    expect(driven.metrics.asked).toHaveLength(asked);
  });

  it.each(
    everyPlace,
  )('starts from a %s rollout when the deadline, a pause or an approval runs out', async (place) => {
    const driven = await places[place]({ deadline: '1h', pauseExpiry: '1h', metricsDown: 'page' });
    driven.canary({ ...mood.healthy, requests: 60 });
    driven.stable({ ...mood.healthy, requests: 100 });
    // An approval is given its own hour, from when it was asked for.
    const askedAt = driven.world.rollout.approvals[0]?.requestedAt ?? start;
    await driven.run((askedAt - driven.world.now) / 1000 + 3590);
    expect(driven.world.share).toBeGreaterThan(0);
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
    expect(driven.world.now - askedAt).toBe(3_600_000);
  });
});

describe('0 % in the mesh', () => {
  const id = rolloutId(1);

  /** The first turn back had this epoch, and its write came to nothing. */
  async function firstTurnBack(): Promise<{ driven: Driven; firstEpoch: number }> {
    const driven = await turned();
    await driven.turn({ write: forbidden });
    return { driven, firstEpoch: driven.world.epoch };
  }

  it.each([
    ['the epoch of the first turn back', 0],
    ['a later one', 1],
  ])('with our id and %s is the end', async (_name, above) => {
    const { driven, firstEpoch } = await firstTurnBack();
    const owner = { rolloutId: id, epoch: firstEpoch + above };
    await driven.turn({ view: { canaryShare: 0, owner }, write: forbidden });
    expect(driven.status()).toBe('rolled_back');
  });

  it.each<[string, (firstEpoch: number) => { canaryShare: number; owner: SplitView['owner'] }]>([
    [
      'from before the rollback',
      (firstEpoch) => ({ canaryShare: 0, owner: { rolloutId: id, epoch: firstEpoch - 1 } }),
    ],
    [
      'of another rollout',
      (firstEpoch) => ({ canaryShare: 0, owner: { rolloutId: rolloutId(2), epoch: firstEpoch } }),
    ],
    ['of nobody', () => ({ canaryShare: 0, owner: null })],
    [
      'that is none, but a share above it',
      (firstEpoch) => ({ canaryShare: 0.01, owner: { rolloutId: id, epoch: firstEpoch } }),
    ],
  ])('%s is written once more: a patch from before may still be on its way', async (_name, viewOf) => {
    const { driven, firstEpoch } = await firstTurnBack();
    await driven.turn({ view: viewOf(firstEpoch), write: forbidden });
    expect(driven.status()).toBe('rolling_back');
    expect(driven.world.writes.slice(1)).toEqual([
      { share: 0, end: true },
      { share: 0, end: true },
    ]);
  });
});

describe('a write back that fails', () => {
  it('is tried again after 1 s, then ever more seldom, at least every 10 s and at the very moment when somebody is to be told, for ever', async () => {
    const driven = await turned();
    const waits: number[] = [];
    const since = driven.world.now;
    const tries: number[] = [];
    for (let attempt = 0; attempt < 30; attempt += 1) {
      await driven.turn({ write: forbidden });
      const { nextAt, now } = driven.world;
      waits.push((nextAt - now) / 1000);
      driven.world.now = nextAt;
      tries.push((nextAt - since) / 1000);
    }
    expect(waits.slice(0, 5)).toEqual([1, 1, 1, 1, 1]);
    expect(Math.max(...waits)).toBe(10);
    expect(tries).toContain(60);
    expect(waits.at(-1)).toBe(10);
    await driven.run(86_400, { write: forbidden });
    await driven.run(30);
    expect(driven.status()).toBe('rolled_back');
  });

  it.each([
    ['a refusal', { write: forbidden }, 'may not patch; give canaryd that right again'],
    [
      'a conflict',
      { write: conflict },
      'somebody else keeps writing the VirtualService (who that is shows kubectl get -o yaml --show-managed-fields)',
    ],
    ['no answer', { write: { kind: 'ambiguous', why: 'no answer in 8 s' } as const }, 'no answer in 8 s'],
    ['a mesh that cannot be read', { view: unreadable }, 'no answer'],
    ['a shape that is not understood', { view: gap }, 'spec.http: no route; mend it with kubectl edit'],
  ])('by %s is stuck and pages at 60 s, once, with the reason and where traffic is', async (_name, world, why) => {
    const driven = await turned();
    await driven.run(59, world);
    expect([stuckOf(driven), count(driven, 'page')]).toEqual([null, 0]);
    await driven.run(21, world);
    expect(stuckOf(driven)).toBe('meshWriteFailed');
    await driven.run(3600, world);
    expect([count(driven, 'rollout.stuck'), count(driven, 'page')]).toEqual([1, 1]);
    expect(driven.lastMessage()).toContain(
      `Cannot finish rolling back: the weight could not be written: ${why}; 5 %`,
    );
  });

  it('is done as soon as writing works again', async () => {
    const driven = await turned();
    await driven.run(300, { write: forbidden });
    await driven.run(30);
    expect([driven.status(), stuckOf(driven)]).toEqual(['rolled_back', null]);
  });
});

describe('a stable that could not take the traffic', () => {
  const destinationGone = { view: { hasStable: false } };

  it('because its destination is gone gets no write, and somebody is paged at once, once', async () => {
    const driven = await turned();
    await driven.run(300, destinationGone);
    expect(driven.world.writes).toHaveLength(1);
    expect([stuckOf(driven), count(driven, 'page')]).toEqual(['stableMissing', 1]);
    expect(driven.lastMessage()).toContain('put it back with kubectl edit');
  });

  it('gets it when its destination is back', async () => {
    const driven = await turned();
    await driven.run(60, destinationGone);
    await driven.run(30);
    expect(driven.status()).toBe('rolled_back');
  });

  it('because it has no ready pod gets none of what canaryd decided by itself', async () => {
    const driven = await failing();
    driven.pods.stable = noneReady;
    await driven.run(300);
    expect([driven.world.share, stuckOf(driven), count(driven, 'page')]).toEqual([5, 'stableNotReady', 1]);
  });

  it('gets it when one pod is ready', async () => {
    const driven = await failing();
    driven.pods.stable = noneReady;
    await driven.run(60);
    driven.pods.stable = { kind: 'known', ready: 1, total: 3 };
    await driven.run(30);
    expect(driven.status()).toBe('rolled_back');
  });

  it.each<[string, Readiness]>([
    ['some of its pods are ready', { kind: 'known', ready: 1, total: 3 }],
    ['its pods may not be read', { kind: 'unknown', why: 'may not list pods' }],
  ])('is not assumed when %s', async (_name, stable) => {
    const driven = await failing();
    driven.pods.stable = stable;
    await driven.run(1);
    expect(driven.status()).toBe('rolled_back');
  });

  it('gets it all the same on a person’s word', async () => {
    const driven = await turned();
    driven.pods.stable = noneReady;
    await driven.turn();
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });

  it('gets it on a person’s word in the middle of a withheld rollback', async () => {
    const driven = await failing();
    driven.pods.stable = noneReady;
    await driven.run(60);
    driven.say({ action: 'rollback', reason: 'better none than wrong' });
    await driven.run(1);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });
});

describe('a person who asks for what is under way already', () => {
  it('does not start its clock anew and is not a second reason to page', async () => {
    const driven = await failing();
    await driven.run(50, { write: forbidden });
    driven.say({ action: 'rollback', reason: 'hurry.' });
    await driven.run(29, { write: forbidden });
    expect(count(driven, 'page')).toBe(1);
    driven.say({ action: 'rollback' });
    await driven.run(120, { write: forbidden });
    expect(count(driven, 'page')).toBe(1);
  });

  it('by a person’s word is told that it is so: nothing is written, nobody is disturbed', async () => {
    const driven = await turned();
    await driven.run(10, { write: forbidden });
    const { rollout, events, nextAt } = driven.world;
    const count = events.length;
    expect(driven.say({ action: 'rollback', reason: 'now!' })).toEqual({ kind: 'obeyedBefore' });
    expect(driven.world.rollout).toBe(rollout);
    expect([driven.world.events.length, driven.world.nextAt]).toEqual([count, nextAt]);
  });

  it('by canaryd’s own decision is written down once, however often it is repeated', async () => {
    const driven = await failing();
    await driven.run(10, { write: forbidden });
    const before = count(driven, 'rollout.rolling_back');
    const answers = [1, 2, 3].map(() => driven.say({ action: 'rollback' }).kind);
    expect(answers).toEqual(['obeyed', 'obeyedBefore', 'obeyedBefore']);
    expect(count(driven, 'rollout.rolling_back')).toBe(before + 1);
  });

  it('is written down by name, and the cause stays what it was', async () => {
    const driven = await failing();
    await driven.run(10, { write: forbidden });
    driven.say({ action: 'rollback', reason: 'hurry.' });
    expect(driven.world.events.at(-1)).toMatchObject({
      type: 'rollout.rolling_back',
      actor: { kind: 'person', name: 'alice' },
      message: 'Rolling back on the word of alice too: hurry.',
      facts: { cause: { kind: 'severeErrors' }, reason: 'hurry.' },
    });
    await driven.run(30);
    expect(driven.world.rollout.state).toMatchObject({ kind: 'rolledBack', cause: { kind: 'severeErrors' } });
  });
});

describe('an end', () => {
  it('expires a pause after the time of the plan', async () => {
    const plan = planOf(
      [
        { type: 'setWeight', weight: 5 },
        { type: 'bake', duration: 60 },
        { type: 'pause' },
        { type: 'promote' },
      ],
      { pauseExpiry: '2h' },
    );
    const driven = await baking({ plan });
    await driven.run(70 + 7199);
    expect(driven.status()).toBe('paused');
    await driven.run(1);
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'rolledBack',
      cause: { kind: 'expired', seconds: 7200 },
      by: { kind: 'canaryd' },
    });
  });

  it('is never left again, whatever is seen or said', async () => {
    const driven = await turned();
    await driven.turn();
    const { rollout } = driven.world;
    driven.world.share = 30;
    await driven.turn();
    for (const action of ['pause', 'resume', 'advance', 'promote', 'cancel'] as const) {
      expect(driven.say({ action }).kind).toBe('refused');
    }
    expect(driven.say({ action: 'rollback' }).kind).toBe('obeyedBefore');
    expect(driven.world.rollout).toEqual(rollout);
  });
});
