import { describe, expect, it } from 'vitest';
import type { Approval } from '../../src/rollout/approval.ts';
import type { Actor } from '../../src/rollout/reasons.ts';
import type { State } from '../../src/rollout/state.ts';
import { api, ask, ciToken, problemOf } from './api.ts';
import { fakeService } from './fake-service.ts';
import { alice, now, rolloutId, rolloutIn } from './rollouts.ts';

const bob = { kind: 'person' as const, name: 'bob' };
const waiting: State = {
  kind: 'awaitingApproval',
  position: { step: 2, startedAt: now, overridden: false, bakeEnded: false },
  since: now,
};
const request: Approval = {
  id: 'ap-2-5',
  step: 2,
  revision: 5,
  count: 2,
  requestedAt: now,
  expiresAt: now + 3_600_000,
  status: 'pending',
  decisions: [{ by: bob, decision: 'approve', comment: 'looks fine', at: now }],
};
const path = `/v1/rollouts/${rolloutId}/approvals`;

function awaiting(requestedBy: Actor = bob) {
  const service = fakeService([rolloutIn(waiting, { approvals: [request], requestedBy })]);
  return { service, app: api({ service }) };
}

describe('a decision', () => {
  it('reaches the rollout with the request that it is about', async () => {
    const { service, app } = awaiting();
    const payload = { decision: 'approve', comment: 'CHG0041234', expect: { revision: 7 } };
    const response = await ask(app, { method: 'POST', url: `${path}/ap-2-5/decisions`, payload });
    expect([response.statusCode, response.headers.location]).toEqual([201, `/v1/rollouts/${rolloutId}`]);
    expect(service.asked).toMatchObject([
      {
        kind: 'act',
        id: rolloutId,
        actor: alice,
        command: { action: 'approve', approval: 'ap-2-5', comment: 'CHG0041234', expect: { revision: 7 } },
      },
    ]);
  });

  it.each([
    ['self-approval', 403],
    ['approver-not-a-person', 403],
    ['already-decided', 409],
    ['stale-view', 409],
  ] as const)('that is refused as %s is answered %i, with where the rollout stands', async (code, status) => {
    const { service, app } = awaiting();
    const rollout = rolloutIn(waiting, { approvals: [request] });
    service.answers.act = { kind: 'refused', refusal: { code, message: 'Not you.' }, rollout, now };
    const url = `${path}/ap-2-5/decisions`;
    const problem = problemOf(await ask(app, { method: 'POST', url, payload: { decision: 'approve' } }));
    expect(problem).toMatchObject({ status, type: `/problems/${code}`, detail: 'Not you.' });
    expect(problem.explanation?.what).toContain('waiting for approval ap-2-5, 1 of 2 given');
  });

  it.each([
    ['self-approval', ['rollback']],
    ['approver-not-a-person', ['rollback']],
    ['already-decided', ['reject', 'rollback']],
    ['stale-view', ['approve', 'reject', 'rollback']],
  ] as const)('that is refused as %s offers only what is open to the caller', async (code, open) => {
    const { service, app } = awaiting();
    const rollout = rolloutIn(waiting, { approvals: [request] });
    service.answers.act = { kind: 'refused', refusal: { code, message: 'Not you.' }, rollout, now };
    const url = `${path}/ap-2-5/decisions`;
    const problem = problemOf(await ask(app, { method: 'POST', url, payload: { decision: 'approve' } }));
    expect(problem.allowedActions).toEqual(open);
    expect(problem.explanation?.actions).toEqual(open);
  });

  it('that is neither approve nor reject is refused with the words there are', async () => {
    const { app } = awaiting();
    const url = `${path}/ap-2-5/decisions`;
    const problem = problemOf(await ask(app, { method: 'POST', url, payload: { decision: 'maybe' } }));
    expect(problem.errors).toMatchObject([
      { pointer: '/decision', detail: expect.stringContaining('approve') },
    ]);
  });

  it('sent twice with one key is one decision', async () => {
    const { service, app } = awaiting();
    const url = `${path}/ap-2-5/decisions`;
    const sent = {
      method: 'POST',
      url,
      payload: { decision: 'approve' },
      headers: { 'idempotency-key': 'k1' },
    } as const;
    await ask(app, sent);
    const again = await ask(app, sent);
    expect([again.statusCode, again.headers['idempotent-replayed']]).toEqual([201, 'true']);
    expect(service.asked).toHaveLength(1);
  });
});

describe('what waits for approval', () => {
  it('is listed with the rollout: who decided what, and until when', async () => {
    const { app } = awaiting();
    expect((await ask(app, { url: path })).json()).toEqual({
      data: [
        {
          id: 'ap-2-5',
          step: 2,
          revision: 5,
          count: 2,
          status: 'pending',
          requestedAt: new Date(now).toISOString(),
          expiresAt: new Date(now + 3_600_000).toISOString(),
          decisions: [
            { by: bob, decision: 'approve', comment: 'looks fine', at: new Date(now).toISOString() },
          ],
          links: { decide: `${path}/ap-2-5/decisions` },
        },
      ],
    });
  });

  it('is in the inbox of everybody, who is told whether he may decide', async () => {
    const { app } = awaiting();
    const mine = (await ask(app, { url: '/v1/approvals' })).json();
    expect(mine.data).toMatchObject([{ approval: { id: 'ap-2-5' }, mayDecide: true, why: null }]);
    const machine = await app.inject({
      url: '/v1/approvals',
      headers: { authorization: `Bearer ${ciToken}` },
    });
    expect(machine.json().data).toMatchObject([
      { mayDecide: false, why: expect.stringContaining('is a machine') },
    ]);
  });

  it('says to whoever asked for the rollout that somebody else has to decide', async () => {
    const { app } = awaiting(alice);
    const mine = (await ask(app, { url: '/v1/approvals' })).json();
    expect(mine.data).toMatchObject([{ mayDecide: false, why: expect.stringContaining('You asked for') }]);
  });
});
