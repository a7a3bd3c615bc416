import { describe, expect, it } from 'vitest';
import { renderTarget } from '../../src/api/render-roles.ts';
import { aScheduled, paymentTarget } from '../fakes/rollouts.ts';
import { api, ask } from './api.ts';
import { fakeService } from './fake-service.ts';
import { bodyAsWritten, rolloutId, rolloutIn, running } from './rollouts.ts';

const original = { stable: 100, canary: 0, others: [] };
const tls = { kind: 'tls' as const, port: 443, sniHosts: ['a.bank', 'b.bank'] };
const edge = {
  namespace: 'edge',
  virtualService: 'gateway',
  uid: 'uid-2',
  routes: [
    { key: tls, original },
    { key: { kind: 'tcp' as const, port: 9000 }, original },
  ],
};

function get(service: ReturnType<typeof fakeService>) {
  return ask(api({ service }), { method: 'GET', url: `/v1/rollouts/${rolloutId}` });
}

function refused(target: object) {
  const payload = { ...bodyAsWritten, target };
  return ask(api({ service: fakeService() }), { method: 'POST', url: '/v1/rollouts', payload });
}

describe('a target of several VirtualServices', () => {
  it('is shown with the routes of each, as people name them', async () => {
    const rollout = rolloutIn(running);
    const target = { ...rollout.target, also: [edge] };
    const { target: shown } = (await get(fakeService([{ ...rollout, target }]))).json();
    expect(shown).toMatchObject({
      namespace: 'payments',
      virtualService: 'payment-service',
      route: null,
      routes: [''],
      also: [{ namespace: 'edge', virtualService: 'gateway', routes: ['tls:443/a.bank,b.bank', 'tcp:9000'] }],
    });
    expect(Object.keys(shown.also[0])).toEqual(['namespace', 'virtualService', 'routes']);
  });

  it('is shown as it was named while its turn has not come', () => {
    const { cluster, namespace, virtualService } = paymentTarget;
    const also = [{ virtualService: 'gateway', tls: [{ sniHosts: ['a.bank'] }] }];
    const target = { cluster, namespace, virtualService, routes: ['one', 'two'], also };
    expect(renderTarget(aScheduled({ target }))).toMatchObject({
      route: 'one',
      routes: ['one', 'two'],
      also: [{ namespace, virtualService: 'gateway', routes: ['tls/a.bank'] }],
    });
  });

  it.each([
    ['names http routes in two ways', { route: 'one', routes: ['two'] }, '/target/routes'],
    ['names itself again', { also: [{ virtualService: 'payment-service' }] }, '/target/also/0'],
    [
      'names another one twice',
      { also: [{ virtualService: 'a' }, { namespace: 'payments', virtualService: 'a' }] },
      '/target/also/1',
    ],
    [
      'names http routes of another in two ways',
      { also: [{ virtualService: 'a', route: 'one', routes: ['two'] }] },
      '/target/also/0',
    ],
    [
      'has more than ten',
      { also: Array.from({ length: 10 }, (_, index) => ({ virtualService: `a-${index}` })) },
      '/target/also',
    ],
  ])('that %s is refused with the place', async (_what, more, pointer) => {
    const target = { namespace: 'payments', virtualService: 'payment-service', ...more };
    const response = await refused(target);
    expect(response.statusCode).toBe(422);
    expect(response.json().errors).toMatchObject([{ pointer }]);
  });
});
