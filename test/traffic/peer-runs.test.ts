import { describe, expect, it } from 'vitest';
import { Plan } from '../../src/rollout/plan.ts';
import { imagesOf } from '../fakes/mesh.ts';
import { baking, drive, mood, noneReady } from '../rollout/drive.ts';
import { planOf } from '../rollout/places.ts';

/*
 * What Argo Rollouts (A) and Flagger (F) do in the course of a run, and what canaryd does: pods, steps and objects that
 * it does not make. The cases of one object are in peer-cases.test.ts.
 */

const bake = { type: 'bake', duration: '60s' };
const rollback = { action: 'rollback' as const, reason: 'told by a person' };

describe('pods and revisions, as Argo minds them', () => {
  it('A40, ours: there is no DestinationRule to switch; a canary without ready pods is left, and going back needs stable alone', async () => {
    const driven = await baking();
    driven.pods.canary = noneReady;
    await driven.run(30);
    expect(driven.status()).toBe('rolled_back');
    expect(driven.world.share).toBe(0);
  });

  it('A40, beyond it: going back by itself is withheld only while stable has no ready pod at all, and that is told', async () => {
    const driven = await baking();
    driven.pods.stable = { kind: 'known', ready: 1, total: 3 };
    driven.canary(mood.failing);
    await driven.run(120);
    expect(driven.status()).toBe('rolled_back');
    const withheld = await baking();
    withheld.pods.stable = noneReady;
    withheld.canary(mood.failing);
    await withheld.run(120);
    expect([withheld.status(), withheld.world.share]).toEqual(['rolling_back', 5]);
    expect(withheld.types()).toContain('page');
    expect(withheld.world.events.map(({ message }) => message).join()).toContain('stable has no ready pod');
  });

  it('A41, ours: a rollback in the middle of an update is one write of weights; no label has to be switched before it', async () => {
    const driven = await baking();
    driven.pods.canary = { kind: 'known', ready: 2, total: 10 };
    driven.say(rollback);
    await driven.run(10);
    expect(driven.world.writes.slice(1)).toEqual([{ share: 0, end: true }]);
    expect(driven.status()).toBe('rolled_back');
  });

  it('A42: a canary that becomes another one loses its traffic before anything else', async () => {
    const driven = await baking();
    driven.images.canary = imagesOf('v3');
    driven.pods.canary = { kind: 'known', ready: 1, total: 3 };
    await driven.run(10);
    expect(driven.world.writes.at(-1)).toMatchObject({ share: 0 });
    expect([driven.status(), driven.world.share]).toEqual(['paused', 0]);
  });
});

describe('steps and failures, as Flagger has them', () => {
  it('F22: from 0 to 100 in one step, watched, and promoted', async () => {
    const driven = drive({ plan: planOf([{ type: 'setWeight', weight: 100 }, bake, { type: 'promote' }]) });
    await driven.run(200);
    expect(driven.world.writes.map(({ share }) => share)).toEqual([100, 100]);
    expect(driven.status()).toBe('succeeded');
  });

  it('F23: a check that fails as often as its limit allows ends the run at 0', async () => {
    const driven = await baking();
    driven.canary(mood.failing);
    await driven.run(60);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });

  it('F24, ours: a new revision at 10 % has 0 and a person is asked; the resume begins at the first step with nothing counted', async () => {
    const steps = [
      { type: 'setWeight', weight: 5 },
      bake,
      { type: 'setWeight', weight: 10 },
      bake,
      { type: 'promote' },
    ];
    const driven = await baking({ plan: planOf(steps) });
    while (driven.world.share < 10) await driven.run(5);
    driven.images.canary = imagesOf('v3');
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['paused', 0]);
    driven.say({ action: 'resume' });
    expect(driven.world.rollout).toMatchObject({
      state: { kind: 'running', position: { step: 0 } },
      watch: { lastPollAt: null },
    });
  });

  it('F27, ours: stable that is not ready holds where it is; users never go to the canary for it', async () => {
    const steps = [{ type: 'setWeight', weight: 50 }, bake, { type: 'promote' }];
    const driven = await baking({ plan: planOf(steps) });
    driven.pods.stable = { kind: 'known', ready: 1, total: 3 };
    await driven.run(300);
    expect([driven.status(), driven.world.share]).toEqual(['holding', 50]);
  });

  it('F28, ours: every weight is one that the plan names, and none beside them is ever written', async () => {
    const steps = [20, 40, 50].flatMap((weight) => [{ type: 'setWeight', weight }, bake]);
    const driven = drive({ plan: planOf([...steps, { type: 'promote' }]) });
    await driven.run(600);
    expect(driven.status()).toBe('succeeded');
    expect(driven.world.writes.map(({ share }) => share)).toEqual([20, 40, 50, 100]);
  });
});

describe('managed routes of an object that is gone, as Argo tolerates it', () => {
  it('A38, ours: the way back says so and ends only when it is back and clean, since it may come back as it stood', async () => {
    const match = [{ headers: { 'x-canary': { exact: 'true' } } }];
    const driven = drive({ plan: planOf([{ type: 'setHeaderRoute', match }, bake, { type: 'promote' }]) });
    await driven.turn();
    driven.say(rollback);
    await driven.run(30, { view: { kind: 'missing' } });
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'rollingBack',
      stuck: { kind: 'targetMissing' },
    });
    expect(driven.world.managedRoutes).toEqual(['header']);
    await driven.run(30);
    expect([driven.status(), driven.world.managedRoutes]).toEqual(['rolled_back', []]);
  });
});

describe('session affinity, as Flagger writes it', () => {
  it.each([
    ['F6', 'cookieName'],
    ['F10', 'primaryCookieName'],
  ])('%s, ours: canaryd sets no cookie, so a plan that names one (%s) is refused instead of ignored', (_, field) => {
    const parsed = Plan.safeParse({
      name: 'test',
      steps: [{ type: 'setWeight', weight: 5 }, bake, { type: 'promote' }],
      sessionAffinity: { [field]: 'canary' },
    });
    expect(parsed.success).toBe(false);
  });

  it('F7, F8, ours: who has a cookie of the application goes to the canary while a route says so, at every share, and by the weights after it', async () => {
    const match = [{ cookies: { beta: { exact: '1' } } }];
    const steps = [
      { type: 'setHeaderRoute', match },
      { type: 'setWeight', weight: 10 },
      bake,
      { type: 'setWeight', weight: 50 },
      bake,
      { type: 'promote' },
    ];
    const driven = drive({ plan: planOf(steps) });
    await driven.run(400);
    expect(driven.world.writes.map(({ share, end, managed = [] }) => [share, end, managed.length])).toEqual([
      [0, false, 1],
      [10, false, 1],
      [50, false, 1],
      [100, true, 0],
    ]);
  });
});
