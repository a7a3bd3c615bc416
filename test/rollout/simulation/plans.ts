import { Plan } from '../../../src/rollout/plan.ts';

const bake = { type: 'bake', duration: 15 };
const weight = (share: number) => ({ type: 'setWeight', weight: share });
const header = { type: 'setHeaderRoute', match: [{ headers: { 'x-canary': { exact: 'true' } } }] };
const mirror = { type: 'setMirrorRoute', match: [{ method: { exact: 'GET' } }] };
const headerAway = { type: 'setHeaderRoute', remove: true };
const approval = (count: number, expires: number | string) => ({ type: 'approval', count, expires });

const plain = [weight(5), bake, weight(20), bake, weight(50), bake, { type: 'promote' }];

function planOf(steps: object[], over: object = {}): Plan {
  const checks = {
    errors: { metric: 'errorRate', max: '1%', window: 10, failures: 2, minRequests: 50 },
  };
  return Plan.parse({ judge: 'threshold', interval: 5, deadline: 3600, checks, steps, ...over });
}

const quick = [{ type: 'promote', bake: 10 }];
const handover = { onSuccess: 'handover', handoverBake: 15 };

/** What a simulated rollout follows; the first ones come up more often because they stand there twice. */
const plans: Plan[] = [
  planOf(plain),
  planOf(plain),
  planOf(plain, { deadline: 200 }),
  planOf([weight(5), bake, approval(1, '24h'), weight(50), bake, { type: 'promote' }]),
  planOf([weight(5), bake, approval(2, 120), weight(50), bake, approval(1, '24h'), { type: 'promote' }]),
  planOf([approval(1, '24h'), weight(5), bake, { type: 'promote' }], { deadline: 120 }),
  planOf([
    weight(5),
    bake,
    weight(20),
    bake,
    { type: 'setWeight', weight: 10, reduce: true },
    bake,
    { type: 'promote' },
  ]),
  planOf([weight(5), bake, { type: 'pause', duration: 20 }, weight(20), bake, { type: 'promote', bake: 15 }]),
  planOf([weight(5), bake, { type: 'pause' }, weight(50), bake, { type: 'promote' }], {
    onDrift: 'reassert',
  }),
  planOf(plain, { onDrift: 'rollback' }),
  planOf(quick, handover),
  planOf(quick, { ...handover, deadline: 200 }),
  planOf([weight(5), bake, approval(1, '24h'), { type: 'promote', bake: 15 }], handover),
  planOf([header, weight(5), bake, weight(50), bake, headerAway, { type: 'promote', bake: 15 }]),
  planOf([mirror, weight(5), bake, header, bake, { type: 'promote' }]),
];

/** One of the plans, by a number in 0..1. */
export function planFor(dice: number): Plan {
  const plan = plans[Math.floor(dice * plans.length)];
  if (plan === undefined) throw new Error('no plan for this number');
  return plan;
}
