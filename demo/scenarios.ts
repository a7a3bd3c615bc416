import type { Sandbox } from '../src/sandbox/sandbox.ts';

type VersionChange = Parameters<Sandbox['setVersion']>[2];

/** One release of the demo: what goes wrong with the canary and when, and how it must end. */
export type Scenario = {
  name: 'good' | 'slow' | 'failing' | 'dead';
  title: string;
  canary: string;
  /** What happens to the canary once this share was applied; 0 is before the release starts. */
  fault: { atShare: number; change: VersionChange } | null;
  ends: { status: 'succeeded' } | { status: 'rolled_back'; cause: string; check?: string };
  /** Another plan than that of the demo. */
  plan?: object;
};

/** A canary with nothing wrong. */
export const healthy: VersionChange = { errorRate: 0.0005, medianMs: 60, p99Ms: 240, readyPods: 2 };

/** What may be wrong with a canary. */
export const faults = {
  slow: { medianMs: 700, p99Ms: 3200 },
  failing: { errorRate: 0.12 },
  dead: { readyPods: 0 },
} as const satisfies Record<string, VersionChange>;

export const service = 'payment-service';

/** The target of a release to this version. */
export function targetOf(canary: string): object {
  return {
    namespace: 'payment-prod',
    virtualService: service,
    route: 'primary',
    canary: { subset: canary },
  };
}

export const scenarios: Scenario[] = [
  {
    name: 'good',
    title: 'v1 to v2, nothing wrong with it',
    canary: 'v2',
    fault: null,
    ends: { status: 'succeeded' },
  },
  {
    name: 'slow',
    title: 'v2 to v3, which becomes slow at 20 %',
    canary: 'v3',
    fault: { atShare: 20, change: faults.slow },
    ends: { status: 'rolled_back', cause: 'judge' },
  },
  {
    name: 'failing',
    title: 'v2 to v3, which answers 5xx from its first request',
    canary: 'v3',
    fault: { atShare: 0, change: faults.failing },
    ends: { status: 'rolled_back', cause: 'judge' },
  },
  {
    name: 'dead',
    title: 'v2 to v3, whose pods die at 5 %',
    canary: 'v3',
    fault: { atShare: 5, change: faults.dead },
    ends: { status: 'rolled_back', cause: 'canary_unreachable' },
  },
];

/** The versions of the mesh, each the next one's stable. */
export const versions = ['v1', 'v2', 'v3'] as const;

/** Times are short because the sandbox is scraped each second; the limits are the bank's own. */
export const demoPlan = {
  name: 'demo',
  interval: '2s',
  deadline: '5m',
  checks: {
    errors: { metric: 'errorRate', max: '1%', window: '6s', failures: 2, minRequests: 100 },
    p99: { metric: 'p99LatencyMs', max: 2000, window: '6s', failures: 2, minRequests: 100 },
  },
  steps: [
    { type: 'setWeight', weight: 5 },
    { type: 'bake', duration: '8s' },
    { type: 'setWeight', weight: 20 },
    { type: 'bake', duration: '8s' },
    { type: 'setWeight', weight: 50 },
    { type: 'bake', duration: '8s' },
    { type: 'promote', bake: '6s' },
  ],
} as const;

/** The same, slow enough to press keys meanwhile, and long enough to see what canaryd does without metrics. */
export const livePlan = {
  ...demoPlan,
  name: 'demo-live',
  deadline: '1h',
  steps: [
    { type: 'setWeight', weight: 5 },
    { type: 'bake', duration: '20s' },
    { type: 'setWeight', weight: 20 },
    { type: 'bake', duration: '20s' },
    { type: 'setWeight', weight: 50 },
    { type: 'bake', duration: '20s' },
    { type: 'promote', bake: '15s' },
  ],
} as const;
