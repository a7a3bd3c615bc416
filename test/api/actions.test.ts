import { describe, expect, it } from 'vitest';
import type { RefusalCode } from '../../src/rollout/command.ts';
import { aliceToken, api, ask, ciToken, problemOf } from './api.ts';
import { fakeService } from './fake-service.ts';
import { now, rolloutId, rolloutIn, running } from './rollouts.ts';

const path = `/v1/rollouts/${rolloutId}/actions`;
const names = ['pause', 'resume', 'advance', 'promote', 'rollback', 'cancel'];

describe('an action', () => {
  it.each(names)('%s is accepted with a reason and the view it was taken on', async (action) => {
    const service = fakeService();
    const payload = { reason: 'CHG0041234', expect: { stepIndex: 1, revision: 7 } };
    const response = await ask(api({ service }), { method: 'POST', url: `${path}/${action}`, payload });
    expect(response.statusCode).toBe(202);
    expect(response.json()).toMatchObject({ id: rolloutId, revision: 7 });
    expect(service.asked).toMatchObject([{ kind: 'act', id: rolloutId, command: { action, ...payload } }]);
  });

  it('abort is another name of rollback', async () => {
    const service = fakeService();
    expect((await ask(api({ service }), { method: 'POST', url: `${path}/abort` })).statusCode).toBe(202);
    expect(service.asked).toMatchObject([{ command: { action: 'rollback' } }]);
  });

  it.each([
    ['no body and no content type', {}],
    ['curl -d ""', { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '0' }],
    ['an empty JSON body', { 'content-type': 'application/json', 'content-length': '0' }],
  ])('rollback works in an emergency: %s', async (_name, headers) => {
    const service = fakeService();
    const response = await ask(api({ service }), { method: 'POST', url: `${path}/rollback`, headers });
    expect(response.statusCode).toBe(202);
    expect(service.asked).toMatchObject([{ command: { action: 'rollback' } }]);
  });

  it('rollback is open to machines, which the audit log then names', async () => {
    const service = fakeService();
    const headers = { authorization: `Bearer ${ciToken}` };
    const response = await api({ service }).inject({ method: 'POST', url: `${path}/rollback`, headers });
    expect(response.statusCode).toBe(202);
    expect(service.asked).toMatchObject([{ actor: { kind: 'machine', name: 'github:acme/payments' } }]);
  });

  it('carries what only it takes', async () => {
    const service = fakeService();
    const app = api({ service });
    await ask(app, { method: 'POST', url: `${path}/resume`, payload: { drift: 'adopt' } });
    await ask(app, {
      method: 'POST',
      url: `${path}/promote`,
      payload: { override: ['checks'], reason: 'x' },
    });
    expect(service.asked).toMatchObject([
      { command: { action: 'resume', drift: 'adopt' } },
      { command: { action: 'promote', override: ['checks'] } },
    ]);
    const wrong = await ask(app, { method: 'POST', url: `${path}/pause`, payload: { drift: 'adopt' } });
    expect(problemOf(wrong).errors).toMatchObject([{ pointer: '/drift', code: 'unknown-property' }]);
  });

  const refusals: [RefusalCode, number][] = [
    ['invalid-transition', 409],
    ['stale-view', 409],
    ['gate-not-ready', 409],
    ['drift-undecided', 409],
    ['override-needs-reason', 422],
  ];
  it.each(
    refusals,
  )('that is refused (%s) says where the rollout stands and what it takes', async (code, status) => {
    const service = fakeService();
    const rollout = rolloutIn(running);
    service.answers.act = { kind: 'refused', refusal: { code, message: 'Not now.' }, rollout, now };
    const response = await ask(api({ service }), { method: 'POST', url: `${path}/advance`, payload: {} });
    const problem = problemOf(response);
    expect(problem).toMatchObject({
      type: `/problems/${code}`,
      status,
      detail: 'Not now.',
      current: { status: 'running', revision: 7, stepIndex: 1 },
      allowedActions: expect.arrayContaining(['pause', 'rollback']),
      explanation: { traffic: expect.stringContaining('5 %') },
    });
  });

  it('on a rollout that does not exist is not found', async () => {
    const url = '/v1/rollouts/ro_01KB4ZJ5Q8X2V7N3M6R9T0W1YD/actions/rollback';
    expect(problemOf(await ask(api(), { method: 'POST', url })).status).toBe(404);
  });

  it('never takes its actor from the body', async () => {
    const payload = { actor: { kind: 'person', name: 'mallory' } };
    const headers = { authorization: `Bearer ${aliceToken}` };
    const response = await api().inject({ method: 'POST', url: `${path}/pause`, payload, headers });
    expect(problemOf(response).status).toBe(422);
    const service = fakeService();
    await api({ service }).inject({ method: 'POST', url: `${path}/rollback`, payload, headers });
    expect(service.asked).toMatchObject([{ actor: { kind: 'person', name: 'alice' } }]);
  });
});
