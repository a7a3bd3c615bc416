import { describe, expect, it } from 'vitest';
import { pendingIn } from '../../src/rollout/approval.ts';
import { explain } from '../../src/rollout/explain.ts';
import type { Obedience } from '../../src/rollout/obedience.ts';
import type { Actor } from '../../src/rollout/reasons.ts';
import { exitCodeOf, statusReasonOf } from '../../src/rollout/status-reason.ts';
import { alice, baking, bob, mood } from './drive.ts';
import { type Driven, planOf } from './places.ts';

const carol: Actor = { kind: 'person', name: 'carol' };
const pipeline: Actor = { kind: 'machine', name: 'ci' };

/** At 5 %, proven, waiting for people; 50 % comes next. */
async function awaiting(count = 1, expires: string | number = '24h'): Promise<Driven> {
  const steps = [
    { type: 'setWeight', weight: 5 },
    { type: 'bake', duration: '60s' },
    { type: 'approval', count, expires },
    { type: 'setWeight', weight: 50 },
    { type: 'bake', duration: '60s' },
    { type: 'promote' },
  ];
  const driven = await baking({ plan: planOf(steps) });
  while (driven.status() !== 'awaiting_approval') await driven.run(10);
  return driven;
}

function requestIn(driven: Driven): string {
  return pendingIn(driven.world.rollout.approvals)?.id ?? 'none';
}

function decide(driven: Driven, decision: 'approve' | 'reject', actor: Actor, comment?: string): Obedience {
  const approval = requestIn(driven);
  return driven.say({ action: decision, approval, ...(comment === undefined ? {} : { comment }) }, actor);
}

function refusalOf(obedience: Obedience): { code: string; message: string } | null {
  return obedience.kind === 'refused' ? obedience.refusal : null;
}

describe('an approval step', () => {
  it('keeps the weight until somebody approves, however well the canary does', async () => {
    const driven = await awaiting();
    await driven.run(3600);
    expect([driven.status(), driven.world.share]).toEqual(['awaiting_approval', 5]);
    decide(driven, 'approve', bob);
    await driven.run(20);
    expect([driven.status(), driven.world.share]).toEqual(['running', 50]);
  });

  it('says who is waited for, for how long, and what may be done', async () => {
    const driven = await awaiting(2);
    const { rollout, nextAt, now } = driven.world;
    const { what, next, actions } = explain(rollout, nextAt, now);
    expect(what).toMatch(/^Step 3 of 6: waiting for approval ap-2-\d+, 0 of 2 given since 10:01:/);
    expect(next).toMatch(
      /goes on when approved.*if somebody rejects, and at 2026-01-06 10:01:\d\dZ if too few/,
    );
    expect(actions).toEqual(['approve', 'reject', 'rollback']);
    expect([statusReasonOf(rollout), exitCodeOf(rollout)]).toEqual(['approval_pending', 8]);
  });

  it('is in the audit log with the step, the number of people and where traffic is', async () => {
    const driven = await awaiting(2);
    const asked = driven.world.events.find(({ type }) => type === 'approval.requested');
    expect(asked?.facts).toMatchObject({ step: 2, count: 2 });
    expect(asked?.message).toMatch(
      /asked of 2 people other than alice.*5 % of traffic on v2 \(canary\), 95 % of traffic on v1 \(stable\)/,
    );
  });

  it('goes back when the canary breaches meanwhile, and the request is void', async () => {
    const driven = await awaiting();
    const request = requestIn(driven);
    driven.canary(mood.failing);
    await driven.run(60);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
    expect(driven.world.rollout.approvals).toMatchObject([{ id: request, status: 'void' }]);
  });

  it('goes back when nobody approves in time, and says how many did', async () => {
    const driven = await awaiting(2, '1h');
    decide(driven, 'approve', bob);
    await driven.run(3600);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
    expect(driven.lastMessage()).toContain('1 of 2 approvals came within 60 min');
    expect(driven.types()).toContain('approval.expired');
    const { rollout } = driven.world;
    expect([statusReasonOf(rollout), exitCodeOf(rollout)]).toEqual(['approval_expired', 5]);
  });

  it('stops the clock of the deadline', async () => {
    const driven = await awaiting();
    const { deadlineAt } = driven.world.rollout;
    await driven.run(3000);
    decide(driven, 'approve', bob);
    expect(driven.world.rollout.deadlineAt - deadlineAt).toBeGreaterThanOrEqual(3_000_000);
  });

  it('goes on after an outage only with fresh proof: an approval replaces none', async () => {
    const driven = await awaiting();
    driven.canary(mood.slow);
    await driven.run(10);
    decide(driven, 'approve', bob);
    await driven.run(1);
    expect([driven.status(), driven.world.share]).toEqual(['holding', 5]);
  });
});

describe('an approval', () => {
  it('is not given by whoever asked for the rollout', async () => {
    const driven = await awaiting();
    expect(refusalOf(decide(driven, 'approve', alice))?.code).toBe('self-approval');
    expect(driven.status()).toBe('awaiting_approval');
  });

  it('is not given by whoever asked under a name that differs only in its letters or spaces', async () => {
    const driven = await awaiting(2);
    expect(refusalOf(decide(driven, 'approve', { kind: 'person', name: 'Alice ' }))?.code).toBe(
      'self-approval',
    );
    decide(driven, 'approve', bob);
    expect(refusalOf(decide(driven, 'approve', { kind: 'person', name: 'BOB' }))?.code).toBe(
      'already-decided',
    );
    expect(driven.status()).toBe('awaiting_approval');
  });

  it('is not given by a machine', async () => {
    const driven = await awaiting();
    expect(refusalOf(decide(driven, 'approve', pipeline))).toEqual({
      code: 'approver-not-a-person',
      message: 'ci is a machine. An approval is the word of a person.',
    });
  });

  it('counts once for each person', async () => {
    const driven = await awaiting(2);
    expect(decide(driven, 'approve', bob).kind).toBe('obeyed');
    expect(refusalOf(decide(driven, 'approve', bob))?.code).toBe('already-decided');
    expect(driven.status()).toBe('awaiting_approval');
    decide(driven, 'approve', carol);
    expect(driven.status()).toBe('running');
  });

  it('raises the revision, so that nobody decides on what he has not seen', async () => {
    const driven = await awaiting(2);
    const { revision } = driven.world.rollout;
    decide(driven, 'approve', bob);
    expect(driven.world.rollout.revision).toBe(revision + 1);
    const approval = requestIn(driven);
    const late = driven.say({ action: 'approve', approval, expect: { revision } }, carol);
    expect(refusalOf(late)?.code).toBe('stale-view');
  });

  it('is bound to its step and revision: a word on an earlier request is refused, with the present one', async () => {
    const driven = await awaiting();
    const earlier = requestIn(driven);
    driven.world.share = 7;
    await driven.turn();
    expect(driven.status()).toBe('paused');
    driven.say({ action: 'resume', drift: 'adopt' });
    while (driven.status() !== 'awaiting_approval') await driven.run(10);
    expect(requestIn(driven)).not.toBe(earlier);
    expect(refusalOf(driven.say({ action: 'approve', approval: earlier }, bob))).toEqual({
      code: 'stale-view',
      message: `The request ${earlier} is void. What waits now is ${requestIn(driven)}. Look again before you decide.`,
    });
  });

  it('cannot be skipped by advance, promote or an override', async () => {
    const override = { override: ['checks' as const], reason: 'late' };
    const running = await baking({
      plan: planOf([
        { type: 'setWeight', weight: 5 },
        { type: 'bake', duration: '60s' },
        { type: 'approval' },
        { type: 'promote' },
      ]),
    });
    expect(refusalOf(running.say({ action: 'promote', ...override }))?.code).toBe('approval-required');
    running.say({ action: 'advance', ...override });
    await running.turn();
    expect(running.status()).toBe('awaiting_approval');
    expect(refusalOf(running.say({ action: 'advance', ...override }))?.code).toBe('invalid-transition');
  });
});

describe('a rejection', () => {
  it('is open to somebody who has approved and has seen more since', async () => {
    const driven = await awaiting(2);
    decide(driven, 'approve', bob);
    expect(decide(driven, 'reject', bob).kind).toBe('obeyed');
    await driven.turn();
    expect(driven.status()).toBe('rolled_back');
  });

  it('by one person is enough to go back, with the comment in the audit log', async () => {
    const driven = await awaiting(3);
    decide(driven, 'reject', bob, 'not on a Friday');
    await driven.turn();
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
    expect(driven.lastMessage()).toBe(
      'Rolled back: all traffic on v1 (stable); bob rejected it: not on a Friday.',
    );
    const { rollout } = driven.world;
    expect([statusReasonOf(rollout), exitCodeOf(rollout)]).toEqual(['approval_rejected', 5]);
  });
});
