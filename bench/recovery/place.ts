import { setTimeout as wait } from 'node:timers/promises';
import { clientOf, type EventSeen, type RolloutSeen } from '../../demo/client.ts';
import { type Stack, startStack } from '../../local/stack.ts';
import { releaseOf, smallServices } from '../../test/crash/mesh.ts';
import { type Turns, turnsOf } from './turns.ts';

const service = 'ledger';

/** A release that stays at 20 %, polled each second. */
const plan = {
  name: 'recovery',
  interval: '1s',
  deadline: '1h',
  checks: { errors: { metric: 'errorRate', max: '50%', window: '4s', failures: 3, minRequests: 5 } },
  steps: [{ type: 'setWeight', weight: 20 }, { type: 'bake', duration: '30m' }, { type: 'promote' }],
};

/** A running stack whose alarms are kept in Redis, with one release at 20 %. */
export type Place = {
  stack: Stack;
  turns: Turns;
  find(): Promise<RolloutSeen>;
  events(): Promise<EventSeen[]>;
  rollBack(): Promise<void>;
  until(what: string, holds: () => boolean | Promise<boolean>): Promise<void>;
  /** What is to be ended before the stack. */
  closings: (() => Promise<void>)[];
  close(): Promise<void>;
};

/** Starts all of it on this machine; `close` ends it. */
export async function openPlace(seed: number): Promise<Place> {
  const pairing = { postgres: 18, queue: 'redis', node: 'running' } as const;
  const stack = await startStack({ seed, say: () => undefined, pairing, mesh: smallServices([service]) });
  try {
    const client = clientOf(stack);
    const { id } = await client.create({ target: releaseOf(service), plan });
    const find = () => client.find(id);
    await until('the release has 20 %', async () => (await find()).weight.applied === 20);
    const turns = turnsOf(stack.databaseUrl, id);
    const closings = [turns.close];
    const close = async () => {
      for (const part of closings) await part();
      await stack.close();
    };
    const events = () => client.eventsAfter(id, 0);
    return { stack, turns, find, events, rollBack: () => rollBack(stack, id), until, closings, close };
  } catch (error) {
    await stack.close();
    throw error;
  }
}

async function rollBack(stack: Stack, id: string): Promise<void> {
  const { status, text } = await clientOf(stack).act(id, 'rollback');
  if (status !== 202) throw new Error(`the rollback was refused: ${text}`);
}

const patienceMs = 120_000;

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const give = Date.now() + patienceMs;
  while (Date.now() < give) {
    if (await Promise.resolve(holds()).catch(() => false)) return;
    await wait(25);
  }
  throw new Error(`not within ${patienceMs / 1000} s: ${what}`);
}
