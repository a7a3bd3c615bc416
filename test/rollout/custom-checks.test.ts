import { describe, expect, it } from 'vitest';
import type { Reading } from '../../src/analysis/reading.ts';
import { judge } from '../../src/analysis/threshold.ts';
import { templateFaults } from '../../src/rollout/check-template.ts';
import { explain } from '../../src/rollout/explain.ts';
import { Plan } from '../../src/rollout/plan.ts';
import { misfits } from '../../src/rollout/plan-fits.ts';
import type { Check } from '../../src/rollout/plan-parts.ts';
import { Rollout } from '../../src/rollout/rollout.ts';
import { paymentTarget } from '../fakes/rollouts.ts';
import { drive, mood } from './drive.ts';

const orders: Check = {
  metric: 'custom',
  template: 'orders-failed',
  args: {},
  max: 3,
  window: 60,
  failures: 2,
};
const errors: Check = { metric: 'errorRate', max: 0.01, window: 60, failures: 2, minRequests: 100 };
const steps = [
  { type: 'setWeight', weight: 5 },
  { type: 'bake', duration: '2m' },
  { type: 'promote', bake: '2m' },
];
const template = { provider: 'prometheus', query: [], unit: 'count' as const };
const templates = {
  'orders-failed': { ...template, args: {}, breach: 'above' as const },
  'orders-paid': { ...template, args: { shop: { type: 'label' as const } }, breach: 'below' as const },
};
const value = (number: number): Reading => ({ kind: 'value', value: number, requests: 0, unit: 'count' });

function planWith(checks: Record<string, Check>, judgedBy: Plan['judge']): Plan {
  return Plan.parse({ name: 'custom', judge: judgedBy, checks, steps });
}

describe('a custom check in a plan', () => {
  it('names a template, its arguments and one limit, and counts no requests', () => {
    const written = { metric: 'custom', template: 'orders-failed', args: { shop: 'berlin' }, max: 3 };
    const plan = Plan.parse({ checks: { orders: written }, steps });
    expect(plan.checks['orders']).toEqual({ ...written, window: 60, failures: 2 });
    expect(Plan.parse(plan)).toEqual(plan);
  });

  it.each([
    ['both limits', { max: 3, min: 1 }, 'write one limit'],
    ['no limit', {}, 'write one limit'],
    ['a limit below 0', { max: -1 }, 'from 0 on'],
    ['a number of requests', { max: 3, minRequests: 100 }, 'Unrecognized'],
    ['a query of its own', { max: 3, query: 'vector(0)' }, 'Unrecognized'],
    ['an argument by the name of something else', { max: 3, args: { 'a"b': 1 } }, 'Invalid key'],
    ['no name of a template', { max: 3, template: '../x' }, 'the name of a template'],
  ])('is refused with %s', (_what, over, says) => {
    const check = { metric: 'custom', template: 'orders-failed', ...over };
    const messages = Plan.safeParse({ checks: { check }, steps }).error?.issues.map(({ message }) => message);
    expect(messages?.join('; ')).toContain(says);
  });

  it.each([
    [
      'an unknown template',
      { template: 'orders-lost' },
      'no template is called orders-lost: those of this canaryd are orders-failed, orders-paid',
    ],
    ['what every object has', { template: 'constructor' }, 'no template is called constructor'],
    ['the other limit', { max: undefined, min: 3 }, 'bad above their limit: write "max"'],
    ['an argument that the template has not', { args: { shop: 'berlin' } }, 'no argument shop: it has none'],
    ['an argument that is missing', { template: 'orders-paid', max: undefined, min: 3 }, 'shop is missing'],
  ])('is refused with %s, by the service that knows its templates', (_what, over, says) => {
    const faults = templateFaults({ orders: { ...orders, ...over } }, templates);
    expect(faults.map(({ message }) => message).join('; ')).toContain(says);
    expect(faults[0]?.path.slice(0, 2)).toEqual(['checks', 'orders']);
  });

  it('is no proof on a route without requests', () => {
    const tcp = { ...paymentTarget.routes[0], key: { kind: 'tcp' as const, port: 9000 } };
    const original = { stable: 100, canary: 0, others: [] };
    const target = { ...paymentTarget, routes: [{ original, ...tcp }] };
    expect(misfits(planWith({ orders }, 'threshold'), target)).toHaveLength(1);
  });
});

describe('the values of a custom check', () => {
  const atMost = { metric: 'custom' as const, max: 3 };
  const atLeast = { metric: 'custom' as const, min: 3 };
  it.each([
    ['passes at the limit', atMost, 3, 0, 'pass'],
    ['fails above it', atMost, 3.01, 0, 'breach'],
    ['is no fault of the canary where stable is no better', atMost, 4, 4, 'environment'],
    ['fails above it where stable is better, though above it, too', atMost, 5, 4, 'breach'],
    ['passes at a limit that values must not fall below', atLeast, 3, 9, 'pass'],
    ['fails below it', atLeast, 2.99, 9, 'breach'],
    ['is no fault of the canary where stable is as low', atLeast, 2, 1, 'environment'],
  ])('%s', (...[, limit, canary, stable, kind]) => {
    expect(judge(limit, { canary: value(canary), stable: value(stable) }).kind).toBe(kind);
  });

  it('fails without a stable to compare with', () => {
    expect(judge(atMost, { canary: value(4), stable: { kind: 'none' } })).toMatchObject({ stable: null });
  });
});

describe.each(['threshold', 'sequential'] as const)('with the %s judge, a custom check', (judgedBy) => {
  /** At 5 %, in its first bake, and what the custom check finds from now on. */
  async function started(checks: Record<string, Check> = { errors, orders }) {
    const driven = drive({
      plan: planWith(checks, judgedBy),
      state: { kind: 'preflight', waitingFor: null },
    });
    const found = { canary: value(0), stable: value(0) } as { canary: Reading; stable: Reading };
    const { measure } = driven.metrics;
    driven.metrics.measure = async (request, signal) => {
      const measured = await measure(request, signal);
      return { ...measured, checks: { ...measured.checks, orders: { ...found } } };
    };
    await driven.run(10);
    return { ...driven, found };
  }

  it('lets a canary through that keeps its limit', async () => {
    const driven = await started();
    await driven.run(900);
    expect(driven.status()).toBe('succeeded');
  });

  it('rolls back after as many failures in a row as the plan says, with its value, unit and limit', async () => {
    const driven = await started();
    driven.found.canary = value(12);
    driven.found.stable = value(1);
    await driven.run(25);
    expect(driven.status()).toBe('rolled_back');
    const { what } = explain(driven.world.rollout, null, driven.world.now);
    expect(what).toContain('alue of the canary was 12, above the limit of 3');
    expect(what).toContain('check orders; stable 1');
    expect(Rollout.parse(JSON.parse(JSON.stringify(driven.world.rollout)))).toEqual(driven.world.rollout);
  });

  it('rolls back below a limit that values must not fall below', async () => {
    const { max: _, ...rest } = orders;
    const driven = await started({ errors, orders: { ...rest, metric: 'custom', min: 3 } as Check });
    driven.found.canary = value(1);
    driven.found.stable = value(9);
    await driven.run(25);
    expect(driven.lastMessage()).toContain('1, below the limit of 3');
  });

  it('holds while stable is no better, and goes back after five minutes of it', async () => {
    const driven = await started();
    Object.assign(driven.found, { canary: value(12), stable: value(12) });
    await driven.run(30);
    expect(driven.status()).toBe('holding');
    expect(explain(driven.world.rollout, null, driven.world.now).what).toContain('stable no better with 12');
    await driven.run(400);
    expect(driven.status()).toBe('rolled_back');
  });

  it('is no pass while it has no number: nothing goes on', async () => {
    const driven = await started();
    driven.found.canary = { kind: 'none' };
    await driven.run(600);
    expect(driven.world.share).toBe(5);
    expect(driven.status()).not.toBe('succeeded');
  });

  it('is missing data when it cannot be asked: held, and back after 15 minutes', async () => {
    const driven = await started();
    const why = 'template orders-failed: no template is called orders-failed: this canaryd has none';
    Object.assign(driven.found, {
      canary: { kind: 'unavailable', why },
      stable: { kind: 'unavailable', why },
    });
    await driven.run(30);
    expect(driven.status()).toBe('holding');
    expect(explain(driven.world.rollout, null, driven.world.now).what).toContain(why);
    await driven.run(1000);
    expect(driven.status()).toBe('rolled_back');
  });

  it('acts on nothing when it is only observed', async () => {
    const driven = await started({ errors, orders: { ...orders, mode: 'observe' } });
    Object.assign(driven.found, { canary: value(12), stable: value(1) });
    await driven.run(900);
    expect(driven.status()).toBe('succeeded');
  });

  it('needs no other check beside it', async () => {
    const driven = await started({ orders });
    await driven.run(900);
    expect(driven.status()).toBe('succeeded');
    const bad = await started({ orders });
    bad.canary(mood.failing);
    await bad.run(60);
    expect(bad.status()).toBe('rolled_back');
  });
});
