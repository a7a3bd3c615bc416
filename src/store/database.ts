import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { AppError } from '../errors.ts';
import { guarded } from './guarded-pool.ts';
import type { Tables } from './tables.ts';

/** Where an adapter reports what it survived. */
export type Warns = { warn(fields: Record<string, unknown>, message: string): void };

export type Db = Kysely<Tables>;
export type Database = { db: Db; pool: pg.Pool; close(): Promise<void> };
export type ConnectOptions = { poolSize?: number; log?: Warns };

/**
 * Opens a pool on PostgreSQL; connects only when it is first used.
 * @param url `postgres://user:password@host:port/database`
 * @returns a query builder and its pool; every statement has a deadline on both sides
 * @throws AppError `configuration` when the URL cannot be read
 */
export function connect(url: string, { poolSize = 10, log }: ConnectOptions = {}): Database {
  const pool = new pg.Pool({ ...connectionOptions(url), max: poolSize, connectionTimeoutMillis: 1500 });
  surviveLostConnections(pool, log);
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: guarded(pool) }) });
  return { db, pool, close: () => db.destroy() };
}

/**
 * Connection settings that every connection of the store has; limits are milliseconds.
 * @throws AppError `configuration`, without a cause because the cause of an unreadable URL holds the URL
 */
export function connectionOptions(url: string): pg.ClientConfig {
  const options = {
    connectionString: url,
    application_name: 'canaryd',
    connectionTimeoutMillis: 2000,
    lock_timeout: 1000,
    statement_timeout: 3000,
    idle_in_transaction_session_timeout: 3000,
    // Above the server's own limits: it only ends what a silent network would keep waiting.
    query_timeout: 5000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
  if (!isReadable(url)) {
    throw new AppError(
      'configuration',
      'the database URL is not of the form postgres://user:password@host/database',
    );
  }
  return options;
}

/** Which database a URL means, without its password: for the sentences of whoever starts canaryd. */
export function databaseName(url: string): string {
  const { user, database, host, port } = new pg.Client({ connectionString: url });
  return `the database ${database ?? '(none named)'} on ${host}:${port}, as ${user ?? '(nobody named)'}`;
}

function isReadable(url: string): boolean {
  if (!/^postgres(?:ql)?:\/\//.test(url)) return false;
  try {
    new pg.Client({ connectionString: url });
    return true;
  } catch {
    return false;
  }
}

/** A terminated backend raises `error` on its client, idle or checked out; unheard it would end the process. */
function surviveLostConnections(pool: pg.Pool, log: Warns | undefined): void {
  function report(cause: Error): void {
    log?.warn({ reason: cause.message }, 'a database connection was lost');
  }
  pool.on('error', report);
  pool.on('connect', (client) => client.on('error', () => undefined));
}
