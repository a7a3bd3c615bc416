import {
  type BackendFactory,
  createPostgresBackend,
  type PostgresConnectionOptions,
  type PostgresPoolConfig,
  type PostgresQueueBackend,
  runMigrations,
} from 'bullmq';
import pg from 'pg';
import { AppError } from '../errors.ts';

/** Where an adapter reports what it survived. */
export type Warns = { warn(fields: Record<string, unknown>, message: string): void };

/** The one queue: jobs in it are alarm clocks and nothing else. */
export const queueName = 'canaryd-wake';

const schema = 'bullmq';

/**
 * How BullMQ connects; every statement has a deadline, in milliseconds.
 * @throws AppError `configuration`, without a cause because the cause of an unreadable URL holds the URL
 */
export function queueConnection(url: string, poolSize: number): PostgresPoolConfig {
  return {
    ...connectionOptions(url),
    schema,
    max: poolSize,
    lock_timeout: 1000,
    statement_timeout: 3000,
    query_timeout: 5000,
  };
}

/** BullMQ's backend, whose connections survive being terminated also while BullMQ holds them: unheard it ends the process. */
export const postgresBackend: BackendFactory<PostgresQueueBackend, PostgresConnectionOptions> = (
  ...given
) => {
  const backend = createPostgresBackend(...given);
  backend.connection.pool.on('connect', (client) => {
    client.on('error', () => undefined);
  });
  return backend;
};

/**
 * Makes or updates BullMQ's tables. Safe when several processes start at once: BullMQ takes an advisory lock.
 * @throws AppError `migration`
 */
export async function migrateQueue(url: string): Promise<void> {
  const client = new pg.Client({
    ...connectionOptions(url),
    lock_timeout: 60_000,
    statement_timeout: 600_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await runMigrations(client, schema);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'unknown fault';
    throw new AppError('migration', `the queue's schema could not be brought up to date: ${why}`, { cause });
  } finally {
    await client.end().catch(() => undefined);
  }
}

function connectionOptions(url: string) {
  if (!/^postgres(?:ql)?:\/\//.test(url) || !URL.canParse(url)) {
    throw new AppError(
      'configuration',
      'the queue URL is not of the form postgres://user:password@host/database',
    );
  }
  return {
    connectionString: url,
    application_name: 'canaryd-queue',
    connectionTimeoutMillis: 2000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}
