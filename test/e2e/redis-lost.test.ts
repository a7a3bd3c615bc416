import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type LocalRedis, startRedis } from '../../local/redis.ts';
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
/** A Redis that was started in the place of a killed one, and its folder. */
let later: { server: LocalRedis; home: string } | null = null;

beforeAll(async () => {
  const pairing = { postgres: 15, queue: 'redis', node: 'running' } as const;
  stack = await startStack({ seed: 29, say: () => undefined, pairing, mesh: demoMesh() });
}, patience);

afterAll(async () => {
  await stack?.close();
  await later?.server.stop();
  if (later !== null) await rm(later.home, { recursive: true, force: true });
}, 60_000);

async function askRedis(command: string, ...words: string[]): Promise<unknown> {
  const client = new Redis(stack.redis?.url ?? '', { lazyConnect: true });
  try {
    return await client.call(command, ...words);
  } finally {
    client.disconnect();
  }
}

/** What Redis holds now, as it would be found in a backup. */
async function snapshot(): Promise<Buffer> {
  await askRedis('SAVE');
  const [, folder] = z.tuple([z.string(), z.string()]).parse(await askRedis('CONFIG', 'GET', 'dir'));
  return readFile(join(folder, 'dump.rdb'));
}

/** Starts Redis where it was, with the password that it had, and what is in this snapshot. */
async function restore(dump: Buffer): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'canaryd-test-'));
  const url = new URL(stack.redis?.url ?? '');
  await mkdir(join(home, 'data'));
  await writeFile(join(home, 'data', 'dump.rdb'), dump);
  await writeFile(join(home, 'password'), url.password);
  const place = { dataDir: home, port: Number(url.port), settings: ['appendonly no'] };
  later = { server: await startRedis(place), home };
}

/** What a promise answers, which it has to do within 2 s. */
async function soon<T>(work: Promise<T>): Promise<T> {
  const before = performance.now();
  const answer = await work;
  expect(performance.now() - before).toBeLessThan(2000);
  return answer;
}

/** Each row once and in its place, and one end. */
async function expectWholeStory(rollout: Awaited<ReturnType<typeof begin>>, end: string) {
  const rows = await rollout.events();
  expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_row, index) => index + 1));
  expect(rows.filter(({ type }) => type === end)).toHaveLength(1);
  expect(rows.at(-1)?.type).toBe(end);
}

describe('a release whose alarms are kept in Redis', () => {
  let old: { dump: Buffer; rollouts: Awaited<ReturnType<typeof begin>>[] };

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

  it.each([
    ['hangs', 'does not answer', () => stack.redis?.signal('SIGSTOP'), () => stack.redis?.signal('SIGCONT')],
    [
      'is out of memory',
      'Redis is full',
      () => askRedis('CONFIG', 'SET', 'maxmemory', '500kb'),
      () => askRedis('CONFIG', 'SET', 'maxmemory', '0'),
    ],
    [
      'may throw alarms away',
      'maxmemory-policy is allkeys-lru',
      () => askRedis('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru'),
      () => askRedis('CONFIG', 'SET', 'maxmemory-policy', 'noeviction'),
    ],
  ])(
    'begins, moves and goes back, and no caller waits, while Redis %s',
    async (_name, why, harm, heal) => {
      await harm();
      try {
        const seen = { status: 200, ok: false, why: expect.stringContaining(why) };
        await expect.poll(queueNow, { timeout: 10_000 }).toMatchObject(seen);
        const rollout = await soon(begin(stack, { target: ledger, plan: longPlan }));
        await rollout.untilWeight(20);
        const before = Date.now();
        expect((await soon(rollout.act('rollback'))).status).toBe(202);
        await rollout.untilStatus('rolled_back');
        expect(Date.now() - before).toBeLessThan(3000);
        await expectWholeStory(rollout, 'rollout.rolled_back');
      } finally {
        await heal();
      }
    },
    patience,
  );

  it(
    'comes to its end, and another goes back at once on the word of a person, when Redis is killed',
    async () => {
      const good = await begin(stack, { target: payment('v3'), plan: briefPlan });
      const other = await begin(stack, { target: ledger, plan: longPlan });
      await Promise.all([good.untilWeight(20), other.untilWeight(20)]);
      old = { dump: await snapshot(), rollouts: [good, other] };
      stack.redis?.signal('SIGKILL');
      await expect.poll(queueNow, { timeout: 10_000 }).toMatchObject({ status: 200, ok: false });
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

  it(
    'hears alarms again when Redis is back with an old snapshot, and those of rollouts that ended do nothing',
    async () => {
      const before = await Promise.all(old.rollouts.map((rollout) => rollout.events()));
      await restore(old.dump);
      expect(await askRedis('KEYS', '*:wake-*')).not.toEqual([]);
      await expect.poll(queueNow, { timeout: 10_000 }).toMatchObject({ ok: true });
      stack.sandbox.setVersion('ledger', 'green', { errorRate: 0 });
      const rollout = await begin(stack, { target: ledger, plan: briefPlan });
      await expect
        .poll(() => askRedis('KEYS', `*:wake-${rollout.id}-*`), { timeout: 20_000 })
        .not.toEqual([]);
      await rollout.untilStatus('succeeded');
      await expectWholeStory(rollout, 'rollout.succeeded');
      expect(await askRedis('KEYS', '*:wake-*')).toEqual([]);
      expect(await Promise.all(old.rollouts.map((ended) => ended.events()))).toEqual(before);
    },
    patience,
  );
});

const Ready = z.looseObject({
  parts: z.looseObject({ queue: z.looseObject({ ok: z.boolean(), why: z.string().optional() }) }),
});

/** What canaryd says of itself, and of its queue. */
async function queueNow() {
  const { status, body } = await ask(stack, '/readyz');
  return { status, ...Ready.parse(body).parts.queue };
}
