import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { healthy } from '../../demo/scenarios.ts';
import { missingFor, usualPairing } from '../../local/pairings.ts';
import { type Stack, startStack } from '../../local/stack.ts';
import { storeObject } from '../../src/sandbox/sandbox.ts';
import { gatewayObject, mayWriteOnlyIn, weightsOf } from '../traffic/sandbox-mesh.ts';
import { begin, payment, weights } from './release.ts';
import { waitUntil } from './wait-until.ts';

const gateway = { namespace: 'edge', virtualService: 'gateway' };
const everywhere = ['payment-prod', 'edge'];
const missing = await missingFor(usualPairing);

const plan = {
  name: 'two-doors',
  interval: '1s',
  deadline: '10m',
  checks: { errors: { metric: 'errorRate', max: '5%', window: '4s', failures: 2, minRequests: 20 } },
  steps: [{ type: 'setWeight', weight: 20 }, { type: 'bake', duration: '5m' }, { type: 'promote' }],
};

describe.skipIf(missing !== null)('one release over two VirtualServices in two namespaces', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({ seed: 5, say: () => undefined, pairing: usualPairing });
    storeObject(stack.sandbox.store, gatewayObject(gateway, { v1: 100, v2: 0 }));
  }, 120_000);
  afterAll(() => stack?.close(), 60_000);

  const atGateway = () => weightsOf(stack.sandbox, gateway);
  const both = (more: object = {}) => ({ target: { ...payment('v2'), also: [gateway] }, plan, ...more });

  it('brings one back at once while the other is forbidden, says which, and ends when that one can be written', async () => {
    for (const version of ['v1', 'v2']) stack.sandbox.setVersion('payment-service', version, healthy);
    const rollout = await begin(stack, both());
    await rollout.untilWeight(20);
    expect([weights(stack), atGateway()]).toEqual([{ v1: 80, v2: 20, v3: 0 }, [80, 20]]);

    mayWriteOnlyIn(stack.sandbox, ['payment-prod']);
    stack.sandbox.setVersion('payment-service', 'v2', { errorRate: 0.5 });
    await waitUntil('the first is back', () => weights(stack)['v2'] === 0);
    expect(atGateway()).toEqual([80, 20]);

    await rollout.untilSaid('edge/gateway');
    const stuck = await rollout.find();
    expect(stuck.status).toBe('rolling_back');
    expect(stuck.explanation.what).toMatch(
      /edge\/gateway: .*forbidden.*payment-prod\/payment-service is at 0 %/,
    );
    expect(await rollout.types()).toEqual(expect.arrayContaining(['rollout.stuck', 'page']));

    mayWriteOnlyIn(stack.sandbox, everywhere);
    await rollout.untilStatus('rolled_back');
    expect([weights(stack), atGateway()]).toEqual([{ v1: 100, v2: 0, v3: 0 }, [100, 0]]);
  }, 180_000);

  it('keeps both from every other release until it has ended', async () => {
    stack.sandbox.setVersion('payment-service', 'v2', healthy);
    const rollout = await begin(stack, both());
    await rollout.untilWeight(20);
    await expect(begin(stack, { target: gateway, plan })).rejects.toThrow();
    expect((await rollout.act('rollback')).status).toBe(202);
    await rollout.untilStatus('rolled_back');
    const next = await begin(stack, { target: gateway, plan });
    await next.untilWeight(20);
    expect([weights(stack), atGateway()]).toEqual([{ v1: 100, v2: 0, v3: 0 }, [80, 20]]);
    expect((await next.act('rollback')).status).toBe(202);
    await next.untilStatus('rolled_back');
  }, 120_000);
});
