import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../local/stack.ts';
import { joined } from '../../src/sandbox/demo-mesh.ts';
import { fixedNamesMesh } from '../../src/sandbox/fixed-names-mesh.ts';
import { ledgerMesh } from '../../src/sandbox/ledger-mesh.ts';
import { paymentMesh } from '../../src/sandbox/payment-mesh.ts';
import { untilScraped } from './prometheus.ts';
import { begin, briefPlan, payment, weights } from './release.ts';

const patience = 120_000;
const failing = { errorRate: 0.5 };
const healthy = { errorRate: 0.0005 };

let stack: Stack;

beforeAll(async () => {
  const fixed = ['refund-service', 'payout-service'].map(fixedNamesMesh);
  const mesh = joined([paymentMesh(['v1', 'v2', 'v3', 'v4']), ledgerMesh(), ...fixed]);
  stack = await startStack({ seed: 11, say: () => undefined, mesh });
}, patience);

afterAll(() => stack?.close(), 60_000);

/** Each style has a service of its own, so their stories are told side by side. */
describe.concurrent('a subset for each version, whose winner is the next stable', () => {
  it.sequential(
    'takes two good releases, one after the other',
    async () => {
      const first = await begin(stack, { target: payment('v2'), plan: briefPlan });
      await first.untilStatus('succeeded');
      expect(weights(stack)).toEqual({ v1: 0, v2: 100, v3: 0, v4: 0 });
      const second = await begin(stack, { target: payment('v3'), plan: briefPlan });
      const last = await second.untilStatus('succeeded');
      expect(last.versions).toMatchObject({ stable: 'v2', canary: 'v3' });
      expect(weights(stack)).toEqual({ v1: 0, v2: 0, v3: 100, v4: 0 });
    },
    patience,
  );

  it.sequential(
    'brings a bad one back to the last that was good',
    async () => {
      stack.sandbox.setVersion('payment-service', 'v4', failing);
      const rollout = await begin(stack, { target: payment('v4'), plan: briefPlan });
      const last = await rollout.untilStatus('rolled_back');
      expect(last.versions).toMatchObject({ stable: 'v3', canary: 'v4' });
      expect(last.outcome?.cause).toMatch(/^(judge|severe_errors)$/);
      expect(await rollout.exitCode()).toBe(3);
      expect(weights(stack)).toEqual({ v1: 0, v2: 0, v3: 100, v4: 0 });
    },
    patience,
  );
});

describe.concurrent('a host for each colour', () => {
  const ledger = (host: string) => {
    return { namespace: 'ledger-prod', virtualService: 'ledger', canary: { host } };
  };

  it.sequential(
    'takes a good release to the other colour, and brings a bad one back from the first',
    async () => {
      const good = await begin(stack, { target: ledger('ledger-green'), plan: briefPlan });
      await good.untilStatus('succeeded');
      expect(weights(stack, 'ledger')).toEqual({ blue: 0, green: 100 });
      stack.sandbox.redeploy('ledger', 'blue', 'example.test/ledger/ledger:blue-2');
      stack.sandbox.setVersion('ledger', 'blue', failing);
      await untilScraped(stack, 'ledger-blue');
      const bad = await begin(stack, { target: ledger('ledger-blue'), plan: briefPlan });
      const last = await bad.untilStatus('rolled_back');
      expect(last.outcome?.cause).toMatch(/^(judge|severe_errors)$/);
      expect(await bad.exitCode()).toBe(3);
      expect(weights(stack, 'ledger')).toEqual({ blue: 0, green: 100 });
    },
    patience,
  );
});

/** A service whose stable gets the canary's image before the release ends. */
function fixedNames(service: string) {
  const plan = { ...briefPlan, onSuccess: 'handover', handoverBake: '4s' };
  const target = { namespace: 'payment-prod', virtualService: service };
  const image = (tag: string) => `example.test/payments/${service}:${tag}`;

  async function release(tag: string) {
    stack.sandbox.redeploy(service, 'canary', image(tag));
    await untilScraped(stack, `${service}-canary`);
    return begin(stack, { target, plan });
  }

  return {
    split: () => weights(stack, service),
    behave: (role: string, behaviour: { errorRate: number }) =>
      stack.sandbox.setVersion(service, role, behaviour),
    redeployStable: (tag: string) => stack.sandbox.redeploy(service, 'stable', image(tag)),
    redeployStableByPod: (tag: string) => stack.sandbox.redeployByPod(service, 'stable', image(tag)),
    release,
    /** A release that has won all traffic and waits for stable to get its image, too. */
    async releaseToHandOver(tag: string) {
      const rollout = await release(tag);
      await rollout.untilReason('handover_waiting');
      expect(weights(stack, service)).toEqual(onCanary);
      return rollout;
    },
  };
}

const onStable = { stable: 100, canary: 0 };
const onCanary = { stable: 0, canary: 100 };

describe.concurrent('the names stable and canary for all releases', () => {
  const refund = fixedNames('refund-service');

  it.sequential.for([
    '1.1',
    '1.2',
  ])('hand over release %s while the pods of stable get its image one by one', {
    timeout: patience,
  }, async (tag) => {
    const rollout = await refund.releaseToHandOver(tag);
    const replaceOne = refund.redeployStableByPod(tag);
    expect(replaceOne()).toBe(1);
    await rollout.untilSaid('1 of 2 ready pods of stable (stable) run');
    expect(refund.split()).toEqual(onCanary);
    expect(replaceOne()).toBe(0);
    await rollout.untilWeight(0);
    expect(refund.split()).toEqual(onStable);
    await rollout.untilStatus('succeeded');
    expect(await rollout.exitCode()).toBe(0);
    expect((await rollout.act('rollback')).text).toContain('/problems/no-way-back');
  });

  it.sequential(
    'bring a bad release back to the last that was good',
    async () => {
      refund.behave('canary', failing);
      const rollout = await refund.release('1.3');
      const last = await rollout.untilStatus('rolled_back');
      expect(last.outcome?.cause).toMatch(/^(judge|severe_errors)$/);
      expect(await rollout.exitCode()).toBe(3);
      expect(refund.split()).toEqual(onStable);
    },
    patience,
  );
});

describe.concurrent('a handover that goes wrong', () => {
  const payout = fixedNames('payout-service');

  it.sequential(
    'has no way back once a pod of stable runs the new image: weights stay, a person is called, and his undo opens it',
    async () => {
      const rollout = await payout.releaseToHandOver('1.1');
      payout.redeployStableByPod('1.1')();
      await rollout.untilSaid('1 of 2 ready pods of stable (stable) run');
      payout.behave('canary', failing);
      const stuck = await rollout.untilReason('no_way_back');
      expect(stuck.explanation.what).toMatch(/^No way back by weights, because stable runs/);
      expect(await rollout.types()).toEqual(expect.arrayContaining(['rollout.no_way_back', 'page']));
      expect((await rollout.messages()).at(-1)).toContain('kubectl -n payment-prod rollout undo');
      expect(await rollout.exitCode()).toBe(10);
      expect(await rollout.act('rollback')).toMatchObject({ status: 409 });
      expect(payout.split()).toEqual(onCanary);
      payout.redeployStable('1.0');
      await rollout.untilStatus('rolled_back');
      expect(await rollout.exitCode()).toBe(3);
      expect(payout.split()).toEqual(onStable);
      payout.behave('canary', healthy);
    },
    patience,
  );

  it.sequential(
    'ends by itself when stable has all traffic and a person takes its image back',
    async () => {
      const rollout = await payout.releaseToHandOver('1.2');
      payout.redeployStable('1.2');
      await rollout.untilWeight(0);
      payout.behave('stable', failing);
      await rollout.untilReason('no_way_back');
      expect(await rollout.exitCode()).toBe(10);
      expect(payout.split()).toEqual(onStable);
      payout.behave('stable', healthy);
      payout.redeployStable('1.0');
      const last = await rollout.untilStatus('rolled_back');
      expect(last.outcome).toMatchObject({ cause: 'handover_undone' });
      expect(payout.split()).toEqual(onStable);
    },
    patience,
  );
});
