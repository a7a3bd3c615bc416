import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Target } from '../../src/rollout/target.ts';
import type { JsonObject } from '../../src/sandbox/json.ts';
import { type Sandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { type Release, type ReleaseOptions, release } from './release-world.ts';
import { gatewayObject, namespace, virtualServiceObject, weightsOf } from './sandbox-mesh.ts';

const where = { namespace, virtualService: 'payment' };
const edge = { namespace: 'edge', virtualService: 'gateway' };
const signal = new AbortController().signal;
const rollback = { action: 'rollback', reason: 'customers complain' } as const;
const steps = [
  { type: 'setHeaderRoute', match: [{ headers: { 'x-canary': { exact: 'true' } } }] },
  { type: 'setWeight', weight: 50 },
  { type: 'bake', duration: '5m' },
  { type: 'promote' },
];

let running: Release | null = null;

afterEach(async () => {
  await running?.close();
  running = null;
});

/** At 50 % in two routes, with a header route before each. */
async function begin(options: ReleaseOptions = {}): Promise<Release> {
  const routes = ['primary', 'refund'];
  running = await release({ object: withRefund(), routes, plan: { steps }, ...options });
  return running;
}

function withRefund(): JsonObject {
  const object = virtualServiceObject(where, { v1: 100, v2: 0 });
  const spec = Object(object['spec']);
  const match = [{ uri: { prefix: '/refund' } }];
  return { ...object, spec: { ...spec, http: [{ ...spec.http[0], name: 'refund', match }, ...spec.http] } };
}

const Routes = z.array(
  z.looseObject({ name: z.string(), route: z.array(z.looseObject({ weight: z.number().optional() })) }),
);

function routesOf(made: Release): Record<string, (number | undefined)[]> {
  const http = Routes.parse(JSON.parse(made.text()).spec.http);
  return Object.fromEntries(http.map(({ name, route }) => [name, route.map(({ weight }) => weight)]));
}

const noteOf = (made: Release) => JSON.parse(made.text()).metadata.annotations['canaryd.io/original-weights'];

describe('one of several routes that is lost', () => {
  it('keeps none of the others on the canary, and is named until it is found again', async () => {
    const made = await begin();
    made.edit('kubectl-edit', '"name":"refund"', '"name":"refunds"');
    await made.run(10);
    await made.say(rollback);
    await made.run(5);
    expect(routesOf(made)).toEqual({ refunds: [50, 50], primary: [100, 0] });
    expect(noteOf(made)).toContain('refund');
    await made.run(70);
    expect(await made.stands()).toMatchObject({ status: 'rolling_back', reason: 'mesh_write_failed' });
    const { what, next, traffic } = await made.told();
    expect(what).toContain(
      'spec.http: route refund of payment-prod/payment: no http route is named "refund"; there are: refunds, primary; mend it with kubectl edit',
    );
    expect(next).toContain('as soon as the VirtualService is mended');
    expect(traffic).toContain('50 %');
    const { resourceVersion } = JSON.parse(made.text()).metadata;
    await made.run(120);
    expect(JSON.parse(made.text()).metadata.resourceVersion).toBe(resourceVersion);
    made.edit('kubectl-edit', '"name":"refunds"', '"name":"refund"');
    await made.run(15);
    expect(await made.stands()).toMatchObject({ status: 'rolled_back' });
    expect(routesOf(made)).toEqual({ refund: [100, 0], primary: [100, 0] });
    expect(noteOf(made)).toBeUndefined();
  });

  it('because stable is gone from it keeps none of the others on the canary', async () => {
    const made = await begin();
    const stable =
      /\{"destination":\{"host":"payment-service","subset":"v1"\},"weight":50\},(?=.*"name":"primary")/;
    made.edit('kubectl-edit', stable, '');
    await made.say(rollback);
    await made.run(75);
    expect(routesOf(made)).toEqual({ refund: [50], primary: [100, 0] });
    expect(await made.stands()).toMatchObject({ status: 'rolling_back' });
    expect((await made.told()).what).toContain(
      'route refund of payment-prod/payment: it has no destination v1',
    );
  });

  it.each([
    ['that was renamed', '"name":"primary"', '"name":"main"', 'mesh_write_failed'],
    [
      'without stable',
      /\{"destination":\{"host":"payment-service","subset":"v1"\},"weight":50\},/,
      '',
      'stable_missing',
    ],
  ])('and is the only one, %s, is stuck, but the routes of canaryd go', async (_what, from, to, reason) => {
    const made = await begin({
      object: virtualServiceObject(where, { v1: 100, v2: 0 }),
      routes: ['primary'],
    });
    expect(made.text()).toContain('canaryd-header');
    made.edit('kubectl-edit', from, to);
    await made.say(rollback);
    await made.run(75);
    expect(made.text()).not.toContain('canaryd-header');
    expect(await made.stands()).toMatchObject({ status: 'rolling_back', reason });
  });

  it('in one of two VirtualServices keeps neither on the canary', async () => {
    const made = await begin();
    const { mesh, sandbox } = made;
    storeObject(sandbox.store, gatewayObject(edge, { v1: 100, v2: 0 }));
    const target = await together(made, sandbox);
    const write = { share: 50, rolloutId: 'ro_7', epoch: 1, end: false };
    const before = await mesh.look(target, signal);
    if (before.kind !== 'split') throw new Error(before.kind);
    await mesh.write(target, before, write, signal);
    made.edit('kubectl-edit', '"name":"refund"', '"name":"refunds"');
    expect(await mesh.look(target, signal)).toMatchObject({ kind: 'shape' });
    const view = await mesh.look(target, signal, { partial: true });
    expect(view).toMatchObject({ kind: 'split', canaryShare: 50, gaps: [{ name: 'payment-prod/payment' }] });
    if (view.kind !== 'split') throw new Error(view.kind);
    const outcome = await mesh.write(target, view, { ...write, share: 0, end: true, epoch: 2 }, signal);
    expect(outcome).toMatchObject({
      kind: 'ambiguous',
      why: 'payment-prod/payment: spec.http: route refund of payment-prod/payment: no http route is named "refund"; there are: refunds, primary; mend it with kubectl edit; its other routes are at 0 %; edge/gateway is at 0 %',
    });
    expect(routesOf(made)).toEqual({ refunds: [50, 50], primary: [100, 0] });
    expect(weightsOf(sandbox, edge)).toEqual([100, 0]);
  });
});

/** Both objects as one target, at rest. */
async function together(made: Release, sandbox: Sandbox): Promise<Target> {
  storeObject(sandbox.store, withRefund());
  const also = [edge];
  const routes = ['primary', 'refund'];
  const found = await made.mesh.resolve({ cluster: 'default', ...where, routes, also }, signal);
  if (found.kind !== 'resolved') throw new Error(JSON.stringify(found));
  return found.target;
}
