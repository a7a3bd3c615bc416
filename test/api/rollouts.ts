import { Plan } from '../../src/rollout/plan.ts';
import type { Actor, Cause } from '../../src/rollout/reasons.ts';
import { newRollout, type Rollout, trafficAt } from '../../src/rollout/rollout.ts';
import type { State } from '../../src/rollout/state.ts';

/** When the fixtures' world stands still: 2026-11-24T14:00:00Z. */
export const now = Date.UTC(2026, 10, 24, 14);

export const rolloutId = 'ro_01KB4ZJ5Q8X2V7N3M6R9T0W1YC';
export const alice: Actor = { kind: 'person', name: 'alice' };

export const planAsWritten = {
  checks: {
    errors: { metric: 'errorRate', max: '1%' },
    p99: { metric: 'p99LatencyMs', max: 300 },
  },
  steps: [
    { type: 'setWeight', weight: 5 },
    { type: 'bake', duration: '5m' },
    { type: 'promote', bake: 300 },
  ],
};

export const bodyAsWritten = {
  target: { namespace: 'payments', virtualService: 'payment-service' },
  plan: planAsWritten,
  reason: 'CHG0041234',
};

/** A check that failed twice: what the audit row, the status and the outcome must all name. */
export const latencyCause: Extract<Cause, { kind: 'check' }> = {
  kind: 'check',
  check: 'p99',
  metric: 'p99LatencyMs',
  value: 412,
  stable: 191,
  limit: 300,
  requests: 18_204,
  failures: 2,
  windowSeconds: 60,
  bucket: { lowerMs: 250, upperMs: 500 },
};

/** A rollout in any state, five minutes old, with 5 % of traffic on the canary unless told otherwise. */
export function rolloutIn(state: State, changes: Partial<Rollout> = {}): Rollout {
  const asked = {
    id: rolloutId,
    target,
    plan: Plan.parse(planAsWritten),
    requestedBy: alice,
    reason: 'CHG0041234',
  };
  const fresh = newRollout(asked, 1, now - 300_000);
  const traffic = trafficAt(5, now - 200_000);
  return { ...fresh, revision: 7, state, traffic, ...changes };
}

export const running: State = {
  kind: 'running',
  position: { step: 1, startedAt: now - 100_000, overridden: false, bakeEnded: false },
};

export const rolledBack: Extract<State, { kind: 'rolledBack' }> = {
  kind: 'rolledBack',
  at: now - 1000,
  since: now - 5000,
  cause: latencyCause,
  by: { kind: 'canaryd', name: 'canaryd' },
};

const target: Rollout['target'] = {
  cluster: 'default',
  namespace: 'payments',
  virtualService: 'payment-service',
  uid: 'b1c5f0f6-0000-4000-8000-000000000001',
  route: '',
  stable: arm('v1'),
  canary: arm('v2'),
  routes: [{ key: { kind: 'http', name: '' }, original: { stable: 100, canary: 0, others: [] } }],
  also: [],
  stableReadyAtStart: 3,
};

function arm(version: string): Rollout['target']['stable'] {
  const service = { name: 'payment-service', namespace: 'payments' };
  return { host: service.name, subset: version, service, version, podLabels: { version } };
}
