import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { healthy } from '../../demo/scenarios.ts';
import { type Stack, startStack } from '../../local/stack.ts';
import { paymentMesh } from '../../src/sandbox/payment-mesh.ts';
import { storeObject } from '../../src/sandbox/sandbox.ts';
import { ask } from './ask.ts';
import { briefPlan, follow, payment, release, weights } from './release.ts';

const seconds = 120_000;

describe('a release whose turn has not come', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({ seed: 5, say: () => undefined });
  }, 120_000);

  afterAll(() => stack?.close(), 60_000);

  beforeEach(() => {
    for (const object of paymentMesh().objects) storeObject(stack.sandbox.store, object);
    for (const version of ['v1', 'v2', 'v3']) stack.sandbox.setVersion('payment-service', version, healthy);
  });

  async function later(canary: string, when: object) {
    const body = { target: payment(canary), plan: briefPlan, ...when };
    const answer = await ask(stack, '/v1/rollouts', { body });
    expect([answer.status, answer.body['status']]).toEqual([202, 'scheduled']);
    return String(answer.body['id']);
  }

  /** Until its turn has come; answers the last thing that was seen before. */
  async function begun(id: string) {
    const give = Date.now() + 90_000;
    let before: Awaited<ReturnType<typeof ask>>['body'] = {};
    while (Date.now() < give) {
      const { body } = await ask(stack, `/v1/rollouts/${id}`);
      if (body['status'] !== 'scheduled') return before;
      before = body;
      await wait(100);
    }
    return expect.fail(`${id} did not begin`);
  }

  it(
    'waits for the one in front of it, and starts from where that one has taken traffic',
    async () => {
      const front = await release(stack, 'v2', briefPlan);
      await front.untilWeight(20);
      const id = await later('v3', { onConflict: 'queue' });
      const before = await begun(id);
      expect(before['explanation']).toMatchObject({ what: `Queued behind ${front.id}.` });
      await front.untilStatus('succeeded');
      await follow(stack, id).untilStatus('succeeded');
      const { body } = await ask(stack, `/v1/rollouts/${id}`);
      expect(body['versions']).toEqual({ stable: 'v2', canary: 'v3' });
      expect(weights(stack)).toEqual({ v1: 0, v2: 0, v3: 100 });
      expect(await follow(stack, id).types()).toEqual(
        expect.arrayContaining(['rollout.scheduled', 'rollout.preflight', 'rollout.started']),
      );
    },
    seconds,
  );

  it(
    'begins at its time, and not before',
    async () => {
      const startAt = new Date(Date.now() + 6000).toISOString();
      const id = await later('v2', { startAt });
      await begun(id);
      const rollout = follow(stack, id);
      await rollout.untilWeight(20);
      const rows = await rollout.events();
      const preflight = rows.find(({ type }) => type === 'rollout.preflight');
      expect(Date.parse(preflight?.at ?? '')).toBeGreaterThanOrEqual(Date.parse(startAt));
      await rollout.act('rollback');
      await rollout.untilStatus('rolled_back');
    },
    seconds,
  );
});
