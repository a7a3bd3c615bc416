import type { RolloutSeen } from '../../demo/client.ts';
import type { Poll, ScreenState } from '../../demo/screen/state.ts';

const measured = (value: number | null, requests: number | null, kind = 'value') => ({
  kind,
  value,
  requests,
});

export const errors = {
  id: 'errors',
  unit: 'ratio',
  limit: 0.01,
  verdict: 'pass',
  canary: measured(0.0005, 531),
  stable: measured(0.0004, 2140),
  failuresInARow: 0,
  failuresToRollBack: 2,
  measuredAt: '2026-11-23T05:46:03.000Z',
};

export const p99 = {
  ...errors,
  id: 'p99',
  unit: 'ms',
  limit: 2000,
  canary: measured(243, 531),
  stable: measured(249, 2140),
};

/** A release in the second bake of its plan, with everything well. */
export const baking: RolloutSeen = {
  id: 'ro_01',
  status: 'running',
  statusReason: null,
  target: { namespace: 'payment-prod', virtualService: 'payment-service', route: 'primary' },
  versions: { stable: 'v1', canary: 'v2' },
  plan: {
    name: 'demo',
    steps: [
      { type: 'setWeight', weight: 5 },
      { type: 'bake', duration: 20 },
      { type: 'setWeight', weight: 20 },
      { type: 'bake', duration: 20 },
      { type: 'setWeight', weight: 50 },
      { type: 'pause' },
      { type: 'promote', bake: 15 },
    ],
  },
  step: { index: 3, total: 7, type: 'bake' },
  requestedBy: { name: 'you' },
  reason: 'CHG0041234',
  createdAt: '2026-11-23T05:45:40.000Z',
  allowedActions: ['pause', 'advance', 'promote', 'rollback'],
  weight: { desired: 20, applied: 20, observed: 19.6 },
  explanation: {
    what: 'Step 4 of 7: bake for 20 s.',
    traffic: '20 % of traffic on v2 (canary), 80 % of traffic on v1 (stable).',
    next: 'Looks again in 1 s and goes on at 05:46:21Z or later, when every check has passed at this weight; rolls back by itself if a guard fails, and at 06:45:40Z at the latest.',
  },
  checks: [errors, p99],
  outcome: null,
};

const noOutcome = {
  cause: null,
  check: null,
  unit: null,
  value: null,
  limit: null,
  requests: null,
  stuck: null,
};
const polls: Poll[] = [240, 251, 243, 244, 243].map((value, index) => ({
  at: `2026-11-23T05:45:5${index}.000Z`,
  share: index < 2 ? 5 : 20,
  checks: [
    { id: 'errors', canary: 0.0005, stable: 0.0004, requests: 500 + index, verdict: 'pass' },
    { id: 'p99', canary: value, stable: 249, requests: 500 + index, verdict: 'pass' },
  ],
}));

const idleKeys = [
  { key: 's', label: 'slow', isOpen: true },
  { key: 'b', label: 'break Prometheus', isOpen: true },
  { key: 'n', label: 'next release', isOpen: false },
  { key: 'q', label: 'quit', isOpen: true },
];

/** The screen of a release; without colours, so that what is read is what is written. */
export function stateOf(release: Partial<RolloutSeen> = {}, change: Partial<ScreenState> = {}): ScreenState {
  return {
    colour: false,
    ascii: false,
    release: { ...baking, ...release },
    reached: 3,
    clock: { elapsedSeconds: 11, ofSeconds: 20, stands: false },
    polls,
    decisions: [
      { at: '2026-11-23T05:45:41.000Z', by: 'you', text: 'You started a release: v1 to v2.' },
      {
        at: '2026-11-23T05:46:01.000Z',
        by: 'canaryd',
        text: 'Weight of v2 went from 5 % to 20 %, read back: 20 % of traffic on v2 (canary), 80 % of traffic on v1 (stable).',
      },
    ],
    broken: [],
    notice: null,
    access: [],
    keys: idleKeys,
    ...change,
  };
}

const badP99 = { ...p99, verdict: 'fail', canary: measured(4178, 533), failuresInARow: 2 };
const badPoll = {
  at: '2026-11-23T05:46:03.000Z',
  share: 20,
  checks: [
    { id: 'errors', canary: 0.0005, stable: 0.0004, requests: 533, verdict: 'pass' },
    { id: 'p99', canary: 4178, stable: 249, requests: 533, verdict: 'fail' },
  ],
};

/** Each state that a viewer must be able to tell from the others. */
export const moments = {
  running: stateOf(
    { step: { index: 2, total: 7, type: 'setWeight' }, weight: { desired: 20, applied: 5 } },
    { clock: null },
  ),
  baking: stateOf(),
  holding: stateOf(
    {
      status: 'holding',
      statusReason: 'metrics_missing',
      checks: [
        { ...errors, verdict: 'error', canary: measured(null, null, 'unavailable'), stable: null },
        { ...p99, verdict: 'error', canary: measured(null, null, 'unavailable'), stable: null },
      ],
      explanation: {
        ...baking.explanation,
        what: 'Holding since 05:46:05Z: no usable metrics since 05:46:05Z: Prometheus did not answer within 3 s.',
      },
    },
    {
      clock: { elapsedSeconds: 11, ofSeconds: 20, stands: true },
      broken: ['Prometheus stands still for 0:42: canaryd holds the weight, pages at 3 min without metrics.'],
      polls: [...polls, { ...badPoll, checks: badPoll.checks.map((check) => ({ ...check, canary: null })) }],
    },
  ),
  paused: stateOf(
    { status: 'paused', statusReason: 'operator' },
    { clock: { elapsedSeconds: 11, ofSeconds: 20, stands: true } },
  ),
  'stuck on its way back': stateOf(
    {
      status: 'rolling_back',
      statusReason: 'stable_not_ready',
      step: null,
      weight: { desired: 0, applied: 20, observed: 20 },
      outcome: { ...noOutcome, cause: 'check', check: 'p99', stuck: 'stable_not_ready' },
      checks: [errors, badP99],
    },
    { clock: null, polls: [...polls, badPoll] },
  ),
  'rolled back': stateOf(
    {
      status: 'rolled_back',
      statusReason: 'analysis_failed',
      step: null,
      weight: { desired: 0, applied: 0, observed: 0 },
      outcome: { ...noOutcome, cause: 'check', check: 'p99', value: 4178 },
      checks: [errors, badP99],
    },
    { clock: null, polls: [...polls, badPoll] },
  ),
  succeeded: stateOf(
    { status: 'succeeded', step: null, weight: { desired: 100, applied: 100, observed: null } },
    { clock: null, reached: 6 },
  ),
};
