import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { type LocalPostgres, startPostgres } from '../../local/postgres.ts';
import { type LocalRedis, startRedis } from '../../local/redis.ts';
import { prepareQueue, type QueueSource } from '../../src/queue/queue.ts';
import { query } from '../store/databases.ts';

const Job = z.object({ id: z.string(), data: z.unknown() });
type Job = z.infer<typeof Job>;

/** A real server that keeps a queue, and what can happen to it. */
export type QueueServer = {
  source: QueueSource;
  jobs(): Promise<Job[]>;
  /** Loses every job without a word. */
  lose(): Promise<void>;
  /** Cuts every connection to it. */
  cut(): Promise<void>;
  /** Lets connections stand but answers nothing; the answer undoes it. */
  freeze(): Promise<() => void>;
  halt(): Promise<void>;
  /** At the same address, with its data; nothing happens while it runs. */
  startAgain(): Promise<void>;
  close(): Promise<void>;
};

/** A PostgreSQL server with BullMQ's tables. */
export async function postgresServer(): Promise<QueueServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'canaryd-test-'));
  let server: LocalPostgres = await startPostgres({ dataDir });
  let isUp = true;
  const { url } = server;
  const source: QueueSource = { kind: 'postgres', url };
  await prepareQueue(source);
  const others = 'pid <> pg_backend_pid() and datname is not null';
  return {
    source,
    jobs: async () => {
      return z.array(Job).parse(await query(url, 'select id, data from bullmq.job'));
    },
    lose: async () => void (await query(url, 'delete from bullmq.job')),
    cut: async () =>
      void (await query(url, `select pg_terminate_backend(pid) from pg_stat_activity where ${others}`)),
    freeze: async () => {
      const rows = await query(url, `select pid from pg_stat_activity where ${others}`);
      const pids = z.array(z.object({ pid: z.int() })).parse(rows);
      for (const { pid } of pids) process.kill(pid, 'SIGSTOP');
      return () => {
        for (const { pid } of pids) process.kill(pid, 'SIGCONT');
      };
    },
    halt: async () => {
      isUp = false;
      await server.stop();
    },
    startAgain: async () => {
      if (!isUp) server = await startPostgres({ dataDir, port: Number(new URL(url).port) });
      isUp = true;
    },
    close: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true });
    },
  };
}

/** A Redis server; `ask` sends it a command. */
export async function redisServer(): Promise<QueueServer & { ask(...words: string[]): Promise<unknown> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'canaryd-test-'));
  let server: LocalRedis = await startRedis({ dataDir });
  let isUp = true;
  const { url } = server;
  async function ask(...words: string[]): Promise<unknown> {
    const client = new Redis(url, { lazyConnect: true });
    const [command = '', ...rest] = words;
    try {
      return await client.call(command, ...rest);
    } finally {
      client.disconnect();
    }
  }
  return {
    source: { kind: 'redis', url },
    ask,
    jobs: () => jobsIn(url),
    lose: async () => void (await ask('FLUSHALL')),
    cut: async () => void (await ask('CLIENT', 'KILL', 'TYPE', 'normal')),
    freeze: async () => {
      server.signal('SIGSTOP');
      return () => server.signal('SIGCONT');
    },
    halt: async () => {
      isUp = false;
      await server.stop();
    },
    startAgain: async () => {
      if (!isUp) server = await startRedis({ dataDir, port: Number(new URL(url).port) });
      isUp = true;
    },
    close: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true });
    },
  };
}

async function jobsIn(url: string): Promise<Job[]> {
  const client = new Redis(url);
  try {
    const keys = await client.keys('canaryd:canaryd-wake:wake-*');
    const jobs = keys.filter((key) => !key.endsWith(':lock'));
    return await Promise.all(
      jobs.map(async (key) => ({
        id: key.split(':')[2] ?? '',
        data: JSON.parse((await client.hget(key, 'data')) ?? 'null'),
      })),
    );
  } finally {
    client.disconnect();
  }
}
