import { describe, expect, it } from 'vitest';
import { Plan } from '../../src/rollout/plan.ts';
import { baking, drive, mood, start } from './drive.ts';

const five = { type: 'setWeight', weight: 5 };
const minute = { type: 'bake', duration: '60s' };
const promote = { type: 'promote' };
const forbidden = { kind: 'unavailable', reason: 'forbidden', why: 'may not patch' } as const;
const unreadable = { kind: 'unavailable', reason: 'timeout', why: 'no answer in 3 s' } as const;
const conflict = { kind: 'conflict' } as const;

function planOf(steps: unknown[], over: object = {}): Plan {
  return Plan.parse({ name: 'test', judge: 'threshold', steps, ...over });
}

/** A drive of this plan after its first turn. */
function started(steps: unknown[], over: object = {}) {
  return baking({ plan: planOf(steps, over) });
}

describe('a good release', () => {
  it('goes 5, 20, 50, 100 %, each share watched for its whole time and one full window', async () => {
    const driven = await baking();
    const shares: number[][] = [];
    for (const _step of [5, 20, 50, 100]) {
      await driven.run(69);
      shares.push([driven.world.share]);
      await driven.run(1);
    }
    expect(shares).toEqual([[5], [20], [50], [100]]);
    expect(driven.status()).toBe('succeeded');
    expect(driven.world.now - start).toBe(280_000);
  });

  it('says each thing once, in the order in which it happened', async () => {
    const driven = await baking();
    await driven.run(400);
    const raise = ['weight.intended', 'weight.applied', 'step.completed', 'step.started'];
    expect(driven.types()).toEqual([
      'rollout.started',
      'step.started',
      ...raise,
      ...['step.completed', 'step.started', ...raise],
      ...['step.completed', 'step.started', ...raise],
      ...['step.completed', 'step.started', 'rollout.promoting', 'weight.intended', 'weight.applied'],
      'rollout.succeeded',
    ]);
  });

  it('is never written twice, and its last write gives the weights the form that stays', async () => {
    const driven = await baking();
    await driven.run(400);
    expect(driven.world.writes).toEqual([
      { share: 5, end: false, managed: [] },
      { share: 20, end: false, managed: [] },
      { share: 50, end: false, managed: [] },
      { share: 100, end: false, managed: [] },
      { share: 100, end: true },
    ]);
  });

  it('is quiet between its steps: no audit row, no new revision, no write', async () => {
    const driven = await baking();
    const { rollout, events, writes } = driven.world;
    const before = { revision: rollout.revision, events: events.length, writes: writes.length };
    await driven.run(60);
    const after = driven.world;
    expect({
      revision: after.rollout.revision,
      events: after.events.length,
      writes: after.writes.length,
    }).toEqual(before);
    expect(after.rollout.watch.lastPollAt).toBe(start + 60_000);
  });
});

describe('polls', () => {
  const polledAt = ({ metrics }: Awaited<ReturnType<typeof baking>>) =>
    metrics.asked.slice(1).map(({ at }) => (at - start) / 1000);

  it('keep the rhythm of the plan, also around a turn in between', async () => {
    const driven = await baking();
    await driven.run(13);
    driven.say({ action: 'pause' });
    await driven.run(20);
    expect(polledAt(driven)).toEqual([10, 20, 30]);
  });

  it('that were missed are not made up for', async () => {
    const driven = await baking();
    driven.world.now += 300_000;
    await driven.turn();
    await driven.run(20);
    expect(polledAt(driven)).toEqual([300, 310, 320]);
  });
});

describe('a bake ends', () => {
  it('not before its time, however good the data', async () => {
    const driven = await started([five, { type: 'bake', duration: '5m' }, promote]);
    await driven.run(299);
    expect(driven.world.share).toBe(5);
    await driven.run(1);
    expect(driven.status()).toBe('succeeded');
  });

  it('not before its windows lie wholly after the weight, one scrape included', async () => {
    const driven = await started([five, minute, promote], { interval: 1 });
    await driven.run(60);
    expect(driven.world.share).toBe(5);
    await driven.run(1);
    expect(driven.status()).toBe('succeeded');
  });

  it('not on a failing measurement, but on the next one that passes', async () => {
    const driven = await baking();
    await driven.run(60);
    driven.canary({ ...mood.healthy, errorRatio: 0.02 });
    await driven.run(10);
    expect(driven.world.share).toBe(5);
    driven.canary(mood.healthy);
    await driven.run(10);
    expect(driven.world.share).toBe(20);
  });

  it('not while one of its checks has too few requests, for as long as that takes', async () => {
    const checks = { errors: { metric: 'errorRate' }, p99: { metric: 'p99LatencyMs', minRequests: 400 } };
    const driven = await started([five, minute, promote], { checks });
    driven.stable({ ...mood.healthy, requests: 20_000 });
    driven.canary({ ...mood.healthy, requests: 399 });
    await driven.run(1800);
    expect([driven.world.share, driven.status()]).toEqual([5, 'running']);
    driven.canary({ ...mood.healthy, requests: 400 });
    await driven.run(10);
    expect(driven.status()).toBe('succeeded');
  });

  it.each([
    ['not a number', Number.NaN],
    ['below 0', -1],
  ])('not on a value that is %s', async (_name, p99Ms) => {
    const driven = await baking();
    driven.canary({ ...mood.healthy, p99Ms });
    await driven.run(300);
    expect([driven.world.share, driven.status()]).toEqual([5, 'holding']);
  });
});

describe('a pause of the plan', () => {
  it('with a time goes on by itself when that time is over', async () => {
    const driven = await started([five, minute, { type: 'pause', duration: '2m' }, promote]);
    await driven.run(189);
    expect([driven.world.share, driven.status()]).toEqual([5, 'running']);
    await driven.run(1);
    expect(driven.status()).toBe('succeeded');
  });

  it('without a time waits for a person, and goes on with the next step on their word', async () => {
    const driven = await started([five, minute, { type: 'pause' }, promote]);
    await driven.run(3600);
    expect([driven.world.share, driven.status()]).toEqual([5, 'paused']);
    driven.say({ action: 'resume' });
    await driven.run(1);
    expect(driven.status()).toBe('succeeded');
  });

  it('before the first weight moves nothing until it is over', async () => {
    const driven = await started([{ type: 'pause', duration: '1m' }, five, minute, promote]);
    await driven.run(59);
    expect(driven.world.writes).toEqual([]);
    await driven.run(1);
    expect(driven.world.share).toBe(5);
  });
});

describe('promote', () => {
  it('without a bake goes to 100 % and ends with the same write', async () => {
    const driven = await started([five, minute, promote]);
    await driven.run(70);
    expect(driven.world.writes.at(-1)).toEqual({ share: 100, end: true });
    expect(driven.status()).toBe('succeeded');
  });

  it('with a bake is watched at 100 % for its whole time, counted from the arrival of the weight', async () => {
    const driven = await started([five, minute, { type: 'promote', bake: '2m' }]);
    await driven.run(69);
    await driven.run(2, { write: conflict });
    expect([driven.world.share, driven.status()]).toEqual([5, 'promoting']);
    await driven.run(1);
    expect(driven.world.rollout.traffic.appliedAt).toBe(start + 71_500);
    await driven.run(118);
    expect([driven.world.share, driven.status()]).toEqual([100, 'promoting']);
    await driven.run(11);
    expect(driven.status()).toBe('succeeded');
  });

  it('is not finished by data that is missing', async () => {
    const driven = await started([five, minute, { type: 'promote', bake: '1m' }]);
    await driven.run(70);
    driven.metrics.breakDown();
    await driven.run(300);
    expect([driven.world.share, driven.status()]).toEqual([100, 'holding']);
  });
});

describe('a write', () => {
  it('that meets somebody else’s is repeated a quarter of a second later, and asked for only once', async () => {
    const driven = drive();
    await driven.turn({ write: conflict });
    expect([driven.status(), driven.world.nextAt - driven.world.now]).toEqual(['running', 250]);
    await driven.run(1, { write: conflict });
    await driven.run(1);
    expect(driven.world.share).toBe(5);
    expect(driven.types().filter((type) => type === 'weight.intended')).toHaveLength(1);
  });

  it('that keeps meeting somebody else’s is repeated ever more seldom, and the fifth in a row holds', async () => {
    const driven = drive();
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      expect(driven.types()).not.toContain('rollout.holding');
      await driven.turn({ write: conflict });
      waits.push(driven.world.nextAt - driven.world.now);
      driven.world.now = driven.world.nextAt;
    }
    expect(waits.slice(0, 4)).toEqual([250, 500, 750, 1000]);
    expect([driven.status(), driven.world.nextAt]).toEqual(['holding', driven.world.rollout.nextPollAt]);
    expect(driven.lastMessage()).toBe(
      'Holding: the weight could not be written: somebody else keeps writing the VirtualService (who that is shows kubectl get -o yaml --show-managed-fields).',
    );
    await driven.run(60, { write: conflict });
    expect(driven.types().filter((type) => type === 'rollout.holding')).toHaveLength(1);
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
  });

  it('that arrived forgets the conflicts before it, also of the same weight', async () => {
    const driven = drive();
    await driven.run(2, { write: conflict });
    expect(driven.world.rollout.traffic.intent).toMatchObject({ share: 5, attempts: 4 });
    await driven.run(10);
    driven.world.share = 30;
    await driven.run(10);
    driven.say({ action: 'resume', drift: 'reassert' });
    driven.world.now = driven.world.nextAt;
    await driven.turn({ write: conflict });
    expect([driven.status(), driven.world.nextAt - driven.world.now]).toEqual(['running', 250]);
    expect(driven.world.rollout.traffic.intent).toMatchObject({ share: 5, attempts: 1 });
  });

  it('whose answer was lost is written again on top of what is found, and counts once it is read back', async () => {
    const driven = drive();
    await driven.turn({ write: 'lost' });
    expect(driven.world.rollout.traffic).toMatchObject({
      applied: 0,
      intent: { share: 5, end: false, attempts: 1, managed: false },
    });
    await driven.run(1);
    expect(driven.world.rollout.traffic).toMatchObject({ applied: 5, intent: null });
    expect(driven.world.writes).toHaveLength(2);
  });

  it('that is forbidden holds with the reason, is tried at each poll, and says so only once', async () => {
    const driven = drive();
    await driven.turn({ write: forbidden });
    expect(driven.status()).toBe('holding');
    expect(driven.lastMessage()).toBe(
      'Holding: the weight could not be written: may not patch; give canaryd that right again.',
    );
    const { revision } = driven.world.rollout;
    await driven.run(60, { write: forbidden });
    expect(driven.world.writes).toHaveLength(7);
    expect(driven.types().filter((type) => type === 'rollout.holding')).toHaveLength(1);
    expect(driven.types()).not.toContain('rollout.resumed');
    expect(driven.world.rollout.revision).toBe(revision);
  });

  it('that is allowed again goes on by itself', async () => {
    const driven = drive();
    await driven.turn({ write: forbidden });
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
    expect(driven.types().slice(-4)).toEqual([
      'rollout.resumed',
      'weight.applied',
      'step.completed',
      'step.started',
    ]);
  });

  it('that answers another weight than was asked for is no arrival', async () => {
    const driven = await started([five, minute, promote]);
    await driven.run(69);
    await driven.run(1, { write: { kind: 'applied', canaryShare: 5 } });
    expect(driven.status()).toBe('promoting');
    expect(driven.types()).not.toContain('rollout.succeeded');
  });
});

describe('a mesh that cannot be read', () => {
  it('holds, and goes on by itself when it can be read again', async () => {
    const driven = await baking();
    await driven.run(10, { view: unreadable });
    expect(driven.status()).toBe('holding');
    expect(driven.lastMessage()).toBe('Holding: the VirtualService cannot be read: no answer in 3 s.');
    await driven.run(10);
    expect(driven.status()).toBe('running');
  });

  it('stops the clock of the step while it lasts', async () => {
    const driven = await baking();
    await driven.run(20);
    await driven.run(30, { view: unreadable });
    await driven.run(39);
    expect(driven.world.share).toBe(5);
    await driven.run(1);
    expect([driven.world.share, driven.world.now - start]).toEqual([20, 90_000]);
  });

  it('does not stop the guards', async () => {
    const driven = await baking();
    driven.canary(mood.failing);
    await driven.run(20, { view: unreadable });
    expect(driven.status()).toBe('rolling_back');
  });

  it('expects no requests of a weight that it does not know to have arrived', async () => {
    const driven = drive();
    await driven.turn({ write: { kind: 'ambiguous', why: 'no answer in 3 s' } });
    driven.stable({ ...mood.healthy, requests: 20_000 });
    await driven.run(300, { view: unreadable });
    expect([driven.status(), driven.world.rollout.traffic.intent]).toEqual([
      'holding',
      { share: 5, end: false, attempts: 1, managed: false },
    ]);
  });

  it('does not stop the guards of a first weight whose answer was lost either', async () => {
    const driven = drive();
    await driven.turn({ write: 'lost' });
    driven.canary(mood.failing);
    await driven.run(25, { view: unreadable });
    expect(driven.status()).toBe('rolling_back');
  });
});

describe('the deadline', () => {
  it('counts from the first turn, and ends what has not ended by then', async () => {
    const driven = drive({ plan: planOf([five, minute, promote], { deadline: '5m' }) });
    driven.world.now += 30_000;
    await driven.turn();
    driven.canary({ ...mood.healthy, requests: 60 });
    await driven.run(299);
    expect([driven.world.share, driven.status()]).toEqual([5, 'holding']);
    await driven.run(1);
    expect([driven.world.share, driven.status()]).toEqual([0, 'rolled_back']);
    expect(driven.lastMessage()).toBe(
      "Rolled back: all traffic on v1 (stable); the plan's deadline of 5 min passed.",
    );
  });
});

describe('a start', () => {
  it.each([
    ['a canary that already has traffic', { canaryShare: 1 }, 'the split is not at rest: v2 already has 1 %'],
    [
      'a VirtualService made anew',
      { uid: 'another' },
      'the VirtualService was created anew since the request',
    ],
    ['a stable that is gone', { hasStable: false }, "stable's destination v1 is gone from the route"],
    [
      'no VirtualService',
      { kind: 'missing' } as const,
      'VirtualService payment-prod/payment-service is gone',
    ],
  ])('is refused at once with %s', async (_name, view, why) => {
    const driven = drive();
    await driven.turn({ view });
    expect([driven.status(), driven.world.writes]).toEqual(['preflight_failed', []]);
    expect(driven.lastMessage()).toBe(`Not started, no traffic was moved: ${why}.`);
  });

  it('waits up to a minute for metrics, and gives up then', async () => {
    const driven = drive();
    driven.metrics.breakDown();
    await driven.turn();
    await driven.run(59);
    expect(driven.status()).toBe('preflight');
    await driven.run(1);
    expect([driven.status(), driven.world.writes]).toEqual(['preflight_failed', []]);
  });

  it('goes ahead as soon as metrics show stable', async () => {
    const driven = drive();
    driven.stable(mood.none);
    await driven.turn();
    driven.stable(mood.healthy);
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
  });
});
