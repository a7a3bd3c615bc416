import { describe, expect, it } from 'vitest';
import type { RulesRead } from '../../src/rollout/ports/alert-rules.ts';
import { rolloutService } from '../../src/rollout/service.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { fakeMetrics } from '../fakes/metrics.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { api, ask, problemOf, slugOf } from './api.ts';
import { now, rolloutId } from './rollouts.ts';

const where = { namespace: 'payments', virtualService: 'payment-service' };
const service = 'destination_service_namespace="payments"';
const requests = `sum(rate(istio_requests_total{reporter="destination",${service}}[1m]))`;
const failed = `sum(rate(istio_requests_total{reporter="destination",${service},response_code=~"5.."}[1m]))`;
const rule = {
  group: 'payments',
  alert: 'Errors',
  expr: `${failed} / ${requests} > 0.02`,
  forSeconds: 120,
  labels: { severity: 'critical' },
};
const has = (...rules: (typeof rule)[]): RulesRead => ({ kind: 'read', rules, gaps: [] });

const plan = {
  checks: { errors: { rule: 'payments/Errors' }, p99: { metric: 'p99LatencyMs', max: 300 } },
  steps: [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '5m' }, { type: 'promote' }],
};

/** The real service behind the API, in a cluster whose Prometheus has these rules. */
function world(read: RulesRead | null) {
  const mesh = fakeMesh();
  mesh.add(where);
  const rollouts = memoryStore({ now: () => now });
  const asked: string[] = [];
  const rules = async (cluster: string) => {
    asked.push(cluster);
    return read ?? has();
  };
  const app = api({
    service: rolloutService({
      surroundings: darkSurroundings(),
      clusters: ['default'],
      mesh,
      metrics: fakeMetrics(),
      ...(read !== null && { alertRules: { rules } }),
      rollouts,
      holds: { standing: async () => [] },
      newId: () => rolloutId,
      deadline: () => new AbortController().signal,
    }),
  });
  const send = (url: string, payload: object) => ask(app, { method: 'POST', url, payload });
  const create = (body: object = { plan }) => send('/v1/rollouts', { target: where, ...body });
  const dryRun = (body: object = { plan }) => send('/v1/rollouts?dryRun=all', { target: where, ...body });
  return { app, rollouts, asked, send, create, dryRun };
}

const found = {
  metric: 'errorRate',
  max: 0.02,
  window: 60,
  failures: 12,
  minRequests: 100,
  severity: 'critical',
  for: 120,
  fromRule: { source: 'prometheus', group: 'payments', alert: 'Errors', expr: rule.expr },
};

describe('a rollout whose plan names an alert rule', () => {
  it('follows what the rule says when it is asked for, and says where that comes from', async () => {
    const { create, asked } = world(has(rule));
    const response = await create();
    expect(response.statusCode).toBe(202);
    expect(asked).toEqual(['default']);
    expect(response.json()).toMatchObject({
      plan: { checks: { errors: found } },
      checks: [
        { id: 'errors', limit: 0.02, severity: 'critical', fromRule: found.fromRule },
        { id: 'p99', limit: 300, fromRule: null },
      ],
    });
  });

  it('goes on by what the rule said then, whatever becomes of it', async () => {
    const { create, rollouts, asked } = world(has(rule));
    await create();
    const kept = await rollouts.find(rolloutId);
    expect(kept?.rollout.plan.checks['errors']).toEqual(found);
    expect(asked).toHaveLength(1);
  });

  it('is shown with its limit by a dry run', async () => {
    const { dryRun } = world(has(rule));
    const response = await dryRun();
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({
      checks: [{ check: 'errors', limit: 0.02, fromRule: found.fromRule }, { check: 'p99' }],
    });
  });

  it.each([
    ['Prometheus has no such rule', has(), 'Prometheus has no alert rule payments/Errors: it has none'],
    [
      'there are two that differ',
      has(rule, { ...rule, forSeconds: 60 }),
      'Prometheus has several alert rules payments/Errors, and they differ: give each a name of its own',
    ],
    [
      'it is no limit',
      has({ ...rule, expr: 'up == 0' }),
      'payments/Errors cannot be taken: up stands alone: write sum(rate(...)) around it (at offset 0: up)',
    ],
    [
      'it is about other requests',
      has({ ...rule, expr: rule.expr.replaceAll('"payments"', '"ledger"') }),
      'payments/Errors cannot be taken: it has destination_service_namespace="ledger", and the canary\'s destination_service_namespace is "payments": it is a rule for others',
    ],
    [
      'Prometheus cannot be read',
      { kind: 'unread', why: 'Prometheus refused' },
      'the alert rules could not be read: Prometheus refused',
    ],
    [
      'nobody reads alert rules',
      null,
      'the alert rules could not be read: this canaryd reads no alert rules',
    ],
  ] satisfies [
    string,
    RulesRead | null,
    string,
  ][])('is not started where %s', async (_when, read, detail) => {
    const { create, dryRun, rollouts } = world(read);
    for (const response of [await create(), await dryRun()]) {
      expect(response.statusCode).toBe(422);
      expect(slugOf(response)).toBe('plan-inconsistent');
      expect(problemOf(response).errors).toEqual([
        { pointer: '/plan/checks/errors/rule', code: 'plan-inconsistent', detail },
      ]);
    }
    expect(await rollouts.find(rolloutId)).toBeNull();
  });

  it('is not started where its rule looks back longer than a bake lasts', async () => {
    const { create } = world(has({ ...rule, expr: rule.expr.replaceAll('[1m]', '[10m]') }));
    const response = await create();
    expect(response.statusCode).toBe(422);
    expect(problemOf(response).errors?.map(({ pointer }) => pointer)).toEqual(['/plan/steps/1/duration']);
  });

  it('asks for no rules where its plan names none', async () => {
    const { create, asked } = world({ kind: 'unread', why: 'Prometheus refused' });
    expect((await create({ plan: { ...plan, checks: { p99: plan.checks.p99 } } })).statusCode).toBe(202);
    expect(asked).toEqual([]);
  });
});

describe('a plan that names an alert rule', () => {
  it('is kept as it is written, and asks its rule for each rollout', async () => {
    const { app, create, asked } = world(has(rule));
    const put = await ask(app, { method: 'PUT', url: '/v1/plans/pci', payload: plan });
    expect(put.statusCode).toBe(201);
    const kept = { errors: { rule: 'payments/Errors', minRequests: 100 } };
    expect(put.json()).toMatchObject({ plan: { checks: kept } });
    expect(asked).toEqual([]);
    const created = await create({ plan: 'pci' });
    expect(created.json()).toMatchObject({ plan: { version: 1, checks: { errors: found } } });
    const read = await ask(app, { url: '/v1/plans/pci' });
    expect(read.json()).toMatchObject({ plan: { checks: kept } });
  });

  it('is valid without a cluster as long as nothing else is wrong', async () => {
    const { send, asked } = world(has(rule));
    expect((await send('/v1/plans:validate', plan)).json()).toMatchObject({ valid: true });
    const wrong = { ...plan, checks: { errors: { rule: 'Errors' } } };
    expect((await send('/v1/plans:validate', wrong)).json()).toMatchObject({
      valid: false,
      errors: [{ pointer: '/checks/errors/rule' }],
    });
    expect(asked).toEqual([]);
  });

  it('says what a check without a metric lacks', async () => {
    const { send } = world(has(rule));
    const answer = await send('/v1/plans:validate', { ...plan, checks: { errors: { minRequests: 5 } } });
    expect(answer.json()).toMatchObject({
      errors: [
        {
          pointer: '/checks/errors/rule',
          detail: 'write a metric, or the alert rule that says the limit as "group/alert"',
        },
      ],
    });
  });
});
