import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/api/plan-digest.ts';
import { PreviewOnWire } from '../../src/api/preview-wire.ts';
import { RolloutOnWire } from '../../src/api/wire.ts';
import type { CheckTemplates } from '../../src/rollout/check-template.ts';
import { planService } from '../../src/rollout/plans.ts';
import { rolloutService } from '../../src/rollout/service.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { fakeMetrics } from '../fakes/metrics.ts';
import { memoryPlans } from '../fakes/plans.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { api, ask, problemOf } from './api.ts';
import { now, planAsWritten, rolloutId } from './rollouts.ts';

const checkTemplates: CheckTemplates = {
  'orders-failed': {
    provider: 'prometheus',
    query: [{ kind: 'placeholder', name: 'version' }],
    args: { shop: { type: 'label' } },
    unit: 'count',
    breach: 'above',
  },
};
const orders = { metric: 'custom', template: 'orders-failed', args: { shop: 'berlin' }, max: 3 };

/** The real service behind the API, with one template. */
function world() {
  const mesh = fakeMesh();
  const target = { namespace: 'payments', virtualService: 'payment-service' };
  mesh.add(target);
  const service = rolloutService({
    surroundings: darkSurroundings(),
    clusters: ['default'],
    mesh,
    metrics: fakeMetrics({ checkTemplates }),
    rollouts: memoryStore({ now: () => now }),
    holds: { standing: async () => [] },
    newId: () => rolloutId,
    deadline: () => new AbortController().signal,
  });
  const plans = planService({ library: memoryPlans(() => now), digest: sha256, checkTemplates });
  const app = api({ service, plans });
  const planOf = (check: object) => ({
    ...planAsWritten,
    checks: { ...planAsWritten.checks, orders: check },
  });
  const send = (method: 'POST' | 'PUT', url: string, payload: object) => ask(app, { method, url, payload });
  return {
    validate: (check: object) => send('POST', '/v1/plans:validate', planOf(check)),
    put: (check: object) => send('PUT', '/v1/plans/shops', planOf(check)),
    create: (check: object, query = '') =>
      send('POST', `/v1/rollouts${query}`, { target, plan: planOf(check) }),
  };
}

const unknown = { ...orders, template: 'orders-lost' };
const says = 'no template is called orders-lost: those of this canaryd are orders-failed';

describe('a plan with a custom check', () => {
  it('is valid when its template is approved', async () => {
    const answer = await world().validate(orders);
    expect(answer.json()).toMatchObject({
      valid: true,
      plan: { checks: { orders: { ...orders, failures: 2 } } },
    });
  });

  it('is invalid with an unknown template, with the list of those there are', async () => {
    expect((await world().validate(unknown)).json()).toMatchObject({
      valid: false,
      errors: [{ pointer: '/checks/orders/template', detail: says }],
    });
  });

  it('is not kept with an unknown template', async () => {
    const answer = await world().put(unknown);
    expect(answer.statusCode).toBe(422);
    expect(problemOf(answer).errors).toEqual([
      { pointer: '/checks/orders/template', code: 'plan-inconsistent', detail: says },
    ]);
    expect((await world().put(orders)).statusCode).toBe(201);
  });

  it('starts nothing with a value that could end a query', async () => {
    const answer = await world().create({ ...orders, args: { shop: 'x"}[1s])) or vector(0) #' } });
    expect(answer.statusCode).toBe(422);
    expect(problemOf(answer).errors?.[0]).toMatchObject({
      pointer: '/plan/checks/orders/args/shop',
      detail: expect.stringContaining('is text of 1 to 63'),
    });
  });

  it('shows what is asked for, its unit and its limit, before the start and after it', async () => {
    const { create } = world();
    const preview = PreviewOnWire.parse((await create(orders, '?dryRun=all')).json());
    const rule = { template: 'orders-failed', limit: 3, breach: 'above', minRequests: null, mode: 'enforce' };
    const seen = { metric: 'custom', unit: 'count', ...rule };
    expect(preview.checks.find(({ check }) => check === 'orders')).toMatchObject(seen);
    const observed = { ...orders, mode: 'observe' };
    const { checks } = RolloutOnWire.parse((await create(observed)).json());
    expect(checks.find(({ id }) => id === 'orders')).toMatchObject({ ...rule, mode: 'observe', unit: null });
  });
});
