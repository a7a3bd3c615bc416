import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../local/stack.ts';
import { releaseOf, smallServices } from '../crash/mesh.ts';
import { begin, briefPlan, weights } from './release.ts';

const patience = 60_000;

const [toFifth, bake] = briefPlan.steps;
/** Two weights and no end: what was lost shows in the second one. */
const plan = {
  ...briefPlan,
  steps: [
    toFifth,
    bake,
    { type: 'setWeight', weight: 40 },
    { type: 'bake', duration: '60s' },
    { type: 'promote' },
  ],
};

let stack: Stack;

beforeAll(async () => {
  const mesh = smallServices(['away', 'cut-off', 'unreachable']);
  stack = await startStack({ seed: 31, say: () => undefined, mesh });
}, 120_000);

afterAll(() => stack?.close(), 60_000);

async function releaseAtFifth(service: string) {
  const rollout = await begin(stack, { target: releaseOf(service), plan });
  await rollout.untilWeight(20);
  return rollout;
}

/** Each row of the audit log once and in its place. */
async function expectWholeStory(rollout: Awaited<ReturnType<typeof begin>>, moves: [number, number][]) {
  const rows = await rollout.events();
  expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_row, index) => index + 1));
  const applied = rows.filter(({ type }) => type === 'weight.applied');
  expect(applied.map(({ facts }) => [facts['from'], facts['to']])).toEqual(moves);
}

function isAlive(): boolean {
  return stack.canaryd.process.exitCode === null && stack.canaryd.process.signalCode === null;
}

describe('a release goes on', () => {
  it(
    'where it stood when PostgreSQL is killed in the middle of a step and comes back: meanwhile no weight is written',
    async () => {
      const rollout = await releaseAtFifth('away');
      await stack.postgres.crash();
      const before = stack.sandbox.writes.length;
      // Longer than the bake, so that the next weight is due.
      await wait(5000);
      const asked = await fetch(`${stack.api}${rollout.path}`, {
        headers: { authorization: `Bearer ${stack.token}` },
      });
      expect(asked.status).toBe(503);
      expect(Number(asked.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await fetch(`${stack.api}/healthz`)).status).toBe(200);
      expect(stack.sandbox.writes).toHaveLength(before);
      await stack.postgres.start();
      await rollout.untilWeight(40);
      expect(isAlive()).toBe(true);
      await expectWholeStory(rollout, [
        [0, 20],
        [20, 40],
      ]);
      await rollout.act('rollback');
      await rollout.untilStatus('rolled_back');
    },
    patience,
  );

  it(
    'and canaryd with it, when all connections to PostgreSQL are terminated again and again',
    async () => {
      const rollout = await releaseAtFifth('cut-off');
      for (let round = 0; round < 8; round += 1) {
        expect(await terminateAll()).toBeGreaterThan(0);
        await wait(250);
      }
      await rollout.untilWeight(40);
      expect(isAlive()).toBe(true);
      await expectWholeStory(rollout, [
        [0, 20],
        [20, 40],
      ]);
      await rollout.act('rollback');
      await rollout.untilStatus('rolled_back');
    },
    patience,
  );
});

describe('a rollback', () => {
  it(
    'is tried again and again while the API server is down, and done within seconds when it is back',
    async () => {
      const rollout = await releaseAtFifth('unreachable');
      stack.sandbox.faults.apiDown = true;
      expect((await rollout.act('rollback')).status).toBe(202);
      await wait(6000);
      const { status } = await rollout.find();
      expect([status, weights(stack, 'unreachable')]).toEqual(['rolling_back', { v1: 80, v2: 20 }]);
      stack.sandbox.faults.apiDown = false;
      const before = Date.now();
      await rollout.untilStatus('rolled_back');
      expect(Date.now() - before).toBeLessThan(10_000);
      expect(weights(stack, 'unreachable')).toEqual({ v1: 100, v2: 0 });
      await expectWholeStory(rollout, [
        [0, 20],
        [20, 0],
      ]);
    },
    patience,
  );
});

async function terminateAll(): Promise<number> {
  const client = new pg.Client({ connectionString: stack.databaseUrl });
  await client.connect();
  try {
    const ended = await client.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()',
    );
    return ended.rowCount ?? 0;
  } finally {
    await client.end();
  }
}
