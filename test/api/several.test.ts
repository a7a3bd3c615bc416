import { describe, expect, it } from 'vitest';
import { renderTarget } from '../../src/api/render-roles.ts';
import type { TargetRefusal } from '../../src/rollout/draft.ts';
import type { ShapeFault } from '../../src/rollout/ports/mesh.ts';
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

const several = {
  namespace: 'payments',
  virtualService: 'payment-service',
  also: [{ namespace: 'edge', virtualService: 'gateway' }],
};

describe('a target of several VirtualServices that is refused', () => {
  const answered = async (answer: TargetRefusal) => {
    const service = fakeService();
    service.answers = { create: answer, preview: answer };
    const payload = { ...bodyAsWritten, target: several };
    return (await ask(api({ service }), { method: 'POST', url: '/v1/rollouts', payload })).json();
  };

  it('names the VirtualService that does not exist, and where the target names it', async () => {
    expect(await answered({ kind: 'targetMissing', name: 'edge/gateway' })).toMatchObject({
      type: '/problems/target-not-found',
      detail: 'There is no VirtualService "gateway" in namespace "edge". Nothing was started.',
      errors: [{ pointer: '/target/also/0/virtualService', code: 'target-not-found' }],
    });
  });

  it.each<[Partial<ShapeFault>, string]>([
    [{}, '/target/route'],
    [{ asked: ['routes', 1] }, '/target/routes/1'],
    [{ asked: ['tls', 0] }, '/target/tls/0'],
    [{ object: 'edge/gateway', asked: ['tcp', 2] }, '/target/also/0/tcp/2'],
    [{ object: 'edge/gateway' }, '/target/also/0/route'],
    [{ object: 'edge/gateway', code: 'split-not-at-rest' }, '/target/also/0/virtualService'],
    [{ object: 'edge/gateway', code: 'destination-not-in-route' }, '/target/also/0/virtualService'],
    [{ object: 'payments/payment-service', code: 'canary-ambiguous' }, '/target/canary'],
  ])('points at what names the route: %j', async (more, pointer) => {
    const fault = {
      code: 'route-not-found' as const,
      path: 'spec.http',
      message: 'it is not there',
      ...more,
    };
    expect((await answered({ kind: 'targetShape', fault })).errors).toMatchObject([{ pointer }]);
  });
});

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
