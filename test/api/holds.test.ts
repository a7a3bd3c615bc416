import { describe, expect, it } from 'vitest';
import { holdService } from '../../src/rollout/hold-orders.ts';
import { memoryHolds } from '../fakes/holds.ts';
import { aRollout, rolloutId, targetNamed } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { api, ask, problemOf } from './api.ts';
import { now } from './rollouts.ts';

const id = 'ho_01KB4ZJ5Q8X2V7N3M6R9T0W1YC';

/** A server with two live rollouts in payment-prod and one elsewhere. */
async function emergency() {
  const store = memoryStore({ now: () => now });
  const elsewhere = { ...targetNamed('ledger'), namespace: 'ledger-prod' };
  await store.create(aRollout(), [], null);
  await store.create(aRollout({ id: rolloutId(2), target: targetNamed('cards') }), [], null);
  await store.create(aRollout({ id: rolloutId(3), target: elsewhere }), [], null);
  const holds = memoryHolds(() => now);
  const service = holdService({ holds, rollouts: store, clusters: ['default'], newId: () => id });
  return { app: api({ holds: service }), store, holds };
}

describe('a hold order', () => {
  it('is one short line of curl: no body stops everything', async () => {
    const { app } = await emergency();
    const response = await ask(app, { method: 'POST', url: '/v1/hold' });
    expect(response.statusCode).toBe(201);
    expect(response.json()).toMatchObject({ id, cluster: null, namespace: null, by: { name: 'alice' } });
  });

  it.each([
    [{ namespace: 'payment-prod' }, 'The hold order stops 2 live rollouts now.'],
    [{ namespace: 'ledger-prod' }, 'The hold order stops 1 live rollout now.'],
    [
      { namespace: 'payment-prd' },
      'No live rollout in namespace payment-prd. Live ones are in: ledger-prod, payment-prod. The hold order stops what begins in its scope from now on.',
    ],
  ])('says how many rollouts it stops and how to lift it: %j', async (payload, said) => {
    const { app } = await emergency();
    const response = await ask(app, { method: 'POST', url: '/v1/hold', payload });
    const lift = `Lift it with \`DELETE /v1/hold/${id}\`.`;
    expect([response.statusCode, response.json().message]).toEqual([201, `${said} ${lift}`]);
  });

  it('stands although what it stops cannot be counted', async () => {
    const holds = memoryHolds(() => now);
    const rollouts = memoryStore({ now: () => now });
    const broken = { ...rollouts, liveIn: () => Promise.reject(new Error('gone')) };
    const service = holdService({ holds, rollouts: broken, clusters: ['default'], newId: () => id });
    const response = await ask(api({ holds: service }), { method: 'POST', url: '/v1/hold' });
    const said = `The hold order stands. Lift it with \`DELETE /v1/hold/${id}\`.`;
    expect([response.statusCode, response.json().message]).toEqual([201, said]);
  });

  it('says which one stands when it is placed twice', async () => {
    const { app } = await emergency();
    const payload = { namespace: 'payments', reason: 'card network is down' };
    await ask(app, { method: 'POST', url: '/v1/hold', payload });
    const again = await ask(app, { method: 'POST', url: '/v1/hold', payload });
    expect([again.statusCode, again.json().id]).toEqual([200, id]);
    const list = await ask(app, { url: '/v1/hold' });
    expect(list.json().data).toMatchObject([{ id, reason: 'card network is down' }]);
  });

  it('is lifted by its id, and is gone then', async () => {
    const { app, holds } = await emergency();
    await ask(app, { method: 'POST', url: '/v1/hold' });
    expect((await ask(app, { method: 'DELETE', url: `/v1/hold/${id}` })).statusCode).toBe(200);
    expect((await ask(app, { url: '/v1/hold' })).json()).toEqual({ data: [] });
    for (const url of [`/v1/hold/${id}`, '/v1/hold/all']) {
      const problem = problemOf(await ask(app, { method: 'DELETE', url }));
      expect([problem.status, problem.detail]).toEqual([404, 'There is no hold order with this id.']);
    }
    expect(holds.events.map(({ message }) => message)).toEqual([
      'Alice stopped every move forward in all clusters.',
      'Alice let rollouts in all clusters go on again.',
    ]);
  });

  it('refuses a cluster that canaryd does not know, and names those that it does', async () => {
    const { app } = await emergency();
    const problem = problemOf(
      await ask(app, { method: 'POST', url: '/v1/hold', payload: { cluster: 'eu' } }),
    );
    expect([problem.status, problem.type]).toEqual([422, '/problems/cluster-unknown']);
    const detail = 'is no cluster of this canaryd: write one of "default"';
    expect(problem.errors).toEqual([{ pointer: '/cluster', code: 'cluster-unknown', detail }]);
  });

  it('refuses a scope that is misspelt instead of stopping everything', async () => {
    const { app } = await emergency();
    const response = await ask(app, { method: 'POST', url: '/v1/hold', payload: { namespaces: 'payments' } });
    expect(problemOf(response).status).toBe(422);
    expect((await ask(app, { url: '/v1/hold' })).json()).toEqual({ data: [] });
  });
});

describe('a rollback of a namespace', () => {
  it('turns back every live rollout in it and none elsewhere', async () => {
    const { app, store } = await emergency();
    const payload = { namespace: 'payment-prod', reason: 'incident 4711' };
    const response = await ask(app, { method: 'POST', url: '/v1/rollback', payload });
    expect(response.statusCode).toBe(202);
    expect(response.json().data).toMatchObject([
      { rolloutId: rolloutId(2), outcome: 'rolling_back', why: null },
      { rolloutId: rolloutId(1), outcome: 'rolling_back', why: null },
    ]);
    const kinds = await Promise.all(
      [1, 2, 3].map(async (n) => (await store.find(rolloutId(n)))?.rollout.state),
    );
    expect(kinds.map((state) => (state && 'kind' in state ? state.kind : null))).toEqual([
      'rollingBack',
      'rollingBack',
      'running',
    ]);
  });

  it('changes nothing when it is sent again', async () => {
    const { app, store } = await emergency();
    const payload = { namespace: 'payment-prod' };
    await ask(app, { method: 'POST', url: '/v1/rollback', payload });
    const before = await store.find(rolloutId(1));
    const again = await ask(app, { method: 'POST', url: '/v1/rollback', payload });
    expect(again.json().data).toHaveLength(2);
    expect(await store.find(rolloutId(1))).toEqual(before);
  });

  it('needs the namespace: nobody takes everything back by leaving a word out', async () => {
    const { app } = await emergency();
    const problem = problemOf(await ask(app, { method: 'POST', url: '/v1/rollback', payload: {} }));
    expect(problem.errors?.map(({ pointer }) => pointer)).toEqual(['/namespace']);
  });

  it.each([
    ['no body', undefined],
    ['an empty object', {}],
    ['null', 'null'],
  ])('shows the whole of what to send: %s', async (_name, payload) => {
    const { app } = await emergency();
    const headers = payload === undefined ? {} : { 'content-type': 'application/json' };
    const sent = { method: 'POST' as const, url: '/v1/rollback', headers };
    const problem = problemOf(await ask(app, payload === undefined ? sent : { ...sent, payload }));
    expect([problem.status, problem.errors]).toEqual([
      422,
      [
        {
          pointer: '/namespace',
          code: 'required',
          detail: 'name the namespace: {"namespace":"payment-prod"}',
        },
      ],
    ]);
    expect(problem.detail).toContain('{"namespace":"payment-prod"}');
  });

  it('says how many go back', async () => {
    const { app } = await emergency();
    const send = async (namespace: string) =>
      (await ask(app, { method: 'POST', url: '/v1/rollback', payload: { namespace } })).json().message;
    expect(await send('payment-prod')).toBe('2 rollouts are going back.');
    expect(await send('ledger-prod')).toBe('1 rollout is going back.');
  });

  it('names the namespaces where something is live when nothing is in this one', async () => {
    const { app } = await emergency();
    const payload = { namespace: 'payment-prd' };
    const response = await ask(app, { method: 'POST', url: '/v1/rollback', payload });
    expect([response.statusCode, response.json()]).toEqual([
      202,
      {
        data: [],
        message: 'No live rollout in namespace payment-prd. Live ones are in: ledger-prod, payment-prod.',
      },
    ]);
  });

  it('says that nothing is live anywhere', async () => {
    const service = holdService({
      holds: memoryHolds(() => now),
      rollouts: memoryStore({ now: () => now }),
      clusters: ['default'],
      newId: () => id,
    });
    const payload = { namespace: 'payment-prod', cluster: 'default' };
    const response = await ask(api({ holds: service }), { method: 'POST', url: '/v1/rollback', payload });
    expect(response.json().message).toBe(
      'No live rollout in namespace payment-prod of cluster default. Nothing is live anywhere.',
    );
  });

  it('goes ahead without a reason that is wrong, and says so', async () => {
    const { app } = await emergency();
    const payload = { namespace: 'payment-prod', reason: 5, force: true };
    const response = await ask(app, { method: 'POST', url: '/v1/rollback', payload });
    expect([response.statusCode, response.json().data]).toMatchObject([202, { length: 2 }]);
    expect(response.headers['rollout-warning']).toMatch(/\/reason: write text.*|.*\/force/);
  });

  it.each([
    ['a cluster that is no name', { cluster: 5 }],
    ['a misspelt cluster', { clusters: 'default' }],
    ['a namespace that is no name', { namespace: 7 }],
  ])('is not widened by leaving out what narrows it: %s', async (_name, part) => {
    const { app, store } = await emergency();
    const payload = { namespace: 'payment-prod', ...part };
    expect(problemOf(await ask(app, { method: 'POST', url: '/v1/rollback', payload })).status).toBe(422);
    expect((await store.find(rolloutId(1)))?.rollout.state).toMatchObject({ kind: 'running' });
  });
});
