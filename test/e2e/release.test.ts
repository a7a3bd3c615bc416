import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { demoPlan, healthy } from '../../demo/scenarios.ts';
import { missingFor, nameOf, pairings, usualPairing } from '../../local/pairings.ts';
import { type Stack, startStack } from '../../local/stack.ts';
import { paymentMesh } from '../../src/sandbox/payment-mesh.ts';
import { storeObject } from '../../src/sandbox/sandbox.ts';
import { moveWeights, release, statusAtEnd, weights } from './release.ts';

const seconds = 120_000;
const steps = [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '8s' }, { type: 'promote' }];
const shortPlan = { ...demoPlan, steps };

const worlds = await Promise.all(
  pairings.map(
    async (pairing) => [nameOf(pairing), { pairing, missing: await missingFor(pairing) }] as const,
  ),
);

describe.each(worlds)('a release on %s', (_name, { pairing, missing }) => {
  let stack: Stack;
  const running = () => stack;

  beforeAll(async () => {
    if (missing === null) stack = await startStack({ seed: 3, say: () => undefined, pairing });
  }, 120_000);

  afterAll(() => stack?.close(), 60_000);

  /** v1 at 100 % again, every version healthy. */
  beforeEach((context) => {
    context.skip(missing !== null, missing ?? '');
    for (const object of paymentMesh().objects) storeObject(stack.sandbox.store, object);
    for (const version of ['v1', 'v2', 'v3']) stack.sandbox.setVersion('payment-service', version, healthy);
  });

  tellEverywhere(running);
  // What does not depend on queue, database or Node is told once. The last story ends the canaryd it began with.
  if (pairing === usualPairing) tellOnce(running);
});

/** A bad release that goes back, and a good one through the death of its worker. */
function tellEverywhere(running: () => Stack): void {
  it(
    'that is paused and then fails is rolled back all the same',
    async () => {
      const rollout = await release(running(), 'v2');
      await rollout.untilWeight(5);
      expect((await rollout.act('pause', { reason: 'lunch' })).status).toBe(202);
      running().sandbox.setVersion('payment-service', 'v2', { errorRate: 0.5 });
      const last = await rollout.untilStatus('rolled_back');
      expect(last.explanation.what).toMatch(/5xx (ratio )?of the canary (was )?\d/);
      expect(weights(running())).toEqual({ v1: 100, v2: 0, v3: 0 });
    },
    seconds,
  );

  it(
    'is carried to its end by another worker when its own is killed',
    async () => {
      const other = await running().startAnother();
      const rollout = await release(running(), 'v2', shortPlan);
      await rollout.untilWeight(5);
      const gone = once(other.process, 'exit');
      other.process.kill('SIGKILL');
      await gone;
      await rollout.untilStatus('succeeded');
      expect(weights(running())).toEqual({ v1: 0, v2: 100, v3: 0 });
      expect((await rollout.types()).filter((type) => type === 'rollout.succeeded')).toHaveLength(1);
    },
    seconds,
  );
}

function tellOnce(running: () => Stack): void {
  it(
    'goes back on the word of a person, without a body and without a question',
    async () => {
      const rollout = await release(running(), 'v2');
      await rollout.untilWeight(5);
      expect((await rollout.act('rollback')).status).toBe(202);
      const last = await rollout.untilStatus('rolled_back');
      expect(last.outcome).toMatchObject({ cause: 'operator', by: { kind: 'person', name: 'you' } });
      expect(weights(running())).toEqual({ v1: 100, v2: 0, v3: 0 });
      // What is so already is no conflict: whoever asks once more in an emergency is told the same.
      expect((await rollout.act('rollback')).status).toBe(202);
    },
    seconds,
  );

  it(
    'is promoted past its checks only by saying so and why',
    async () => {
      const rollout = await release(running(), 'v3');
      await rollout.untilWeight(5);
      const refused = await rollout.act('promote');
      expect(refused.status).toBe(409);
      expect(refused.text).toContain('gate-not-ready');
      const override = { override: ['checks'], reason: 'hotfix for an outage' };
      expect((await rollout.act('promote', override)).status).toBe(202);
      await rollout.untilStatus('succeeded');
      expect(weights(running())).toEqual({ v1: 0, v2: 0, v3: 100 });
    },
    seconds,
  );

  it(
    'holds while the proxies do not take its weight, and goes on when they do',
    async () => {
      const bake = { type: 'bake', duration: '8s' };
      const weight = (share: number) => ({ type: 'setWeight', weight: share });
      const plan = { ...demoPlan, steps: [weight(5), bake, weight(10), bake, { type: 'promote' }] };
      const { traffic } = running().sandbox;
      const rollout = await release(running(), 'v2', plan);
      await rollout.untilWeight(5);
      traffic.setDeaf('payment-service', true);
      await rollout.untilWeight(10);
      await rollout.untilReason('traffic_mismatch');
      const { explanation } = await rollout.find();
      expect(explanation.what).toMatch(
        /[3-7]\S* % of \d+ requests went to the canary, where its weight of 10 %/,
      );
      expect(explanation.what).toContain('istioctl proxy-status');
      expect(weights(running())).toEqual({ v1: 90, v2: 10, v3: 0 });
      traffic.setDeaf('payment-service', false);
      await rollout.untilStatus('succeeded');
      const types = await rollout.types();
      expect(types.filter((type) => type === 'rollout.resumed').length).toBeGreaterThan(0);
    },
    seconds,
  );

  it(
    'pauses when another hand moves its weight, and goes on from there when told to',
    async () => {
      const rollout = await release(running(), 'v2');
      await rollout.untilWeight(5);
      moveWeights(running(), { v1: 70, v2: 30, v3: 0 });
      const paused = await rollout.untilStatus('paused');
      expect(paused.explanation.what).toContain('from 5 % to 30 %');
      expect((await rollout.act('resume')).text).toContain('drift-undecided');
      expect((await rollout.act('resume', { drift: 'reassert' })).status).toBe(202);
      await rollout.untilWeight(5);
      await rollout.act('rollback');
      await rollout.untilStatus('rolled_back');
    },
    seconds,
  );

  it(
    'takes users off the canary even when traffic was given to a third version meanwhile',
    async () => {
      const rollout = await release(running(), 'v2');
      await rollout.untilWeight(5);
      moveWeights(running(), { v1: 65, v2: 5, v3: 30 });
      await rollout.untilStatus('paused');
      await rollout.act('rollback');
      await rollout.untilStatus('rolled_back');
      expect(weights(running())).toEqual({ v1: 70, v2: 0, v3: 30 });
    },
    seconds,
  );

  it(
    'survives that every canaryd is killed and started again',
    async () => {
      const rollout = await release(running(), 'v2', shortPlan);
      await rollout.untilWeight(5);
      const gone = once(running().canaryd.process, 'exit');
      running().canaryd.process.kill('SIGKILL');
      await gone;
      const again = await running().startAnother();
      expect(await statusAtEnd({ ...running(), api: again.url }, rollout.id)).toBe('succeeded');
      expect(weights(running())).toEqual({ v1: 0, v2: 100, v3: 0 });
    },
    seconds,
  );
}
