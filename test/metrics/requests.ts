import type { Check } from '../../src/rollout/plan-parts.ts';
import type { MeasureRequest } from '../../src/rollout/ports/metrics.ts';
import type { Arm, Target } from '../../src/rollout/target.ts';

export const errorRate: Check = { metric: 'errorRate', max: 0.01, window: 60, failures: 2, minRequests: 100 };
export const p99: Check = { metric: 'p99LatencyMs', max: 2000, window: 60, failures: 2, minRequests: 100 };

/** 2026-01-01T00:00:00Z */
export const someInstant = 1_767_225_600_000;

/** A target with stable v1 and canary v2 behind one service. */
export function targetOf(service: string, versions = { stable: 'v1', canary: 'v2' }): Target {
  const arm = (version: string) => ({
    host: `${service}.bank.svc.cluster.local`,
    subset: version,
    service: { name: service, namespace: 'bank' },
    version,
    podLabels: { app: service, version },
  });
  return {
    cluster: 'default',
    namespace: 'bank',
    virtualService: service,
    uid: '7c1f3f0e-0000-4000-8000-000000000001',
    route: '',
    stable: arm(versions.stable),
    canary: arm(versions.canary),
    routes: [{ key: { kind: 'http', name: '' }, original: { stable: 100, canary: 0, others: [] } }],
    also: [],
    stableReadyAtStart: 3,
  };
}

/** A target in the namespace `bank` whose stable and canary are the services blue and green, all of their hosts. */
export function hostTarget(
  more: { subset?: string; stable?: Partial<Arm>; canary?: Partial<Arm> } = {},
): Target {
  const { subset = null } = more;
  const arm = (name: string): Arm => ({
    host: `${name}.bank.svc.cluster.local`,
    subset,
    service: { name, namespace: 'bank' },
    version: name,
    podLabels: { app: 'payments', slot: name, ...(subset === null ? {} : { version: subset }) },
  });
  const target = targetOf('payments');
  return {
    ...target,
    stable: { ...arm('blue'), ...more.stable },
    canary: { ...arm('green'), ...more.canary },
  };
}

/** A target whose stable and canary are hosts of ServiceEntries in the namespace `bank`, without pods. */
export function entryTarget(stable = 'rates.example.com', canary = 'rates-next.example.com'): Target {
  const arm = (name: string) => ({
    host: name,
    service: { name, namespace: 'bank' },
    version: name,
    podLabels: null,
  });
  return hostTarget({ stable: arm(stable), canary: arm(canary) });
}

/** A request for both checks at `someInstant`, with whatever the test changes. */
export function requestOf(changes: Partial<MeasureRequest> = {}): MeasureRequest {
  return {
    target: targetOf('payments'),
    checks: { errorRate, p99 },
    at: someInstant,
    incrementSeconds: 10,
    mirrored: false,
    ...changes,
  };
}
