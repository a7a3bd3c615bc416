import { Plan } from '../../src/rollout/plan.ts';
import {
  emptyWatch,
  isScheduled,
  type Rollout,
  type StoredRollout,
  trafficAt,
} from '../../src/rollout/rollout.ts';
import { newScheduled, type ScheduledRollout } from '../../src/rollout/scheduled.ts';
import type { Arm, Target } from '../../src/rollout/target.ts';

/** The instant at which test rollouts are created: 2026-01-05T10:00:00Z, in milliseconds. */
export const start = Date.UTC(2026, 0, 5, 10);

/** 5, 20 and 50 percent for a minute each, then all, watched for a minute. */
export const bankPlan = Plan.parse({
  name: 'bank',
  judge: 'threshold',
  steps: [
    { type: 'setWeight', weight: 5 },
    { type: 'bake', duration: '60s' },
    { type: 'setWeight', weight: 20 },
    { type: 'bake', duration: '60s' },
    { type: 'setWeight', weight: 50 },
    { type: 'bake', duration: '60s' },
    { type: 'promote', bake: '60s' },
  ],
});

/** payment-service in payment-prod, from v1 to v2. */
export const paymentTarget: Target = {
  cluster: 'default',
  namespace: 'payment-prod',
  virtualService: 'payment-service',
  uid: '6f1c0b6e-3f7a-4f0e-9a52-0c4f6f1d2a10',
  route: 'primary',
  stable: arm('v1'),
  canary: arm('v2'),
  routes: [{ key: { kind: 'http', name: 'primary' }, original: { stable: 100, canary: 0, others: [] } }],
  also: [],
  stableReadyAtStart: 3,
};

/** A valid rollout, running at its first step with no traffic moved yet; `overrides` replace whole top-level fields. */
export function aRollout(overrides: Partial<Rollout> = {}): Rollout {
  return {
    id: rolloutId(1),
    revision: 1,
    target: paymentTarget,
    plan: bankPlan,
    planVersion: null,
    requestedBy: { kind: 'person', name: 'ana' },
    reason: null,
    createdAt: start,
    deadlineAt: start + bankPlan.deadline * 1000,
    nextPollAt: start,
    scrapeSeconds: 1,
    state: { kind: 'running', position: { step: 0, startedAt: start, overridden: false, bakeEnded: false } },
    approvals: [],
    identity: null,
    rollbackOf: null,
    reasserted: [],
    writeEpoch: null,
    schedule: null,
    traffic: trafficAt(0, start),
    watch: emptyWatch,
    ...overrides,
  };
}

/** A rollout whose turn has not come, first in its queue; `overrides` replace whole top-level fields. */
export function aScheduled(overrides: Partial<ScheduledRollout> = {}): ScheduledRollout {
  const { cluster, namespace, virtualService } = paymentTarget;
  const asked = {
    id: rolloutId(1),
    target: { cluster, namespace, virtualService },
    plan: bankPlan,
    planVersion: null,
    requestedBy: { kind: 'person' as const, name: 'ana' },
    reason: null,
    startAt: null,
    onConflict: 'queue' as const,
  };
  return { ...newScheduled(asked, null, start), ...overrides };
}

/** The rollout that a test knows to have begun; throws when it has not. */
export function begun(rollout: StoredRollout | undefined | null): Rollout {
  if (rollout === undefined || rollout === null) throw new Error('there is no such rollout');
  if (isScheduled(rollout)) throw new Error(`${rollout.id} is scheduled, and has not begun`);
  return rollout;
}

/** The id of the nth test rollout; a higher number is a newer rollout. */
export function rolloutId(number: number): string {
  return `ro_01KE6QWX00${String(number).padStart(16, '0')}`;
}

/** Another VirtualService of the same namespace. */
export function targetNamed(virtualService: string): Target {
  return { ...paymentTarget, virtualService };
}

function arm(version: string): Arm {
  return {
    host: 'payment-service',
    subset: version,
    service: { name: 'payment-service', namespace: 'payment-prod' },
    version,
    podLabels: { app: 'payment-service', version },
  };
}
