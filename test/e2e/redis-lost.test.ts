import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Stack, startStack } from '../../local/stack.ts';
import { demoMesh } from '../../src/sandbox/demo-mesh.ts';
import { ask } from './ask.ts';
import { begin, briefPlan, payment, weights } from './release.ts';

const patience = 120_000;
const longPlan = {
  ...briefPlan,
  steps: [briefPlan.steps[0], { type: 'bake', duration: '60s' }, { type: 'promote' }],
};
const ledger = { namespace: 'ledger-prod', virtualService: 'ledger' };

let stack: Stack;

beforeAll(async () => {
  const pairing = { postgres: 15, queue: 'redis', node: 'running' } as const;
  stack = await startStack({ seed: 29, say: () => undefined, pairing, mesh: demoMesh() });
}, patience);

afterAll(() => stack?.close(), 60_000);

async function askRedis(command: string): Promise<unknown> {
  const client = new Redis(stack.redis?.url ?? '', { lazyConnect: true });
  try {
    return await client.call(command);
  } finally {
    client.disconnect();
  }
}

/** Each row once and in its place, and one end. */
async function expectWholeStory(rollout: Awaited<ReturnType<typeof begin>>, end: string) {
  const rows = await rollout.events();
  expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_row, index) => index + 1));
  expect(rows.filter(({ type }) => type === end)).toHaveLength(1);
  expect(rows.at(-1)?.type).toBe(end);
}

describe('a release whose alarms are kept in Redis', () => {
  it(
    'goes on by the sweep when Redis loses everything in the middle of it',
    async () => {
      const rollout = await begin(stack, { target: payment('v2'), plan: briefPlan });
      await rollout.untilWeight(20);
      // Longer than from one alarm to the next, so that at least one is lost.
      for (let flush = 0; flush < 10; flush += 1) {
        await askRedis('FLUSHALL');
        await wait(150);
      }
      await rollout.untilStatus('succeeded');
      await expectWholeStory(rollout, 'rollout.succeeded');
      expect(weights(stack)).toEqual({ v1: 0, v2: 100, v3: 0 });
    },
    patience,
  );

  it(
    'comes to its end, and another goes back at once on the word of a person, when Redis is killed',
    async () => {
      const good = await begin(stack, { target: payment('v3'), plan: briefPlan });
      const other = await begin(stack, { target: ledger, plan: longPlan });
      await Promise.all([good.untilWeight(20), other.untilWeight(20)]);
      stack.redis?.signal('SIGKILL');
      await expect.poll(async () => partOf(await ask(stack, '/readyz'))).toEqual({ status: 200, ok: false });
      const before = Date.now();
      expect((await other.act('rollback')).status).toBe(202);
      await other.untilStatus('rolled_back');
      expect(Date.now() - before).toBeLessThan(3000);
      await good.untilStatus('succeeded');
      await expectWholeStory(good, 'rollout.succeeded');
      await expectWholeStory(other, 'rollout.rolled_back');
      expect(weights(stack)).toEqual({ v1: 0, v2: 0, v3: 100 });
      expect(weights(stack, 'ledger')).toEqual({ blue: 100, green: 0 });
    },
    patience,
  );

  it(
    'begins, fails and is brought back within seconds while there is no Redis',
    async () => {
      const rollout = await begin(stack, { target: ledger, plan: longPlan });
      await rollout.untilWeight(20);
      stack.sandbox.setVersion('ledger', 'green', { errorRate: 0.5 });
      const before = Date.now();
      await rollout.untilStatus('rolled_back');
      expect(Date.now() - before).toBeLessThan(30_000);
      expect(await rollout.exitCode()).toBe(3);
      await expectWholeStory(rollout, 'rollout.rolled_back');
      expect(weights(stack, 'ledger')).toEqual({ blue: 100, green: 0 });
    },
    patience,
  );
});

const Ready = z.looseObject({ parts: z.looseObject({ queue: z.looseObject({ ok: z.boolean() }) }) });

/** What canaryd says of itself, and of its queue. */
function partOf({ status, body }: Awaited<ReturnType<typeof ask>>) {
  return { status, ok: Ready.parse(body).parts.queue.ok };
}
