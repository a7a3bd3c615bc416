import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reading } from '../../src/analysis/reading.ts';
import { judgeSettingsOf } from '../../src/rollout/judge-settings.ts';
import { Plan } from '../../src/rollout/plan.ts';
import { planFaults } from '../../src/rollout/plan-faults.ts';
import type { Check } from '../../src/rollout/plan-parts.ts';
import { subjectOf } from '../../src/rollout/readiness-subject.ts';
import { drive, mood } from './drive.ts';

const limits = { window: 60, failures: 2, minRequests: 100 };
const errors: Check = { metric: 'errorRate', max: 0.01, ...limits };
const p99: Check = { metric: 'p99LatencyMs', max: 2000, ...limits };
const observed = <One extends Check>(check: One): One => ({ ...check, mode: 'observe' });
const waiting = { kind: 'preflight' as const, waitingFor: null };

function planWith(checks: Record<string, Check>, judge: Plan['judge'] = 'threshold'): Plan {
  return Plan.parse({
    name: 'observing',
    judge,
    checks,
    steps: [
      { type: 'setWeight', weight: 5 },
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

/** From now on the check finds this, whatever the others find. */
function answer({ metrics }: Driven, id: string, read: () => { canary: Reading; stable: Reading }): void {
  const { measure } = metrics;
  metrics.measure = async (request, signal) => {
    const found = await measure(request, signal);
    return { ...found, checks: { ...found.checks, [id]: read() } };
  };
}

const failing: Reading = { kind: 'value', value: 1, requests: 1000 };
const fine: Reading = { kind: 'value', value: 0, requests: 1000 };

describe('a check that is only observed', () => {
  it('is written as mode: observe; a plan that says nothing stays as it is written, and enforces', () => {
    expect(planWith({ errors: observed(errors), p99 }).checks).toEqual({ errors: observed(errors), p99 });
    expect(planWith({ errors }).checks['errors']).not.toHaveProperty('mode');
    const odd = { errors: { ...errors, mode: 'watch' } };
    const steps = [{ type: 'promote', bake: '1m' }];
    expect(Plan.safeParse({ checks: odd, steps }).error?.issues[0]?.message).toBe('write enforce or observe');
  });

  it('is measured, judged and shown, and never rolls back', async () => {
    const driven = await started(planWith({ errors: observed(errors), p99 }));
    answer(driven, 'errors', () => ({ canary: failing, stable: fine }));
    await driven.run(60);
    expect(driven.world.rollout.watch.results['errors']).toMatchObject({ verdict: 'fail', canary: failing });
    expect(driven.world.rollout.watch.results['errors']?.failuresInARow).toBeGreaterThan(2);
    await driven.run(600);
    expect(driven.status()).toBe('succeeded');
  });

  it.each([
    ['stable fails it, too', { canary: failing, stable: failing }],
    ['it has no data', { canary: { kind: 'none' }, stable: { kind: 'none' } }],
    ['it has too few requests', { canary: { kind: 'tooFew', requests: 3, needed: 100 }, stable: fine }],
    ['it cannot be read', { canary: { kind: 'unavailable', why: 'refused' }, stable: fine }],
  ] satisfies [
    string,
    { canary: Reading; stable: Reading },
  ][])('holds nothing and ends each bake in time when %s', async (_when, found) => {
    const driven = await started(planWith({ errors: observed(errors), p99 }));
    const enforced = await started(planWith({ errors: p99, p99 }));
    answer(driven, 'errors', () => found);
    await Promise.all([driven.run(600), enforced.run(600)]);
    expect(driven.status()).toBe('succeeded');
    expect(driven.types()).toEqual(enforced.types());
    expect(driven.world.rollout.state).toEqual(enforced.world.rollout.state);
  });

  it('lends its limit to no guard: errors that name no version are held to an enforced one', async () => {
    const driven = await started(planWith({ errors: observed(errors), p99 }));
    driven.metrics.setUnattributed({ kind: 'value', value: 0.4, requests: 1000 });
    await driven.run(60);
    expect(driven.status()).toBe('running');
    const enforced = await started(planWith({ errors, p99 }));
    enforced.metrics.setUnattributed({ kind: 'value', value: 0.4, requests: 1000 });
    await enforced.run(60);
    expect(enforced.status()).toBe('rolled_back');
  });

  it('still lets the guards beside the checks roll back', async () => {
    const driven = await started(planWith({ errors: observed(errors), p99 }));
    driven.canary(mood.failing);
    await driven.run(60);
    expect(
      driven.world.events.find(({ type }) => type === 'rollout.rolling_back')?.facts['cause'],
    ).toMatchObject({
      kind: 'severeErrors',
    });
  });

  it('may look back longer than a bake lasts', () => {
    const long = observed({ ...errors, window: 600 });
    expect(planFaults(planWith({ long, p99 }))).toEqual([]);
  });

  it('keeps no rollout from starting: the readiness checks do not know it', async () => {
    const { world } = await started(planWith({ errors: observed(errors), p99 }));
    expect(subjectOf(world.rollout).checks.map(({ id }) => id)).toEqual(['p99']);
  });
});

describe('a plan whose checks are all observed', () => {
  const steps = [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '2m' }, { type: 'promote' }];

  it('proves nothing by thresholds: a bake is refused, with what to write', () => {
    const { error } = Plan.safeParse({ judge: 'threshold', checks: { errors: observed(errors) }, steps });
    expect(error?.issues.map(({ path }) => path)).toContainEqual(['checks']);
    expect(error?.issues[0]?.message).toContain('take "mode": "observe" away from one');
  });

  it('goes on by people where thresholds judge', () => {
    const manual = [{ type: 'setWeight', weight: 5 }, { type: 'pause' }, { type: 'promote' }];
    const plan = { judge: 'threshold', checks: { errors: observed(errors) }, steps: manual };
    expect(Plan.safeParse(plan).success).toBe(true);
  });

  it('leaves the comparison with stable to the sequential judge, which still rolls back', async () => {
    const plan = planWith({ errors: observed(errors), p99: observed(p99) }, 'sequential');
    const healthy = await started(plan);
    await healthy.run(900);
    expect(healthy.status()).toBe('succeeded');
    const bad = await started(plan);
    bad.flow.canary = { errors: 0.2, slow: 0.003 };
    await bad.run(30);
    expect(bad.status()).toBe('rolled_back');
  });
});

describe('the sequential judge', () => {
  it('judges no limit that is only observed', () => {
    const { limits: judged } = judgeSettingsOf(planWith({ errors: observed(errors), p99 }, 'sequential'));
    expect(judged.map(({ id }) => id)).toEqual(['p99']);
  });

  it('shows an observed check by its threshold', async () => {
    const driven = await started(planWith({ errors: observed(errors), p99 }, 'sequential'));
    answer(driven, 'errors', () => ({ canary: failing, stable: fine }));
    await driven.run(60);
    expect(driven.world.rollout.watch.results['errors']?.verdict).toBe('fail');
    expect(driven.status()).toBe('running');
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
  const moods = fc.constantFrom(
    'healthy',
    'healthy',
    'healthy',
    'slow',
    'tooFew',
    'none',
    'unavailable' as const,
  );
  const deed = fc.record({
    canary: moods,
    stable: moods,
    errors: fc.constantFrom(0.002, 0.002, 0.008, 0.05),
    seconds: fc.integer({ min: 5, max: 120 }),
    found: fc.record({ canary: readings, stable: readings }),
  });
  const seen: fc.Arbitrary<Check> = fc.record({
    metric: fc.constant('errorRate' as const),
    max: ratio,
    window: fc.constantFrom(20, 60, 120),
    failures: fc.integer({ min: 1, max: 3 }),
    minRequests: fc.constantFrom(1, 100, 5000),
    mode: fc.constant('observe' as const),
  });

  /** All that was decided, and what it goes by. */
  function decidedBy({ world }: Driven) {
    const { plan: _, watch, ...rollout } = world.rollout;
    const { seen: __, ...results } = watch.results;
    const { share, writes, nextAt } = world;
    const events = world.events.map(({ type, message }) => ({ type, message }));
    return { rollout, watch: { ...watch, results }, share, writes, nextAt, events };
  }

  it.each([
    'threshold',
    'sequential',
  ] as const)('changes no decision of the %s judge, whatever it finds', async (judge) => {
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { minLength: 3, maxLength: 12 }), seen, async (history, check) => {
        const without = await started(planWith({ errors, p99 }, judge));
        const beside = await started(planWith({ errors, p99, seen: check }, judge));
        let found = history[0]?.found ?? { canary: fine, stable: fine };
        answer(beside, 'seen', () => found);
        for (const one of history) {
          found = one.found;
          for (const driven of [without, beside]) {
            driven.canary(mood[one.canary]);
            driven.stable(mood[one.stable]);
            driven.flow.canary = { errors: one.errors, slow: 0.003 };
            await driven.run(one.seconds);
          }
          expect(decidedBy(beside)).toEqual(decidedBy(without));
        }
      }),
      { numRuns: 60 },
    );
  });
});
