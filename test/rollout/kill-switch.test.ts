import { describe, expect, it } from 'vitest';
import { explain } from '../../src/rollout/explain.ts';
import type { HoldOrder } from '../../src/rollout/ports/store.ts';
import { statusReasonOf } from '../../src/rollout/status-reason.ts';
import { baking, bob, drive, mood, start } from './drive.ts';
import { everyPlace, places, planOf } from './places.ts';

const order: HoldOrder = {
  id: 'ho_01KB4ZJ5Q8X2V7N3M6R9T0W1YC',
  cluster: null,
  namespace: 'payment-prod',
  by: bob,
  reason: 'card network is down',
  at: start + 20_000,
};

describe('a hold order', () => {
  it.each(everyPlace)('moves nothing forward from %s, for as long as it stands', async (place) => {
    const driven = await places[place]();
    const { share } = driven.world;
    driven.world.order = order;
    await driven.run(3000);
    expect(driven.world.share).toBe(share);
  });

  it('lets nothing begin', async () => {
    const driven = drive();
    driven.world.order = order;
    await driven.run(3000);
    expect([driven.status(), driven.world.writes]).toEqual(['preflight', []]);
    const { what } = explain(driven.world.rollout, null, driven.world.now);
    expect(what).toContain('bob stopped every move forward in namespace payment-prod of all clusters');
    driven.world.order = null;
    await driven.run(20);
    expect(driven.world.share).toBe(5);
  });

  it('says who placed it, where, when and why, and is told of once', async () => {
    const driven = await baking();
    driven.world.order = order;
    await driven.run(60);
    const { what } = explain(driven.world.rollout, driven.world.nextAt, driven.world.now);
    expect(what).toBe(
      'Holding since 10:00:10Z: bob stopped every move forward in namespace payment-prod of all clusters at 10:00:20Z (DELETE /v1/hold/ho_01KB4ZJ5Q8X2V7N3M6R9T0W1YC lifts it): card network is down.',
    );
    expect(statusReasonOf(driven.world.rollout)).toBe('kill_switch');
    expect(driven.types().filter((type) => type === 'rollout.holding')).toHaveLength(1);
  });

  it.each([
    'advance',
    'promote',
  ] as const)('lets no override by, so that nothing moves without proof when it is lifted: %s', async (action) => {
    const driven = await baking();
    driven.world.order = order;
    await driven.run(30);
    const said = driven.say({ action, override: ['checks'], reason: 'now' });
    expect(said.kind === 'refused' ? said.refusal.message : '').toMatch(
      new RegExp(
        `No override goes past a hold order: lift it first with DELETE /v1/hold/${order.id}, then ${action}`,
      ),
    );
    driven.world.order = null;
    await driven.run(10);
    expect(driven.world.share).toBe(5);
  });

  it('never stands in the way of going back', async () => {
    const driven = await baking();
    driven.world.order = order;
    await driven.run(30);
    driven.canary(mood.failing);
    await driven.run(60);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });

  it('stops the clock of the deadline and of the step', async () => {
    const plan = planOf(
      [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '60s' }, { type: 'promote' }],
      { deadline: '10m' },
    );
    const driven = await baking({ plan });
    await driven.run(30);
    driven.world.order = order;
    await driven.run(6000);
    expect([driven.status(), driven.world.share]).toEqual(['holding', 5]);
    driven.world.order = null;
    await driven.run(20);
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
    await driven.run(60);
    expect(driven.status()).toBe('succeeded');
  });
});
