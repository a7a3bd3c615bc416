import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { z } from 'zod';
import { startPostgres } from '../../local/postgres.ts';
import { startRedis } from '../../local/redis.ts';

export type Counts = Record<string, number>;

/** How a rollout stands at the end of a run. */
export type Standing = { namespace: string; name: string; status: string; detail: string };

/** A real PostgreSQL that writes to disk as in production, and a real Redis. */
export type Storage = {
  databaseUrl: string;
  redisUrl: string;
  pids: { postgres: number; redis: number };
  /** Transactions and statements so far. */
  databaseCounts(): Promise<Counts>;
  /** Commands so far; those of scripts count, too. */
  redisCounts(): Promise<Counts>;
  standings(): Promise<Standing[]>;
  close(): Promise<void>;
};

/** Starts both. PostgreSQL counts statements by its own extension, which it has to be started with. */
export async function startStorage(): Promise<Storage> {
  const dataDir = await mkdtemp(join(tmpdir(), 'canaryd-scale-postgres-'));
  const first = await startPostgres({ dataDir });
  await ask(first.url, "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'", z.unknown());
  await first.stop();
  const postgres = await startPostgres({ dataDir });
  const redis = await startRedis();
  await ask(postgres.url, 'CREATE EXTENSION pg_stat_statements', z.unknown());
  const client = new Redis(redis.url);
  return {
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    pids: { postgres: postgres.pid, redis: redis.pid },
    databaseCounts: () => databaseCounts(postgres.url),
    redisCounts: async () => commandsIn(await client.info('commandstats')),
    standings: () => ask(postgres.url, standingQuery, Row),
    close: async () => {
      client.disconnect();
      await Promise.all([redis.stop(), postgres.stop()]);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

const Row = z.object({ namespace: z.string(), name: z.string(), status: z.string(), detail: z.string() });
const standingQuery = `SELECT namespace, virtual_service AS name, status, (document -> 'state')::text AS detail FROM rollout`;

async function ask<Found>(url: string, query: string, schema: z.ZodType<Found>): Promise<Found[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return z.array(schema).parse((await client.query(query)).rows);
  } finally {
    await client.end();
  }
}

const Count = z.object({ what: z.string(), count: z.coerce.number() });

async function databaseCounts(url: string): Promise<Counts> {
  const [statements, transactions] = await Promise.all([
    ask(
      url,
      `SELECT lower(split_part(trim(query), ' ', 1)) AS what, sum(calls) AS count FROM pg_stat_statements GROUP BY 1`,
      Count,
    ),
    ask(
      url,
      `SELECT 'transactions' AS what, xact_commit + xact_rollback AS count FROM pg_stat_database WHERE datname = current_database()`,
      Count,
    ),
  ]);
  return Object.fromEntries([...statements, ...transactions].map(({ what, count }) => [what, count]));
}

/** Calls of each command, from Redis's INFO: https://redis.io/docs/latest/commands/info/ */
export function commandsIn(info: string): Counts {
  const found = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
  return Object.fromEntries(found.map(([, command, calls]) => [command, Number(calls)]));
}
