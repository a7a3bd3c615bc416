import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reading } from '../../src/analysis/reading.ts';
import { explain } from '../../src/rollout/explain.ts';
import { judgeSettingsOf } from '../../src/rollout/judge-settings.ts';
import { Plan } from '../../src/rollout/plan.ts';
import type { Check } from '../../src/rollout/plan-parts.ts';
import { Rollout } from '../../src/rollout/rollout.ts';
import { statusReasonOf } from '../../src/rollout/status-reason.ts';
import { imagesOf } from '../fakes/mesh.ts';
import { alice, bob, drive, mood } from './drive.ts';
import { planOf } from './places.ts';

const limits = { window: 60, failures: 2, minRequests: 100 };
const errors: Check = { metric: 'errorRate', max: 0.01, ...limits };
const p99: Check = { metric: 'p99LatencyMs', max: 2000, ...limits };
const slow: Check = { metric: 'p99LatencyMs', max: 500, ...limits };
const warning = <One extends Check>(check: One): One => ({ ...check, severity: 'warning' });
const waiting = { kind: 'preflight' as const, waitingFor: null };

function planWith(checks: Record<string, Check>, judge: Plan['judge'] = 'threshold'): Plan {
  return Plan.parse({
    name: 'severities',
    judge,
    checks,
    steps: [
      { type: 'setWeight', weight: 5 },
      { type: 'bake', duration: '2m' },
      { type: 'setWeight', weight: 50 },
      { type: 'bake', duration: '2m' },
      { type: 'promote', bake: '2m' },
    ],
  });
}

/** At 5 %, in its first bake, from preflight on. */
async function started(plan: Plan) {
  const driven = drive({ plan, state: waiting });
  await driven.run(10);
  return driven;
}

type Driven = Awaited<ReturnType<typeof started>>;
type Readings = { canary: Reading; stable: Reading };

/** From now on the check finds this, whatever the others find. */
function answer({ metrics }: Driven, id: string, read: () => Readings): void {
  const { measure } = metrics;
  metrics.measure = async (request, signal) => {
    const found = await measure(request, signal);
    return { ...found, checks: { ...found.checks, [id]: read() } };
  };
}

const failing: Reading = { kind: 'value', value: 2400, requests: 1000 };
const fine: Reading = { kind: 'value', value: 80, requests: 1000 };

/** A threshold plan whose warning fails from now on, until `found` says otherwise. */
async function warned() {
  const driven = await started(planWith({ errors, slow: warning(slow) }));
  const found = { canary: failing, stable: fine };
  answer(driven, 'slow', () => ({ ...found }));
  await driven.run(60);
  return { ...driven, found };
}

describe('a check of severity: warning', () => {
  it('is written so; a plan that says nothing stays as it is written, and rolls back', async () => {
    const plan = planWith({ errors: warning(errors), p99 });
    expect(plan.checks).toEqual({ errors: warning(errors), p99 });
    expect(plan.checks['p99']).not.toHaveProperty('severity');
    const odd = { errors: { ...errors, severity: 'info' } };
    const steps = [{ type: 'promote', bake: '1m' }];
    expect(Plan.safeParse({ checks: odd, steps }).error?.issues[0]?.message).toBe(
      'write critical or warning',
    );
    const critical = await started(planWith({ errors, slow: { ...slow, severity: 'critical' } }));
    answer(critical, 'slow', () => ({ canary: failing, stable: fine }));
    await critical.run(60);
    expect(critical.status()).toBe('rolled_back');
  });

  it('pauses for a person where it fails as often in a row as the plan says, and keeps the weight', async () => {
    const driven = await warned();
    expect(driven.status()).toBe('paused');
    expect(statusReasonOf(driven.world.rollout)).toBe('warning');
    expect(driven.world.share).toBe(5);
    expect(driven.types().filter((type) => type === 'rollout.paused')).toHaveLength(1);
  });

  it('says which check asks, by which figures, and what to type', async () => {
    const { world } = await warned();
    const { what, next } = explain(world.rollout, world.nextAt, world.now);
    expect(what).toContain(
      'Check slow asks for a person (severity: warning): P99 latency of the canary was 2400 ms, above the limit of 500 ms',
    );
    expect(next).toContain('resume to go on in spite of it at this weight, rollback to go back');
  });

  it('does not pause after fewer failures in a row than the plan says', async () => {
    const driven = await started(planWith({ errors, slow: warning({ ...slow, failures: 3 }) }));
    let polls = 0;
    answer(driven, 'slow', () => ({ canary: polls++ % 3 === 2 ? fine : failing, stable: fine }));
    await driven.run(100);
    expect(driven.status()).toBe('running');
  });

  it('asks no second time at this share once a person has resumed, and keeps no bake from ending', async () => {
    const driven = await warned();
    expect(driven.say({ action: 'resume' }, alice).kind).toBe('obeyed');
    await driven.run(30);
    expect(driven.status()).toBe('running');
    await driven.run(100);
    expect(driven.world.share).toBe(50);
  });

  it('asks again at the next share, by what it found there', async () => {
    const driven = await warned();
    driven.say({ action: 'resume' }, alice);
    await driven.run(200);
    expect(driven.world.share).toBe(50);
    expect(driven.status()).toBe('paused');
    expect(statusReasonOf(driven.world.rollout)).toBe('warning');
  });

  it('asks for each check that fails by itself', async () => {
    const driven = await started(planWith({ errors, slow: warning(slow), p99: warning(p99) }));
    answer(driven, 'slow', () => ({ canary: failing, stable: fine }));
    answer(driven, 'p99', () => ({ canary: failing, stable: fine }));
    await driven.run(60);
    expect(driven.world.rollout.state).toMatchObject({ reason: { kind: 'warning', check: 'slow' } });
    driven.say({ action: 'resume' }, alice);
    await driven.run(10);
    expect(driven.world.rollout.state).toMatchObject({ reason: { kind: 'warning', check: 'p99' } });
    driven.say({ action: 'resume' }, alice);
    await driven.run(30);
    expect(driven.status()).toBe('running');
  });

  it('goes back when a person says so', async () => {
    const driven = await warned();
    driven.say({ action: 'rollback', reason: 'too slow' }, alice);
    await driven.run(10);
    expect(driven.status()).toBe('rolled_back');
  });

  it('leaves critical checks to roll back while it is paused', async () => {
    const driven = await warned();
    driven.canary(mood.failing);
    await driven.run(60);
    expect(driven.status()).toBe('rolled_back');
  });

  it('changes nothing while the rollout is paused for something else, and asks after the resume', async () => {
    const driven = await started(planWith({ errors, slow: warning(slow) }));
    driven.say({ action: 'pause' }, alice);
    answer(driven, 'slow', () => ({ canary: failing, stable: fine }));
    await driven.run(120);
    expect(driven.world.rollout.state).toMatchObject({ kind: 'paused', reason: { kind: 'operator' } });
    expect(driven.world.rollout.watch.results['slow']?.verdict).toBe('fail');
    driven.say({ action: 'resume' }, alice);
    await driven.run(10);
    expect(driven.world.rollout.state).toMatchObject({ kind: 'paused', reason: { kind: 'warning' } });
  });

  it('is only shown while stable is handed over, and does not keep that from ending', async () => {
    const { steps, checks } = planWith({ errors, slow: warning(slow) });
    const driven = await started(planOf(steps, { checks, onSuccess: 'handover', handoverBake: '60s' }));
    while (driven.world.rollout.state.kind !== 'handingOver') await driven.run(10);
    answer(driven, 'slow', () => ({ canary: failing, stable: fine }));
    driven.images.stable = imagesOf('v2');
    await driven.run(30);
    expect(driven.status()).toBe('promoting');
    expect(driven.world.rollout.watch.results['slow']?.verdict).toBe('fail');
    await driven.run(120);
    expect(driven.status()).toBe('succeeded');
  });

  it('is only shown while people are asked for approval', async () => {
    const steps = [
      { type: 'setWeight', weight: 5 },
      { type: 'bake', duration: '60s' },
      { type: 'approval', expires: '1h' },
      { type: 'promote' },
    ];
    const driven = await started(planOf(steps, { checks: { errors, slow: warning(slow) } }));
    while (driven.status() !== 'awaiting_approval') await driven.run(10);
    answer(driven, 'slow', () => ({ canary: failing, stable: fine }));
    await driven.run(120);
    expect(driven.status()).toBe('awaiting_approval');
    const { approvals, revision } = driven.world.rollout;
    const approval = approvals[0]?.id ?? '';
    expect(driven.say({ action: 'approve', approval, expect: { revision } }, bob).kind).toBe('obeyed');
    await driven.run(10);
    expect(statusReasonOf(driven.world.rollout)).toBe('warning');
  });

  it('asks nobody for what stable shares, and lets each bake end in time', async () => {
    const driven = await started(planWith({ errors, slow: warning(slow) }));
    answer(driven, 'slow', () => ({ canary: failing, stable: failing }));
    const without = await started(planWith({ errors }));
    await Promise.all([driven.run(900), without.run(900)]);
    expect(driven.status()).toBe('succeeded');
    expect(driven.types()).toEqual(without.types());
  });

  it('lends its limit to no guard that rolls back: errors that name no version', async () => {
    const driven = await started(planWith({ errors: warning(errors), p99 }));
    driven.metrics.setUnattributed({ kind: 'value', value: 0.4, requests: 1000 });
    await driven.run(60);
    expect(driven.status()).toBe('running');
  });

  it('rolls nothing back because it cannot be measured, and proves nothing either', async () => {
    const driven = await started(planWith({ errors, slow: warning(slow) }));
    answer(driven, 'slow', () => ({ canary: { kind: 'unavailable', why: 'refused' }, stable: fine }));
    await driven.run(1200);
    expect(driven.status()).toBe('running');
    expect(driven.world.share).toBe(5);
  });

  it('knows the same after a restart while it is paused', async () => {
    const driven = await warned();
    const stored: unknown = JSON.parse(JSON.stringify(driven.world.rollout));
    expect(Rollout.parse(stored)).toEqual(driven.world.rollout);
    driven.say({ action: 'resume' }, alice);
    const resumed: unknown = JSON.parse(JSON.stringify(driven.world.rollout));
    expect(Rollout.parse(resumed)).toEqual(driven.world.rollout);
  });

  it('keeps the same rollout that was stored before there were severities', () => {
    const { acknowledged: _, ...watch } = drive().world.rollout.watch;
    expect(Rollout.parse({ ...drive().world.rollout, watch }).watch.acknowledged).toBeNull();
  });
});

describe('with the sequential judge a limit of severity: warning', () => {
  async function sequential(checks: Record<string, Check>) {
    return started(planWith(checks, 'sequential'));
  }
  /** The canary is over this limit and stable is not, by less than the comparison of both could tell by then. */
  const strict = warning({ ...errors, max: 0.001 });
  const over = { errors: 0.0022, slow: 0.003 };

  /** Paused by it. */
  async function pausedByJudge() {
    const driven = await sequential({ errors: strict, p99 });
    driven.flow.stable = { errors: 0.0009, slow: 0.003 };
    driven.flow.perSecond = 4000;
    driven.flow.canary = over;
    await driven.run(70);
    expect(statusReasonOf(driven.world.rollout)).toBe('warning');
    return driven;
  }

  it('is told to the judge as one that pauses', () => {
    const { limits: judged } = judgeSettingsOf(planWith({ errors: warning(errors), p99 }, 'sequential'));
    expect(judged).toEqual([
      { id: 'errors', metric: 'errorRate', max: 0.01, effect: 'pause' },
      { id: 'p99', metric: 'latency', quantile: 0.99, maxMs: 2000 },
    ]);
  });

  it('pauses with the figures of the judge, and asks no second time at this share', async () => {
    const driven = await pausedByJudge();
    const { what } = explain(driven.world.rollout, driven.world.nextAt, driven.world.now);
    expect(what).toContain('Check errors asks for a person (severity: warning): the canary breaks a limit');
    expect(what).toMatch(/Evidence \d{3,}: 100 is needed/);
    driven.flow.stable = over;
    expect(driven.say({ action: 'resume' }, alice).kind).toBe('obeyed');
    await driven.run(150);
    expect(driven.world.share).toBe(50);
    expect(driven.types().filter((type) => type === 'rollout.paused')).toHaveLength(1);
  });

  it('hides no evidence of the comparison with stable, before a resume and after it', async () => {
    const paused = await pausedByJudge();
    paused.flow.canary = { errors: 0.2, slow: 0.003 };
    await paused.run(30);
    expect(paused.status()).toBe('rolled_back');
    const resumed = await pausedByJudge();
    resumed.say({ action: 'resume' }, alice);
    await resumed.run(300);
    const cause = resumed.world.events.find(({ type }) => type === 'rollout.rolling_back')?.facts['cause'];
    expect(cause).toMatchObject({ kind: 'judged', ruling: 'regression' });
  });
});

describe('over any history', () => {
  const ratio = fc.double({ min: 0, max: 1, noNaN: true });
  const readings: fc.Arbitrary<Reading> = fc.oneof(
    fc.record({ kind: fc.constant('value' as const), value: ratio, requests: fc.nat(5000) }),
    fc.constant({ kind: 'none' as const }),
    fc.record({ kind: fc.constant('tooFew' as const), requests: fc.nat(99), needed: fc.constant(100) }),
    fc.constant({ kind: 'unavailable' as const, why: 'Prometheus gave no answer in time' }),
  );
  const deed = fc.record({
    seconds: fc.integer({ min: 5, max: 300 }),
    found: fc.record({ canary: readings, stable: readings }),
    resumes: fc.boolean(),
  });
  const one: fc.Arbitrary<Check> = fc.record({
    metric: fc.constant('errorRate' as const),
    max: ratio,
    window: fc.constantFrom(20, 60, 120),
    failures: fc.integer({ min: 1, max: 3 }),
    minRequests: fc.constantFrom(1, 100, 5000),
    severity: fc.constant('warning' as const),
  });

  it.each([
    'threshold',
    'sequential',
  ] as const)('a warning never rolls back with the %s judge, whatever it finds', async (judge) => {
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { minLength: 3, maxLength: 12 }), one, async (history, check) => {
        const driven = await started(planWith({ errors, p99, warned: check }, judge));
        let found = history[0]?.found ?? { canary: fine, stable: fine };
        answer(driven, 'warned', () => found);
        for (const { found: next, seconds, resumes } of history) {
          found = next;
          await driven.run(seconds);
          if (resumes) driven.say({ action: 'resume' }, alice);
          expect(driven.types()).not.toContain('rollout.rolling_back');
        }
      }),
      { numRuns: 60 },
    );
  });

  it('a warning of the sequential judge never rolls back, however its limit is broken', async () => {
    const max = fc.double({ min: 0, max: 0.001, noNaN: true });
    const most = fc.integer({ min: 60, max: 1200 });
    await fc.assert(
      fc.asyncProperty(max, most, async (limit, seconds) => {
        const driven = await started(planWith({ warned: warning({ ...errors, max: limit }) }, 'sequential'));
        await driven.run(seconds);
        expect(driven.types()).not.toContain('rollout.rolling_back');
      }),
      { numRuns: 15 },
    );
  });
});
