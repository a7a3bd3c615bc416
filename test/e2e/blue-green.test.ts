import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Stack, startStack } from '../../local/stack.ts';
import { paymentMesh } from '../../src/sandbox/payment-mesh.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import { ask } from './ask.ts';
import { begin, briefPlan, follow, payment, weights } from './release.ts';
import { waitUntil } from './wait-until.ts';

const patience = 120_000;
const testers = { name: 'testers', part: 0.05, headers: { 'x-canary': 'true' } };
const header = { type: 'setHeaderRoute', match: [{ headers: { 'x-canary': { exact: 'true' } } }] };
const plan = {
  ...briefPlan,
  steps: [header, { type: 'bake', duration: '4s' }, { type: 'promote', bake: '4s' }],
};

let stack: Stack;
let before: unknown;

beforeAll(async () => {
  const { services, objects } = paymentMesh(['v1', 'v2', 'v3', 'v4']);
  const tested = services.map((service) => ({ ...service, requests: [testers] }));
  stack = await startStack({ seed: 23, say: () => undefined, mesh: { services: tested, objects } });
  before = routes();
}, patience);

afterAll(() => stack?.close(), 60_000);

const Routed = z.looseObject({ spec: z.looseObject({ http: z.array(z.looseObject({ name: z.string() })) }) });

function routes() {
  const name = { namespace: 'payment-prod', name: 'payment-service' };
  return Routed.parse(stack.sandbox.store.get({ type: virtualServices, ...name })).spec.http;
}

const names = () => routes().map(({ name }) => name);

describe.sequential('blue-green, as a plan', () => {
  it(
    'shows testers the new version at 0 %, takes everybody in one step, and leaves no route behind',
    async () => {
      const rollout = await begin(stack, { target: payment('v2'), plan });
      await waitUntil('the header route stands', async () => names().includes('canaryd-header'));
      expect(names()).toEqual(['canaryd-header', 'primary']);
      expect(weights(stack)).toMatchObject({ v1: 100, v2: 0 });
      expect(routes()[0]).toMatchObject({
        timeout: '5s',
        retries: { attempts: 2, perTryTimeout: '2s', retryOn: 'connect-failure,refused-stream' },
      });
      const last = await rollout.untilStatus('succeeded');
      expect(last.weight).toMatchObject({ desired: 100, applied: 100 });
      expect(names()).toEqual(['primary']);
      expect(weights(stack)).toMatchObject({ v1: 0, v2: 100 });
      const shares = (await rollout.events()).flatMap(({ type, facts }) =>
        type === 'weight.applied' ? [facts['to']] : [],
      );
      expect(shares).toEqual([100]);
    },
    patience,
  );

  it(
    'takes a version that fails for testers away again before any other user meets it',
    async () => {
      stack.sandbox.setVersion('payment-service', 'v3', { errorRate: 0.9 });
      const rollout = await begin(stack, { target: payment('v3'), plan });
      const last = await rollout.untilStatus('rolled_back');
      expect(last.outcome?.cause).toMatch(/^(judge|severe_errors)$/);
      expect(names()).toEqual(['primary']);
      expect(weights(stack)).toMatchObject({ v2: 100, v3: 0 });
      expect(await rollout.types()).not.toContain('weight.applied');
      expect(await rollout.exitCode()).toBe(3);
    },
    patience,
  );

  it(
    'still goes back when the version fails after everybody was taken to it',
    async () => {
      const rollout = await begin(stack, { target: payment('v4'), plan });
      await rollout.untilWeight(100);
      stack.sandbox.setVersion('payment-service', 'v4', { errorRate: 0.9 });
      await rollout.untilStatus('rolled_back');
      expect(names()).toEqual(['primary']);
      expect(weights(stack)).toMatchObject({ v2: 100, v4: 0 });
    },
    patience,
  );

  it(
    'is rolled back by one word, and every route of the object is as it was but for the winner',
    async () => {
      stack.sandbox.setVersion('payment-service', 'v3', { errorRate: 0.0005 });
      const rollout = await begin(stack, { target: payment('v3'), plan });
      await waitUntil('the header route stands', async () => names().includes('canaryd-header'));
      const { body } = await ask(stack, rollout.path);
      expect(body).toMatchObject({
        managedRoutes: [
          {
            name: 'canaryd-header',
            kind: 'header',
            does: 'requests with x-canary: true go to v3 (canary)',
          },
        ],
      });
      await follow(stack, rollout.id).act('rollback');
      await rollout.untilStatus('rolled_back');
      const [now] = routes();
      const [then] = z.array(z.looseObject({})).parse(before);
      expect({ ...now, route: [] }).toEqual({ ...then, route: [] });
    },
    patience,
  );
});
