import { describe, expect, it } from 'vitest';
import { decide } from '../../src/rollout/decide.ts';
import { Plan } from '../../src/rollout/plan.ts';
import { Cause } from '../../src/rollout/reasons.ts';
import { Rollout, trafficAt } from '../../src/rollout/rollout.ts';
import { aRollout } from '../fakes/rollouts.ts';
import { start } from './drive.ts';

/** What the store hands over: JSON, and nothing that JSON does not carry. */
function stored(rollout: Rollout): Rollout {
  return Rollout.parse(JSON.parse(JSON.stringify(rollout)));
}

const { plan } = aRollout();

describe('a rollout that is stored', () => {
  it.each<[string, Partial<Plan>]>([
    [
      'goes on without a bake',
      {
        steps: [{ type: 'setWeight', weight: 5 }, { type: 'setWeight', weight: 50 }, { type: 'promote' }],
      },
    ],
    ['ends below 100 %', { steps: [{ type: 'setWeight', weight: 5 }] }],
    ['has less time than its steps take', { deadline: 60 }],
  ])('is read although its plan would be refused today: it %s', (_name, over) => {
    const rollout = aRollout({ plan: { ...plan, ...over } });
    expect(Plan.safeParse(rollout.plan).success).toBe(false);
    expect(stored(rollout)).toEqual(rollout);
  });

  it('with such a plan still finds its way back', () => {
    const rollout = stored(
      aRollout({
        plan: { ...plan, steps: [{ type: 'setWeight', weight: 5 }] },
        traffic: trafficAt(5, start),
      }),
    );
    const view = { kind: 'missing' as const };
    const late = decide(rollout, { view, measurements: null, epoch: 1, order: null }, rollout.deadlineAt);
    expect(late.rollout.state).toMatchObject({ kind: 'rollingBack', cause: { kind: 'deadline' } });
  });

  it('before causes had a bucket is read as one that shows none', () => {
    const cause = {
      kind: 'check' as const,
      check: 'p99',
      metric: 'p99LatencyMs' as const,
      value: 2411,
      stable: 180,
      limit: 2000,
      requests: 1204,
      failures: 2,
      windowSeconds: 60,
    };
    expect(Cause.parse(cause)).toEqual({ ...cause, bucket: null });
    const by = { kind: 'canaryd' as const, name: 'canaryd' };
    const state = { kind: 'rolledBack', at: start, since: start, cause, by };
    expect(Rollout.parse({ ...aRollout(), state }).state).toMatchObject({ cause: { bucket: null } });
  });
});
