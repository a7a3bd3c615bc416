import { describe, expect, it } from 'vitest';
import * as because from '../../src/rollout/because.ts';
import { judgeSettingsOf } from '../../src/rollout/judge-settings.ts';
import { Plan, StoredPlan, WrittenPlan } from '../../src/rollout/plan.ts';
import { misfits } from '../../src/rollout/plan-fits.ts';
import type { Check, MeshCheck, WrittenCheck } from '../../src/rollout/plan-parts.ts';
import type { KnownRule, RulesRead } from '../../src/rollout/ports/alert-rules.ts';
import { canaryd } from '../../src/rollout/reasons.ts';
import { withRules } from '../../src/rollout/rule-checks.ts';
import { paymentTarget } from '../fakes/rollouts.ts';
import { drive } from './drive.ts';

const { name, namespace } = paymentTarget.canary.service;
const whose = `destination_service_name="${name}",destination_service_namespace="${namespace}"`;
const requests = `sum(rate(istio_requests_total{reporter="destination",${whose}}[5m]))`;
const failed = `sum(rate(istio_requests_total{reporter="destination",${whose},response_code=~"5.."}[5m]))`;
const buckets = `sum by (le) (rate(istio_request_duration_milliseconds_bucket{reporter="destination",${whose}}[5m]))`;

const errors: KnownRule = {
  group: 'payments',
  alert: 'PaymentErrors',
  expr: `${failed} / ${requests} * 100 > 1`,
  forSeconds: 300,
  labels: { severity: 'critical', team: 'payments' },
};
const slow: KnownRule = {
  ...errors,
  alert: 'PaymentSlow',
  expr: `histogram_quantile(0.99, ${buckets}) > 2000`,
  forSeconds: 0,
  labels: { severity: 'warning' },
};

const asked = (rule: string, more: object = {}) => {
  const steps = [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '30m' }, { type: 'promote' }];
  return WrittenPlan.parse({ checks: { limit: { rule, ...more } }, steps });
};

function taken(rule: string, rules: readonly KnownRule[], more: object = {}) {
  return withRules(asked(rule, more), { kind: 'read', rules, gaps: [] });
}

/** The one check that comes of it. */
function checksOf(rule: string, rules: readonly KnownRule[]): { limit: MeshCheck } {
  const answer = taken(rule, rules);
  const limit = answer.kind === 'taken' ? answer.checks['limit'] : undefined;
  if (limit === undefined || limit.metric === 'custom') throw new Error(`${rule} is not taken`);
  return { limit };
}

/** What a plan with this one rule is refused with. */
function refusal(rule: string, read: readonly KnownRule[] | RulesRead): string {
  const known: RulesRead = 'kind' in read ? read : { kind: 'read', rules: read, gaps: [] };
  const answer = withRules(asked(rule), known);
  expect(answer).toMatchObject({ kind: 'refused', faults: [{ path: ['checks', 'limit', 'rule'] }] });
  return answer.kind === 'refused' ? (answer.faults[0]?.message ?? '') : '';
}

function planWith(checks: Record<string, Check>, more: Partial<StoredPlan> = {}): StoredPlan {
  return { ...StoredPlan.parse({ steps: asked('a/b').steps }), ...more, checks };
}

describe('a check that names an alert rule', () => {
  it('is written without a metric, and kept as it is written', () => {
    const plan = asked('payments/PaymentErrors', { mode: 'observe' });
    const limit: WrittenCheck = { rule: 'payments/PaymentErrors', minRequests: 100, mode: 'observe' };
    expect(plan.checks).toEqual({ limit });
    expect(WrittenPlan.parse(plan)).toEqual(plan);
  });

  it.each([
    [{ rule: 'PaymentErrors' }],
    [{ rule: '/PaymentErrors' }],
    [{ rule: 'payments/' }],
    [{ rule: 7 }],
  ])('says group and alert: %j is refused', (limit) => {
    const { error } = WrittenPlan.safeParse({ checks: { limit }, steps: [{ type: 'promote', bake: '5m' }] });
    expect(error?.issues[0]?.message).toBe(
      'write a metric, or the alert rule that says the limit as "group/alert"',
    );
  });

  it('says neither limit nor window of its own', () => {
    const limit = { rule: 'payments/PaymentErrors', max: 0.1 };
    expect(
      WrittenPlan.safeParse({ checks: { limit }, steps: [{ type: 'promote', bake: '5m' }] }).success,
    ).toBe(false);
  });

  it('is no check of a plan that nobody can ask a cluster for', () => {
    const limit = { rule: 'payments/PaymentErrors' };
    expect(Plan.safeParse({ checks: { limit }, steps: [{ type: 'promote', bake: '5m' }] }).success).toBe(
      false,
    );
  });

  it('cannot be written as if it had been taken from a rule', () => {
    const fromRule = { source: 'prometheus', group: 'a', alert: 'b', expr: 'c' };
    const steps = [{ type: 'promote', bake: '5m' }];
    for (const limit of [
      { metric: 'errorRate', fromRule },
      { metric: 'errorRate', for: 60 },
    ]) {
      expect(WrittenPlan.safeParse({ checks: { limit }, steps }).success).toBe(false);
    }
  });
});

describe('the limit of an alert rule', () => {
  it('becomes a check with its limit, its window and its severity, and says where it comes from', () => {
    const { group, alert, expr } = errors;
    expect(taken('payments/PaymentErrors', [slow, errors], { minRequests: 50, mode: 'observe' })).toEqual({
      kind: 'taken',
      checks: {
        limit: {
          metric: 'errorRate',
          max: 0.01,
          window: 300,
          failures: 30,
          minRequests: 50,
          severity: 'critical',
          mode: 'observe',
          for: 300,
          fromRule: { source: 'prometheus', group, alert, expr },
        },
      },
    });
  });

  it('pauses where the rule is a warning, and lasts as long as usual where the rule says no for:', () => {
    const checks = checksOf('payments/PaymentSlow', [slow, errors]);
    expect(checks.limit).toMatchObject({
      metric: 'p99LatencyMs',
      max: 2000,
      severity: 'warning',
      failures: 2,
    });
    expect(checks.limit).not.toHaveProperty('for');
    const [limit] = judgeSettingsOf({ checks }).limits;
    expect(limit).toEqual({ id: 'limit', metric: 'latency', quantile: 0.99, maxMs: 2000, effect: 'pause' });
  });

  it('tells the sequential judge how long a plain breach must last', () => {
    const checks = checksOf('payments/PaymentErrors', [errors]);
    expect(judgeSettingsOf({ checks }).limits).toEqual([
      { id: 'limit', metric: 'errorRate', max: 0.01, backstopSeconds: 300 },
    ]);
  });

  it('is kept with a rollout, and read again as it was', () => {
    const checks = checksOf('payments/PaymentErrors', [errors]);
    const plan = planWith(checks);
    expect(StoredPlan.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
  });

  it('counts twice in one group where both say the same', () => {
    expect(taken('payments/PaymentErrors', [errors, { ...errors }]).kind).toBe('taken');
  });

  it('is named in the sentence of a rollback', async () => {
    const checks = checksOf('payments/PaymentErrors', [{ ...errors, forSeconds: 20 }]);
    const plan = planWith(checks, { judge: 'threshold', interval: 10 });
    const driven = drive({ plan, state: { kind: 'preflight', waitingFor: null } });
    await driven.run(10);
    const { measure } = driven.metrics;
    driven.metrics.measure = async (request, signal) => ({
      ...(await measure(request, signal)),
      checks: {
        limit: {
          canary: { kind: 'value', value: 0.03, requests: 1000 },
          stable: { kind: 'value', value: 0, requests: 1000 },
        },
      },
    });
    await driven.run(60);
    expect(driven.status()).toBe('rolled_back');
    const { state } = driven.world.rollout;
    const cause = state.kind === 'rolledBack' ? because.cause(state.cause, canaryd) : '';
    expect(cause).toContain('(check limit, by the alert rule payments/PaymentErrors; 1000 requests');
  });

  it('is named by the sequential judge, too', async () => {
    const checks = checksOf('payments/PaymentErrors', [errors]);
    const plan = planWith(
      { limit: { ...checks.limit, severity: 'warning', max: 0.001 } },
      { judge: 'sequential' },
    );
    const driven = drive({ plan, state: { kind: 'preflight', waitingFor: null } });
    await driven.run(10);
    driven.flow.stable = { errors: 0.0009, slow: 0.003 };
    driven.flow.perSecond = 4000;
    driven.flow.canary = { errors: 0.0022, slow: 0.003 };
    await driven.run(70);
    const { state } = driven.world.rollout;
    const why = state.kind === 'paused' ? because.pause(state.reason) : '';
    expect(why).toContain('The limit is that of the alert rule payments/PaymentErrors');
  });
});

describe('a rule that cannot be taken', () => {
  it('is none that Prometheus has, and a few of those it has are named', () => {
    expect(refusal('payments/PaymentErors', [errors, slow])).toBe(
      'Prometheus has no alert rule payments/PaymentErors: it has payments/PaymentErrors, payments/PaymentSlow',
    );
    expect(refusal('payments/PaymentErrors', [])).toContain('it has none');
    expect(
      refusal('payments/PaymentErrors', { kind: 'read', rules: [], gaps: ['a group is not understood'] }),
    ).toContain('a group is not understood');
  });

  it('is one of several that differ', () => {
    const other = { ...errors, labels: { severity: 'warning' } };
    expect(refusal('payments/PaymentErrors', [errors, other])).toContain('several alert rules');
  });

  it('is one of a Prometheus that cannot be read', () => {
    expect(refusal('payments/PaymentErrors', { kind: 'unread', why: 'Prometheus refused' })).toBe(
      'the alert rules could not be read: Prometheus refused',
    );
  });

  it.each([
    ['is about something else', { expr: 'up == 0' }, /cannot be taken/],
    ['has no severity', { labels: {} }, /write "severity: critical" to roll back/],
    ['is on another quantile', { expr: `histogram_quantile(0.95, ${buckets}) > 800` }, /0\.95 quantile/],
    ['looks back longer than a check can', { expr: errors.expr.replaceAll('5m', '8d') }, /7d/],
  ] satisfies [string, Partial<KnownRule>, RegExp][])('%s', (_what, change, why) => {
    expect(refusal('payments/PaymentErrors', [{ ...errors, ...change }])).toMatch(why);
  });

  it.each([
    [`destination_service_name="${name}"`, 'destination_service_name="ledger"', /it is a rule for others/],
    [`destination_service_name="${name}"`, 'destination_version="v1"', /it is a rule for others/],
    [`destination_service_name="${name}"`, 'destination_workload="payment-v2"', /is not known/],
  ])('is about other requests than those of the canary: %s as %s', (from, to, why) => {
    const checks = checksOf('payments/PaymentErrors', [
      { ...errors, expr: errors.expr.replaceAll(from, to) },
    ]);
    const [fault] = misfits(planWith(checks), paymentTarget);
    expect(fault).toMatchObject({ path: ['checks', 'limit', 'rule'], code: 'plan-inconsistent' });
    expect(fault?.message).toMatch(why);
  });

  it('is none where every label is that of the canary', () => {
    const checks = checksOf('payments/PaymentErrors', [errors]);
    expect(misfits(planWith(checks), paymentTarget)).toEqual([]);
  });
});
