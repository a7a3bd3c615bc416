import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../local/stack.ts';
import { joined } from '../../src/sandbox/demo-mesh.ts';
import { fixedNamesMesh } from '../../src/sandbox/fixed-names-mesh.ts';
import { paymentMesh } from '../../src/sandbox/payment-mesh.ts';
import { storeObject } from '../../src/sandbox/sandbox.ts';
import { as, ask } from './ask.ts';
import { begin, briefPlan, follow, moveWeights, payment, refund, weights } from './release.ts';

const patience = 120_000;
const [setWeight, bake, promote] = briefPlan.steps;
const approvedPlan = { ...briefPlan, steps: [setWeight, bake, { type: 'approval' }, promote] };
/** Ends long after the test, unless somebody or something ends it. */
const longPlan = { ...briefPlan, steps: [setWeight, { type: 'bake', duration: '60s' }, promote] };
const onStable = { v1: 100, v2: 0, v3: 0 };
const meshes = () => joined([paymentMesh(), fixedNamesMesh('refund-service')]);

let stack: Stack;

beforeAll(async () => {
  const others = [
    { kind: 'person', name: 'bea' },
    { kind: 'machine', name: 'ci' },
  ] as const;
  stack = await startStack({ seed: 17, say: () => undefined, mesh: meshes(), others: [...others] });
}, patience);

afterAll(() => stack?.close(), 60_000);

/** Every split as at the start, every version healthy. */
beforeEach(() => {
  for (const object of meshes().objects) storeObject(stack.sandbox.store, object);
  for (const version of ['v1', 'v2', 'v3'])
    stack.sandbox.setVersion('payment-service', version, { errorRate: 0.0005 });
});

type Started = Awaited<ReturnType<typeof begin>>;

/** The id of what waits for an approval. */
async function pendingOn(rollout: Started): Promise<string> {
  const seen = await rollout.untilStatus('awaiting_approval');
  const id = /approval (ap-\d+-\d+)/.exec(seen.explanation.what)?.[1];
  return id ?? expect.fail(`no request stands in: ${seen.explanation.what}`);
}

/** Decides as one of the callers, and tells the status and, of a refusal, the type and what to do. */
async function decide(rollout: Started, approval: string, name: string, decision = 'approve') {
  const path = `${rollout.path}/approvals/${approval}/decisions`;
  const body = { decision, comment: `said by ${name}` };
  const { status, body: answer } = await ask(as(stack, name), path, { body });
  return { status, type: answer['type'], detail: answer['detail'] };
}

describe('an approval', () => {
  it(
    'is the word of another person: not of who asked, not of a machine, and not on what stands there no more',
    async () => {
      const rollout = await begin(stack, { target: payment('v2'), plan: approvedPlan });
      const first = await pendingOn(rollout);
      expect(await decide(rollout, first, 'you')).toMatchObject({
        status: 403,
        type: '/problems/self-approval',
      });
      expect(await decide(rollout, first, 'ci')).toMatchObject({
        status: 403,
        type: '/problems/approver-not-a-person',
      });
      moveWeights(stack, { v1: 70, v2: 30, v3: 0 });
      await rollout.untilReason('drift_detected');
      expect((await rollout.act('resume', { drift: 'reassert' })).status).toBe(202);
      const second = await pendingOn(rollout);
      expect(second).not.toBe(first);
      const stale = await decide(rollout, first, 'bea');
      expect(stale).toMatchObject({ status: 409, type: '/problems/stale-view' });
      expect(stale.detail).toContain(`What waits now is ${second}.`);
      expect((await decide(rollout, second, 'bea')).status).toBe(201);
      await rollout.untilStatus('succeeded');
      expect(weights(stack)).toEqual({ v1: 0, v2: 100, v3: 0 });
      const said = (await rollout.events()).filter(({ type }) => type === 'approval.approved');
      expect(said).toMatchObject([{ actor: { kind: 'person', name: 'bea' }, facts: { approval: second } }]);
    },
    patience,
  );

  it(
    'lies in the inbox of everybody, and its rejection rolls back with exit code 5',
    async () => {
      const rollout = await begin(stack, { target: payment('v2'), plan: approvedPlan });
      const approval = await pendingOn(rollout);
      const inbox = async (name: string) => (await ask(as(stack, name), '/v1/approvals')).body['data'];
      const waiting = { rollout: { id: rollout.id }, approval: { id: approval, status: 'pending' } };
      expect(await inbox('bea')).toMatchObject([{ ...waiting, mayDecide: true, why: null }]);
      expect(await inbox('you')).toMatchObject([
        { ...waiting, mayDecide: false, why: expect.stringContaining('somebody else has to decide') },
      ]);
      expect((await decide(rollout, approval, 'bea', 'reject')).status).toBe(201);
      const last = await rollout.untilStatus('rolled_back');
      expect(last.outcome).toMatchObject({ cause: 'approval_rejected', by: { name: 'bea' } });
      expect(await rollout.exitCode()).toBe(5);
      expect(weights(stack)).toEqual(onStable);
      expect(await inbox('bea')).toEqual([]);
    },
    patience,
  );

  it(
    'that nobody gives keeps no failing canary in traffic',
    async () => {
      const rollout = await begin(stack, { target: payment('v2'), plan: approvedPlan });
      await pendingOn(rollout);
      stack.sandbox.setVersion('payment-service', 'v2', { errorRate: 0.5 });
      await rollout.untilStatus('rolled_back');
      expect(await rollout.exitCode()).toBe(3);
      expect(weights(stack)).toEqual(onStable);
    },
    patience,
  );
});

describe('a hold order', () => {
  async function hold(body: object) {
    const { status, body: order } = await ask(as(stack, 'bea'), '/v1/hold', { body });
    expect(status).toBe(201);
    return `/v1/hold/${String(order['id'])}`;
  }

  it(
    'stops a bake within a second and raises nothing for as long as it stands; then the rollout goes on',
    async () => {
      const rollout = await begin(stack, { target: payment('v2'), plan: briefPlan });
      await rollout.untilWeight(20);
      const before = Date.now();
      const order = await hold({ reason: 'card network is down' });
      const held = await rollout.untilReason('kill_switch');
      expect(Date.now() - before).toBeLessThan(1000);
      expect(held.explanation.what).toContain('bea stopped every move forward in all clusters');
      // Half as long again as the bake would have taken.
      await wait(4500);
      expect((await rollout.find()).status).toBe('holding');
      expect(weights(stack)).toEqual({ v1: 80, v2: 20, v3: 0 });
      expect((await ask(stack, order, { method: 'DELETE' })).status).toBe(200);
      await rollout.untilStatus('succeeded');
      expect(weights(stack)).toEqual({ v1: 0, v2: 100, v3: 0 });
    },
    patience,
  );

  it(
    'in a namespace keeps no guard from rolling back',
    async () => {
      const rollout = await begin(stack, { target: payment('v2'), plan: longPlan });
      await rollout.untilWeight(20);
      const order = await hold({ namespace: 'payment-prod' });
      await rollout.untilReason('kill_switch');
      stack.sandbox.setVersion('payment-service', 'v2', { errorRate: 0.5 });
      await rollout.untilStatus('rolled_back');
      expect(await rollout.exitCode()).toBe(3);
      expect(weights(stack)).toEqual(onStable);
      expect((await ask(stack, order, { method: 'DELETE' })).status).toBe(200);
      expect((await ask(stack, '/v1/hold')).body['data']).toEqual([]);
    },
    patience,
  );
});

describe('a word in an emergency', () => {
  it(
    'takes back every rollout of a namespace side by side, and may be repeated',
    async () => {
      const both = await Promise.all([
        begin(stack, { target: payment('v2'), plan: longPlan }),
        begin(stack, { target: refund, plan: longPlan }),
      ]);
      await Promise.all(both.map((rollout) => rollout.untilWeight(20)));
      const before = Date.now();
      const body = { namespace: 'payment-prod', reason: 'customers report failed payments' };
      const { status, body: answer } = await ask(as(stack, 'ci'), '/v1/rollback', { body });
      const outcomes = both.map(({ id }) => ({ rolloutId: id, outcome: 'rolling_back' }));
      expect({ status, data: answer['data'] }).toMatchObject({
        status: 202,
        data: expect.arrayContaining(outcomes.map((outcome) => expect.objectContaining(outcome))),
      });
      await Promise.all(both.map((rollout) => rollout.untilStatus('rolled_back')));
      expect(Date.now() - before).toBeLessThan(5000);
      expect([weights(stack), weights(stack, 'refund-service')]).toEqual([
        onStable,
        { stable: 100, canary: 0 },
      ]);
      expect(await Promise.all(both.map((rollout) => rollout.exitCode()))).toEqual([4, 4]);
      expect(await ask(as(stack, 'ci'), '/v1/rollback', { body })).toMatchObject({
        status: 202,
        body: { data: [] },
      });
    },
    patience,
  );

  it(
    'takes a succeeded rollout back by a new one, which says of which',
    async () => {
      const good = await begin(stack, { target: payment('v2'), plan: briefPlan });
      await good.untilStatus('succeeded');
      const { status, text } = await good.act('rollback', { reason: 'wrong totals on receipts' });
      expect(status).toBe(202);
      const back = follow(stack, String(JSON.parse(text).id));
      expect(back.id).not.toBe(good.id);
      const last = await back.untilStatus('rolled_back');
      expect(last).toMatchObject({
        rollbackOf: good.id,
        outcome: { cause: 'operator', reason: 'wrong totals on receipts', by: { name: 'you' } },
      });
      expect(await back.exitCode()).toBe(4);
      expect(weights(stack)).toEqual(onStable);
      expect((await good.find()).status).toBe('succeeded');
      expect((await good.act('rollback')).status).toBe(409);
    },
    patience,
  );
});

describe('a canary that is deployed anew in mid-run', () => {
  it(
    'loses its traffic and waits for a person, whose word begins at the first step again',
    async () => {
      const rollout = await begin(stack, { target: refund, plan: longPlan });
      await rollout.untilWeight(20);
      stack.sandbox.redeploy('refund-service', 'canary', 'example.test/payments/refund-service:1.1');
      const paused = await rollout.untilReason('canary_changed');
      expect(paused.explanation.what).toMatch(/^The canary is another one now: container refund-service ran/);
      await rollout.untilWeight(0);
      expect(weights(stack, 'refund-service')).toEqual({ stable: 100, canary: 0 });
      expect((await rollout.act('resume')).status).toBe(202);
      await rollout.untilWeight(20);
      expect((await rollout.act('rollback')).status).toBe(202);
      await rollout.untilStatus('rolled_back');
      expect(weights(stack, 'refund-service')).toEqual({ stable: 100, canary: 0 });
    },
    patience,
  );
});
