import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../local/stack.ts';
import { query } from '../store/databases.ts';
import { ask } from './ask.ts';
import { begin, briefPlan, follow, payment, weights } from './release.ts';
import { waitUntil } from './wait-until.ts';

const patience = 120_000;
const longPlan = {
  ...briefPlan,
  steps: [briefPlan.steps[0], { type: 'bake', duration: '60s' }, { type: 'promote' }],
};

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ seed: 31, say: () => undefined });
}, patience);

afterAll(() => stack?.close(), 60_000);

/** A request on a connection that its client wants to keep. */
async function keptAlive(path: string, agent: Agent) {
  const headers = { authorization: `Bearer ${stack.token}` };
  const asked = get(stack.api + path, { headers, agent });
  const [answer] = await once(asked, 'response');
  return { connection: answer.headers.connection, status: answer.statusCode, body: await text(answer) };
}

async function stream(path: string) {
  const headers = { authorization: `Bearer ${stack.token}`, accept: 'text/event-stream' };
  const answer = await fetch(stack.api + path, { headers });
  return { status: answer.status, ended: answer.text() };
}

async function leasesHeld(): Promise<unknown[]> {
  return query(stack.databaseUrl, 'select id from rollout where lease_owner is not null');
}

/** How long something takes, in milliseconds. */
async function timed<T>(work: Promise<T>): Promise<{ answer: T; ms: number }> {
  const before = performance.now();
  const answer = await work;
  return { answer, ms: performance.now() - before };
}

describe('canaryd that is told to end', () => {
  it(
    'says so at once, lets listeners go, finishes the turn that hangs, and is gone with 0 well within 25 s',
    async () => {
      const rollout = await begin(stack, { target: payment('v2'), plan: longPlan });
      await rollout.untilWeight(20);
      const agent = new Agent({ keepAlive: true });
      const streams = await Promise.all([stream(`${rollout.path}/events`), stream('/v1/events')]);
      expect(streams.map(({ status }) => status)).toEqual([200, 200]);
      const poll = ask(stack, `${rollout.path}?waitFor=terminal&timeout=50`);
      expect((await keptAlive('/healthz', agent)).connection).toBe('keep-alive');
      stack.sandbox.faults.latencyMs = 30_000;
      await waitUntil('a turn hangs', async () => (await leasesHeld()).length === 1);

      const { process: canaryd } = stack.canaryd;
      const gone = timed(once(canaryd, 'exit'));
      const ended = timed(Promise.all([...streams.map((one) => one.ended), poll]));
      canaryd.kill('SIGTERM');
      await wait(300);
      const ready = await keptAlive('/readyz', agent);
      expect(ready).toMatchObject({ status: 503, connection: 'close' });
      expect(ready.body).toContain('it is shutting down');
      // Whoever has not heard yet is still answered.
      expect((await keptAlive(rollout.path, agent)).status).toBe(200);
      canaryd.kill('SIGTERM');

      const {
        ms,
        answer: [own, all, polled],
      } = await ended;
      expect(ms).toBeLessThan(2000);
      for (const one of [own, all]) expect(String(one)).toMatch(/retry: \d+\n\n$/);
      expect(polled).toMatchObject({ status: 200, body: { wait: { satisfied: false } } });
      const end = await gone;
      expect(end.answer).toEqual([0, null]);
      expect(end.ms).toBeLessThan(20_000);
      expect(await leasesHeld()).toEqual([]);
      agent.destroy();

      stack.sandbox.faults.latencyMs = 0;
      const { url } = await stack.startAnother();
      const later = follow({ ...stack, api: url }, rollout.id);
      expect((await later.act('rollback')).status).toBe(202);
      await later.untilStatus('rolled_back');
      expect(weights(stack)).toEqual({ v1: 100, v2: 0, v3: 0 });
    },
    patience,
  );
});
