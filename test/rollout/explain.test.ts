import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { currentStepOf, type Explanation, explain } from '../../src/rollout/explain.ts';
import type { Cause, HoldReason, PauseReason, StuckReason } from '../../src/rollout/reasons.ts';
import { type Rollout, trafficAt } from '../../src/rollout/rollout.ts';
import type { State } from '../../src/rollout/state.ts';
import { exitCodeOf, statusReasonOf } from '../../src/rollout/status-reason.ts';
import { aRollout, rolloutId } from '../fakes/rollouts.ts';
import { verdictAt } from '../fakes/verdicts.ts';
import { alice, drive, mood, noneReady, start } from './drive.ts';
import { type Driven, places, planOf } from './places.ts';

const forbidden = { kind: 'unavailable', reason: 'forbidden', why: 'may not patch' } as const;
const now = start + 600_000;
const position = { step: 1, startedAt: start, overridden: false, bakeEnded: false };
const canaryd = { kind: 'canaryd', name: 'canaryd' } as const;

const holds: Record<HoldReason['kind'], HoldReason> = {
  alert: {
    kind: 'alert',
    name: 'PaymentsErrorRate',
    labels: { alertname: 'PaymentsErrorRate', severity: 'critical' },
    receivedBy: { kind: 'prometheus' },
    startsAt: start - 60_000,
    only: 'beganBefore',
    since: start,
  },
  metricsMissing: { kind: 'metricsMissing', why: 'Prometheus refused.', since: start },
  noTraffic: { kind: 'noTraffic', requests: 3, expected: 12.4, needed: 100 },
  trafficMismatch: {
    kind: 'trafficMismatch',
    applied: 5,
    observed: 12.345,
    tolerance: 1.21,
    requests: 4012,
    since: start,
  },
  environment: {
    kind: 'environment',
    check: 'errorRate',
    metric: 'errorRate',
    canary: 0.05,
    stable: 0.06,
    limit: 0.01,
    requests: 812,
    since: start,
  },
  judged: {
    kind: 'judged',
    ruling: 'suspicion',
    why: 'there is some evidence against it, too little to roll back. Evidence 12 (100 is needed).',
    since: start,
    until: start + 300_000,
    verdict: verdictAt(0.02),
  },
  stableNotReady: { kind: 'stableNotReady', ready: 2, total: 4, needed: 3 },
  unproven: { kind: 'unproven', share: 5 },
  targetMissing: { kind: 'targetMissing', since: start },
  canaryNotReady: { kind: 'canaryNotReady', total: 3 },
  canaryUnsettled: { kind: 'canaryUnsettled', why: 'none of its pods is ready' },
  notReady: {
    kind: 'notReady',
    check: 'PF-AL-02',
    why: 'PF-AL-02: CardNetworkDown is firing; end it first',
    checkedAt: now,
  },
  killSwitch: {
    kind: 'killSwitch',
    order: 'ho_01KB4ZJ5Q8X2V7N3M6R9T0W1YC',
    scope: 'namespace payments of all clusters',
    by: alice,
    reason: 'card network is down.',
    since: start,
    countedUntil: start,
  },
  meshUnavailable: { kind: 'meshUnavailable', why: 'no answer in 3 s' },
  meshWriteFailed: { kind: 'meshWriteFailed', why: 'may not patch virtualservices' },
};

const pauses: Record<PauseReason['kind'], PauseReason> = {
  operator: { kind: 'operator', by: alice, note: 'looking at the error log.' },
  plan: { kind: 'plan' },
  inconclusive: {
    kind: 'inconclusive',
    why: 'there is some evidence against it, too little to roll back.',
    seconds: 300,
    verdict: verdictAt(0.02),
  },
  warning: {
    kind: 'warning',
    check: 'p99',
    why: 'P99 latency of the canary was 2411 ms, above the limit of 2000 ms.',
    verdict: null,
  },
  drift: { kind: 'drift', expected: 5, found: 30, movedBy: null, gitOps: null },
  canaryChanged: {
    kind: 'canaryChanged',
    container: 'app',
    from: `sha256:${'a'.repeat(64)}`,
    to: `sha256:${'b'.repeat(64)}`,
    paged: false,
  },
  recreated: { kind: 'recreated', uid: 'another' },
  shapeChanged: {
    kind: 'shapeChanged',
    why: 'spec.http[0]: two routes are named primary',
    movedBy: null,
    gitOps: null,
  },
  routesChanged: {
    kind: 'routesChanged',
    why: 'there are none where canaryd wants canaryd-header',
    movedBy: null,
    gitOps: null,
  },
  stateRestored: { kind: 'stateRestored', desired: 5, found: 20, recordedEpoch: 7, foundEpoch: 11 },
  anotherRollout: { kind: 'anotherRollout', rollout: rolloutId(9), epoch: 4, signedBy: null },
};

const stucks: Record<StuckReason['kind'], StuckReason> = {
  meshWriteFailed: { kind: 'meshWriteFailed', why: 'the webhook is down' },
  stableMissing: { kind: 'stableMissing' },
  targetMissing: { kind: 'targetMissing', since: start },
  stableNotReady: { kind: 'stableNotReady' },
  stableCarries: { kind: 'stableCarries' },
};

const check: Extract<Cause, { kind: 'check' }> = {
  kind: 'check',
  check: 'p99',
  metric: 'p99LatencyMs',
  value: 2411.4,
  stable: 180,
  limit: 2000,
  requests: 1204.3,
  failures: 2,
  windowSeconds: 60,
  bucket: { lowerMs: 1000, upperMs: 2500 },
};
const causes: Record<Cause['kind'], Cause> = {
  check,
  judged: {
    kind: 'judged',
    ruling: 'regression',
    why: 'the canary is worse than stable. 5xx of the canary 90 of 450 = 20 %.',
    share: 5,
    verdict: verdictAt(0.2),
    queries: [],
  },
  severeErrors: { kind: 'severeErrors', value: 0.52, limit: 0.25, requests: 41 },
  canaryUnreachable: {
    kind: 'canaryUnreachable',
    evidence: { kind: 'missingRequests', requests: 2, expected: 52.6, polls: 3 },
  },
  unattributedErrors: { kind: 'unattributedErrors', value: 0.034, limit: 0.01, requests: 900, failures: 2 },
  environmentLimit: {
    kind: 'environmentLimit',
    check: 'p99',
    metric: 'p99LatencyMs',
    value: 2600,
    stable: 2500,
    limit: 2000,
    requests: 700,
    seconds: 300,
  },
  alert: {
    kind: 'alert',
    name: 'PaymentsErrorRate',
    labels: { alertname: 'PaymentsErrorRate', severity: 'critical' },
    receivedBy: { kind: 'hook', by: { kind: 'machine', name: 'alertmanager' } },
    startsAt: start + 60_000,
  },
  metricsMissing: { kind: 'metricsMissing', seconds: 900, why: 'Prometheus refused.' },
  deadline: { kind: 'deadline', seconds: 7200 },
  expired: { kind: 'expired', seconds: 86_400 },
  approvalExpired: { kind: 'approvalExpired', seconds: 86_400, approvals: 1, needed: 2 },
  approvalRejected: { kind: 'approvalRejected', reason: 'not on a Friday.' },
  handoverUndone: { kind: 'handoverUndone' },
  targetMissing: { kind: 'targetMissing' },
  outOfBand: { kind: 'outOfBand', epoch: 11 },
  stateRestored: { kind: 'stateRestored', desired: 20, found: 0, recordedEpoch: 7, foundEpoch: 11 },
  drift: { kind: 'drift', expected: 5, found: 30, movedBy: null, gitOps: null },
  operator: { kind: 'operator', reason: 'customers report failed payments.' },
};

function at(state: State, over: Partial<Rollout> = {}): Rollout {
  return aRollout({
    traffic: trafficAt(5, start),
    ...over,
    state,
  });
}

const running = at({ kind: 'running', position });
const holding = (reason: HoldReason) => at({ kind: 'holding', position, since: start, reason });
const paused = (reason: PauseReason) => at({ kind: 'paused', position, since: start, reason });
const goingBack = (cause: Cause, stuck: StuckReason | null = null, by: typeof alice = canaryd) =>
  at({ kind: 'rollingBack', since: start, cause, by, stuck, firstEpoch: null });
const wentBack = (cause: Cause, by: typeof alice = canaryd) =>
  at(
    { kind: 'rolledBack', at: start, since: start, cause, by },
    {
      traffic: trafficAt(0, start),
    },
  );
const ended = {
  succeeded: at(
    { kind: 'succeeded', at: start },
    {
      traffic: trafficAt(100, start),
    },
  ),
  rollbackFailed: at({ kind: 'rollbackFailed', at: start, cause: check, why: 'the VirtualService is gone' }),
  preflightFailed: aRollout({
    state: { kind: 'preflightFailed', at: start, why: 'no metrics: Prometheus refused.' },
  }),
  cancelled: aRollout({ state: { kind: 'cancelled', at: start, by: alice, reason: null } }),
};

const whatOf = (rollout: Rollout) => explain(rollout, now + 8000, now).what;
const nextOf = (rollout: Rollout) => explain(rollout, now + 8000, now).next;
const trafficOf = (rollout: Rollout) => explain(rollout, now + 8000, now).traffic;

describe('what happened', () => {
  it.each<[HoldReason['kind'], string]>([
    ['metricsMissing', 'Holding since 10:00:00Z: no usable metrics since 10:00:00Z: Prometheus refused.'],
    [
      'alert',
      'Holding since 10:00:00Z: the alert PaymentsErrorRate with severity="critical" has fired since 2026-01-05T09:59:00Z, which is before this rollout began: that is no reason to roll back, but to hold until it is over (read from Prometheus).',
    ],
    [
      'noTraffic',
      "Holding since 10:00:00Z: too little traffic to judge: in the check's window the canary had 3 requests and could expect 12, 100 are needed (raise the weight, lengthen the window, or lower minRequests).",
    ],
    [
      'trafficMismatch',
      'Holding since 10:00:00Z: 12.35 % of 4012 requests went to the canary, where its weight of 5 % allows 3.79 % to 6.21 %, since 10:00:00Z: the mesh does not divide them as the VirtualService says (look for proxies that have not taken it with istioctl proxy-status, for other routes or callers without a proxy that reach the canary, and for retries).',
    ],
    [
      'environment',
      'Holding since 10:00:00Z: 5xx ratio of the canary is 5 %, above the limit of 1 %, and stable no better with 6 %, since 10:00:00Z: the cause is not the canary (check errorRate; 812 requests).',
    ],
    [
      'stableNotReady',
      'Holding since 10:00:00Z: stable has 2 of 4 pods ready, 3 are needed to be able to go back.',
    ],
    [
      'canaryNotReady',
      'Holding since 10:00:00Z: the canary has no ready pod (0 of 3), so it gets no more traffic.',
    ],
    [
      'unproven',
      'Holding since 10:00:00Z: a check has not passed lately at 5 %, and more traffic needs fresh proof.',
    ],
    ['targetMissing', 'Holding since 10:00:00Z: the VirtualService is gone since 10:00:00Z.'],
    [
      'canaryUnsettled',
      'Holding since 10:00:00Z: the canary is not one thing yet, so it gets no traffic: none of its pods is ready.',
    ],
    [
      'notReady',
      'Holding since 10:00:00Z: the mesh is not ready for more: PF-AL-02: CardNetworkDown is firing; end it first.',
    ],
    [
      'killSwitch',
      'Holding since 10:00:00Z: alice stopped every move forward in namespace payments of all clusters at 10:00:00Z (DELETE /v1/hold/ho_01KB4ZJ5Q8X2V7N3M6R9T0W1YC lifts it): card network is down.',
    ],
    ['meshUnavailable', 'Holding since 10:00:00Z: the VirtualService cannot be read: no answer in 3 s.'],
    [
      'meshWriteFailed',
      'Holding since 10:00:00Z: the weight could not be written: may not patch virtualservices.',
    ],
  ])('in a hold for %s is said with value, unit, limit and requests', (kind, sentence) => {
    expect(whatOf(holding(holds[kind]))).toBe(sentence);
  });

  it.each<[PauseReason['kind'], string]>([
    ['operator', 'Paused by alice: looking at the error log (paused since 10:00:00Z).'],
    ['plan', 'The plan waits here for a person (paused since 10:00:00Z).'],
    ['drift', "Somebody else moved the canary's weight from 5 % to 30 % (paused since 10:00:00Z)."],
    [
      'canaryChanged',
      'The canary is another one now: container app ran sha256:aaaaaaaaaaaa and runs sha256:bbbbbbbbbbbb; what was measured and approved counts no more (paused since 10:00:00Z).',
    ],
    ['recreated', 'The VirtualService was deleted and created anew (paused since 10:00:00Z).'],
    [
      'shapeChanged',
      'The VirtualService was changed into a form that canaryd does not edit: spec.http[0]: two routes are named primary; mend it with kubectl edit (paused since 10:00:00Z).',
    ],
    [
      'routesChanged',
      'Somebody else changed the managed routes: there are none where canaryd wants canaryd-header; resume writes them anew (paused since 10:00:00Z).',
    ],
  ])('in a pause for %s is said with who or what', (kind, sentence) => {
    expect(whatOf(paused(pauses[kind]))).toBe(sentence);
  });

  it.each<[Cause['kind'], string]>([
    [
      'check',
      'P99 latency of the canary was 2411 ms (between 1000 and 2500 ms), above the limit of 2000 ms, 2 times in a row (check p99; 1204 requests in 60 s, stable 180 ms).',
    ],
    [
      'severeErrors',
      '5xx ratio of the canary was 52 %, above the limit of 25 %, in two stretches in a row (41 requests in the last one).',
    ],
    [
      'canaryUnreachable',
      'the canary saw 2 requests where its share should have brought 53, in 3 polls in a row.',
    ],
    [
      'unattributedErrors',
      '5xx ratio at the callers, of requests that reached no version, was 3.4 %, above the limit of 1 %, 2 times in a row (900 requests).',
    ],
    [
      'environmentLimit',
      'P99 latency of the canary was 2600 ms, above the limit of 2000 ms, and stable no better with 2500 ms, for 5 min (check p99; 700 requests).',
    ],
    ['metricsMissing', 'there were no usable metrics for 15 min: Prometheus refused.'],
    [
      'alert',
      'the alert PaymentsErrorRate with severity="critical" has fired since 2026-01-05T10:01:00Z, after this rollout began, and the plan rolls back for it (sent by alertmanager).',
    ],
    ['deadline', "the plan's deadline of 2 h passed."],
    ['expired', 'nobody ended the pause within 24 h.'],
    ['approvalExpired', '1 of 2 approvals came within 24 h.'],
    ['approvalRejected', 'canaryd rejected it: not on a Friday.'],
    ['handoverUndone', "stable's pods run an image again that is not the canary's."],
    ['targetMissing', 'the VirtualService is gone.'],
    ['operator', 'canaryd asked for it: customers report failed payments.'],
  ])('in a rollback for %s is said with value, unit, limit and requests', (kind, sentence) => {
    expect(whatOf(goingBack(causes[kind]))).toBe(`Rolling back: ${sentence}`);
    expect(whatOf(wentBack(causes[kind]))).toBe(`Rolled back at 10:00:00Z: ${sentence}`);
  });

  it.each<[StuckReason['kind'], string]>([
    ['meshWriteFailed', 'Cannot finish rolling back: the weight could not be written: the webhook is down.'],
    [
      'stableMissing',
      "Cannot finish rolling back: stable's destination is gone from the route, so no weight can bring users back: put it back with kubectl edit.",
    ],
    [
      'targetMissing',
      'Cannot finish rolling back: the VirtualService is gone since 10:00:00Z: put it back, or it counts as gone for good.',
    ],
    [
      'stableNotReady',
      'Cannot finish rolling back: stable has no ready pod, so going back would take all users down: roll back by hand to do it all the same.',
    ],
  ])('in a rollback that is stuck on %s is said with the mend', (kind, sentence) => {
    expect(whatOf(goingBack(check, stucks[kind]))).toBe(sentence);
  });

  it('in a step is said with its place in the plan', () => {
    expect(whatOf(running)).toBe('Step 2 of 7: bake for 60 s.');
  });

  it('of a canary without a ready pod is said with the count', () => {
    const evidence = { kind: 'noReadyPod' as const, ready: 0, total: 3, polls: 2 };
    expect(whatOf(goingBack({ kind: 'canaryUnreachable', evidence }))).toBe(
      'Rolling back: the canary had no ready pod in 2 polls in a row (0 of 3 ready).',
    );
  });

  it.each<[string, Partial<Extract<Cause, { kind: 'check' }>>, string]>([
    ['just over its limit does not read as at it', { value: 2000.2 }, 'just over the limit of 2000 ms'],
    [
      'above the highest bucket names the bucket',
      { value: Number.MAX_VALUE },
      'was over 3600000 ms (between',
    ],
    ['with no stable to compare with says so', { stable: null }, 'stable gave nothing to compare with'],
    ['without a bucket shows none', { bucket: null }, 'above the limit of 2000 ms, 2 times in a row'],
    ['that needed one failure counts one', { failures: 1 }, ', 1 time (check'],
    [
      'of an absurd ratio stays readable',
      { metric: 'errorRate', value: Number.MAX_VALUE, limit: 0.01, bucket: null },
      'over 100 %',
    ],
  ])('by a value %s', (_name, over, part) => {
    expect(whatOf(goingBack({ ...check, ...over }))).toContain(part);
  });

  it('at an end is said with the time', () => {
    expect(whatOf(ended.succeeded)).toBe('Succeeded at 10:00:00Z.');
    expect(whatOf(ended.rollbackFailed)).toBe('Rollback failed: the VirtualService is gone.');
    expect(whatOf(ended.preflightFailed)).toBe('Not started: no metrics: Prometheus refused.');
    expect(whatOf(ended.cancelled)).toBe('Cancelled by alice before anything was moved.');
  });

  it('on another day is said with the date', () => {
    expect(explain(ended.succeeded, null, start + 86_400_000).what).toBe(
      'Succeeded at 2026-01-05 10:00:00Z.',
    );
  });
});

describe('where traffic is', () => {
  const with_ = (desired: number, applied: number, intent: Rollout['traffic']['intent'] = null) =>
    trafficOf({
      ...running,
      traffic: { ...trafficAt(applied, start), desired, intent },
    });

  it.each<[string, string, string]>([
    ['at rest', with_(0, 0), 'All traffic on v1 (stable).'],
    ['split', with_(5, 5), '5 % of traffic on v2 (canary), 95 % of traffic on v1 (stable).'],
    [
      'split finely',
      with_(0.25, 0.25),
      '0.25 % of traffic on v2 (canary), 99.75 % of traffic on v1 (stable).',
    ],
    ['promoted', with_(100, 100), 'All traffic on v2 (canary).'],
    [
      'being written',
      with_(20, 5, { share: 20, end: false, attempts: 1, managed: false }),
      '5 % of traffic on v2 (canary), 95 % of traffic on v1 (stable) when last read; 20 % for the canary is being written.',
    ],
  ])('%s', (_name, sentence, expected) => {
    expect(sentence).toBe(expected);
  });

  it('is a part of what both have where others keep theirs', () => {
    const beside = (applied: number, others: Rollout['target']['routes'][number]['original']['others']) => {
      const { target } = running;
      const routes = target.routes.map((one) => ({ ...one, original: { ...one.original, others } }));
      const managed = { desired: [], applied: [] };
      const traffic = { desired: applied, applied, appliedAt: start, intent: null, managed };
      return trafficOf({ ...running, target: { ...target, routes, also: [] }, traffic });
    };
    const partner = { host: 'partner', subset: null, weight: 10 };
    const v3 = { host: running.target.stable.host, subset: 'v3', weight: 1 };
    const idle = { host: 'old', subset: null, weight: null };
    expect(beside(10, [partner, idle])).toBe(
      '10 % of traffic on v2 (canary), 90 % of traffic on v1 (stable), of what v1 and v2 have; partner keeps its part.',
    );
    expect(beside(0, [partner, v3, { ...partner, subset: 'eu' }])).toBe(
      'All traffic on v1 (stable), of what v1 and v2 have; partner, v3, eu of partner keep their parts.',
    );
    expect(beside(0, [idle])).toBe('All traffic on v1 (stable).');
  });

  it.each<[string, Rollout]>([
    ['the mesh cannot be read', holding(holds.meshUnavailable)],
    ['the shape is not understood', paused(pauses.shapeChanged)],
    ['a rollback cannot be written', goingBack(check, stucks.meshWriteFailed)],
    ['the VirtualService is gone', ended.rollbackFailed],
  ])('is only what was read last when %s', (_name, rollout) => {
    expect(trafficOf(rollout)).toBe(
      '5 % of traffic on v2 (canary), 95 % of traffic on v1 (stable) when last read.',
    );
  });
});

describe('what comes next', () => {
  const guarded = 'rolls back by itself if a guard fails, and at 12:00:00Z at the latest.';

  it.each<[string, Rollout, string]>([
    [
      'a bake',
      running,
      `Looks again in 8 s and goes on at 10:01:00Z or later, when every check has passed at this weight; ${guarded}`,
    ],
    [
      'a weight',
      at({ kind: 'running', position: { step: 2, startedAt: start, overridden: false, bakeEnded: false } }),
      `Looks again in 8 s and writes 20 % for the canary; ${guarded}`,
    ],
    [
      'a last bake',
      at(
        { kind: 'running', position: { step: 6, startedAt: start, overridden: false, bakeEnded: false } },
        { traffic: ended.succeeded.traffic },
      ),
      `Looks again in 8 s and ends the rollout at 10:01:00Z or later, when every check has passed at this weight; ${guarded}`,
    ],
    [
      'a promotion',
      at({ kind: 'running', position: { step: 6, startedAt: start, overridden: false, bakeEnded: false } }),
      `Looks again in 8 s and writes 100 % for the canary; ${guarded}`,
    ],
    [
      'a timed pause',
      at(
        { kind: 'running', position: { step: 0, startedAt: now, overridden: false, bakeEnded: false } },
        {
          plan: planOf([
            { type: 'pause', duration: '5m' },
            { type: 'promote', bake: '1h' },
          ]),
        },
      ),
      `Looks again in 8 s and goes on at 10:15:00Z; ${guarded}`,
    ],
    [
      'a hold',
      holding(holds.noTraffic),
      `Looks again in 8 s and goes on by itself when this is over; ${guarded}`,
    ],
    [
      'missing metrics',
      holding(holds.metricsMissing),
      `Looks again in 8 s and goes on by itself when this is over, or rolls back at 10:15:00Z; ${guarded}`,
    ],
    [
      'a shared breach',
      holding(holds.environment),
      `Looks again in 8 s and goes on by itself when this is over, or rolls back at 10:05:00Z; ${guarded}`,
    ],
    [
      'a pause by a person',
      paused(pauses.operator),
      'Keeps the weight and looks again in 8 s; rolls back by itself if a guard fails, and at 2026-01-06 10:00:00Z if nobody resumes.',
    ],
    [
      'a pause by canaryd',
      paused(pauses.drift),
      'Keeps the weight and looks again in 8 s; rolls back by itself if a guard fails, and at 12:00:00Z if nobody resumes; resume with "drift":"adopt" to go on from 30 %, or with "drift":"reassert" to write 5 % again.',
    ],
    [
      'a rollback',
      goingBack(check),
      'Writes 0 % for the canary in 8 s and does not stop before it is read back.',
    ],
    [
      'a rollback whose stable is down',
      goingBack(check, stucks.stableNotReady),
      'Looks again in 8 s and writes 0 % for the canary as soon as stable has a ready pod.',
    ],
    [
      'a rollback whose stable is gone',
      goingBack(check, stucks.stableMissing),
      "Looks again in 8 s and writes 0 % for the canary as soon as stable's destination is back.",
    ],
    ['an end', wentBack(check), 'Nothing: this rollout has ended.'],
    [
      'an end that nobody wanted',
      ended.rollbackFailed,
      'Nothing: canaryd cannot mend this, look at the VirtualService.',
    ],
  ])('in %s is said with what and when', (_name, rollout, sentence) => {
    expect(nextOf(rollout)).toBe(sentence);
  });

  it('promises no rollback that a plan has replaced by a page', () => {
    const plan = planOf([{ type: 'promote', bake: '1h' }], { metricsDown: 'page' });
    const rollout = { ...holding(holds.metricsMissing), plan, traffic: ended.succeeded.traffic };
    expect(nextOf(rollout)).toBe(`Looks again in 8 s and goes on by itself when this is over; ${guarded}`);
  });

  it('that is due is said to be now', () => {
    expect(explain(running, now, now).next).toMatch(/^Looks again now and/);
    expect(explain(running, null, now).next).toMatch(/^Looks again now and/);
  });
});

describe('what a person may do', () => {
  it.each<[string, Rollout, Explanation['actions']]>([
    ['a bake', running, ['pause', 'advance', 'promote', 'rollback']],
    [
      'a weight',
      at({ kind: 'running', position: { step: 0, startedAt: start, overridden: false, bakeEnded: false } }),
      ['pause', 'promote', 'rollback'],
    ],
    [
      'the last step',
      at({ kind: 'running', position: { step: 6, startedAt: start, overridden: false, bakeEnded: false } }),
      ['pause', 'promote', 'rollback'],
    ],
    ['a pause', paused(pauses.plan), ['resume', 'advance', 'promote', 'rollback']],
    ['a drift', paused(pauses.drift), ['resume', 'rollback']],
    ['an object made anew', paused(pauses.recreated), ['resume', 'rollback']],
    ['a rollback', goingBack(check), ['rollback']],
    ['a changed canary', paused(pauses.canaryChanged), ['resume', 'rollback']],
    ['a success, which a new rollout takes back', ended.succeeded, ['rollback']],
    ['an end', wentBack(check), []],
  ])('in %s is named', (_name, rollout, actions) => {
    expect(explain(rollout, null, now).actions).toEqual(actions);
  });
});

describe('for programs', () => {
  it.each<[string, Rollout, string | null, number]>([
    ['preflight', drive().world.rollout, null, 8],
    ['running', running, null, 8],
    ['hold: metrics missing', holding(holds.metricsMissing), 'metrics_missing', 8],
    ['hold: no traffic', holding(holds.noTraffic), 'no_traffic', 8],
    ['hold: environment', holding(holds.environment), 'environment', 8],
    ['hold: stable not ready', holding(holds.stableNotReady), 'stable_not_ready', 8],
    ['hold: traffic mismatch', holding(holds.trafficMismatch), 'traffic_mismatch', 8],
    ['hold: canary not ready', holding(holds.canaryNotReady), 'canary_not_ready', 8],
    ['hold: no fresh proof', holding(holds.unproven), 'unproven', 8],
    ['hold: object gone', holding(holds.targetMissing), 'target_missing', 8],
    ['hold: canary unsettled', holding(holds.canaryUnsettled), 'canary_unsettled', 8],
    ['hold: not ready', holding(holds.notReady), 'not_ready', 8],
    ['hold: hold order', holding(holds.killSwitch), 'kill_switch', 8],
    ['hold: mesh unreadable', holding(holds.meshUnavailable), 'mesh_unavailable', 8],
    ['hold: write refused', holding(holds.meshWriteFailed), 'mesh_write_failed', 8],
    ['pause: person', paused(pauses.operator), 'operator', 8],
    ['pause: plan', paused(pauses.plan), 'plan_pause', 8],
    ['pause: drift', paused(pauses.drift), 'drift_detected', 8],
    ['pause: made anew', paused(pauses.recreated), 'target_recreated', 8],
    ['pause: another rollout wrote', paused(pauses.anotherRollout), 'another_rollout', 8],
    ['pause: another canary', paused(pauses.canaryChanged), 'canary_changed', 8],
    ['pause: shape', paused(pauses.shapeChanged), 'shape_changed', 8],
    ['pause: managed routes', paused(pauses.routesChanged), 'shape_changed', 8],
    ['rolling back', goingBack(check), 'analysis_failed', 8],
    ['stuck: write', goingBack(check, stucks.meshWriteFailed), 'mesh_write_failed', 10],
    ['stuck: object gone', goingBack(check, stucks.targetMissing), 'target_missing', 10],
    ['stuck: stable missing', goingBack(check, stucks.stableMissing), 'stable_missing', 10],
    ['stuck: stable not ready', goingBack(check, stucks.stableNotReady), 'stable_not_ready', 10],
    ['back: check', wentBack(causes.check), 'analysis_failed', 3],
    ['back: severe', wentBack(causes.severeErrors), 'analysis_failed', 3],
    ['back: callers', wentBack(causes.unattributedErrors), 'analysis_failed', 3],
    ['back: unreachable', wentBack(causes.canaryUnreachable), 'canary_unreachable', 3],
    ['back: environment', wentBack(causes.environmentLimit), 'environment_limit', 3],
    ['back: metrics', wentBack(causes.metricsMissing), 'metrics_missing', 3],
    ['back: deadline', wentBack(causes.deadline), 'deadline_exceeded', 3],
    ['back: expired', wentBack(causes.expired), 'expired', 3],
    ['back: a person', wentBack(causes.operator, alice), 'operator', 4],
    ['back: a check, and a person in a hurry', wentBack(causes.check, alice), 'analysis_failed', 3],
    ['succeeded', ended.succeeded, null, 0],
    ['rollback failed', ended.rollbackFailed, 'target_missing', 10],
    ['preflight failed', ended.preflightFailed, 'preflight_failed', 6],
    ['cancelled', ended.cancelled, 'operator', 4],
  ])('%s has its reason and its exit code', (_name, ...[rollout, reason, exitCode]) => {
    expect([statusReasonOf(rollout), exitCodeOf(rollout)]).toEqual([reason, exitCode]);
  });

  it('the step is counted from 0, and there is none before the start and after the end', () => {
    expect(currentStepOf(running)).toEqual({ index: 1, total: 7, type: 'bake' });
    expect(currentStepOf(drive().world.rollout)).toBeNull();
    expect(currentStepOf(ended.succeeded)).toBeNull();
  });
});

describe('every sentence', () => {
  const wellFormed =
    /^(?!.*(?:undefined|null|NaN|Infinity|\[object|\.\.|\. \.|\.;|[:,] ?\.$| {2}))[A-Z0-9].*\.$/s;

  it('is whole, and says nothing that means nothing', () => {
    const reasons: State[] = [
      ...Object.values(holds).map((reason): State => ({ kind: 'holding', position, since: start, reason })),
      ...Object.values(pauses).map((reason): State => ({ kind: 'paused', position, since: start, reason })),
      ...Object.values(causes).flatMap((cause): State[] => [
        ...[null, ...Object.values(stucks)].map(
          (stuck): State => ({
            kind: 'rollingBack',
            since: start,
            cause,
            by: canaryd,
            stuck,
            firstEpoch: null,
          }),
        ),
        { kind: 'rolledBack', at: start, since: start, cause, by: canaryd },
      ]),
      ...[0, 1, 2, 6].map(
        (step): State => ({
          kind: 'running',
          position: { step, startedAt: start, overridden: false, bakeEnded: false },
        }),
      ),
    ];
    const shares = fc.constantFrom(0, 0.01, 5, 33.33, 99.99, 100);
    fc.assert(
      fc.property(
        fc.constantFrom(...reasons),
        shares,
        shares,
        fc.boolean(),
        (state, applied, desired, isOpen) => {
          const intent = isOpen ? { share: desired, end: false, attempts: 1, managed: false } : null;
          const { what, traffic, next } = explain(
            at(state, {
              traffic: { ...trafficAt(applied, start), desired, intent },
            }),
            now + 1500,
            now,
          );
          for (const sentence of [what, traffic, next]) expect(sentence).toMatch(wellFormed);
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each<[string, () => Promise<Driven>, (driven: Driven) => unknown]>([
    ['a good release', () => places.running(), (driven) => driven.run(7200)],
    ['a failing canary', () => places.running(), (driven) => driven.canary(mood.failing)],
    ['missing metrics', () => places.running(), (driven) => driven.metrics.breakDown('Prometheus says no.')],
    [
      'a canary without pods',
      () => places.promoting(),
      (driven) => Object.assign(driven.pods, { canary: noneReady }),
    ],
    ['a person', () => places.paused(), (driven) => driven.say({ action: 'rollback', reason: 'Enough.' })],
    ['another hand', () => places.running(), (driven) => Object.assign(driven.world, { share: 40 })],
  ])('of the audit log is whole too: %s', async (_name, build, happen) => {
    const driven = await build();
    await happen(driven);
    await driven.run(300, { write: forbidden });
    await driven.run(1200);
    for (const { message } of driven.world.events) expect(message).toMatch(wellFormed);
    expect(driven.world.events.length).toBeGreaterThan(6);
  });
});
