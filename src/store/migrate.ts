import { fileURLToPath } from 'node:url';
import pg from 'pg';
import Postgrator from 'postgrator';
import { AppError } from '../errors.ts';
import { connectionOptions } from './database.ts';

const migrationFiles = fileURLToPath(new URL('../../migrations/*.sql', import.meta.url));

/** Any number will do as long as nothing else in the database uses it. */
const lockKey = 7_260_424_117;

/**
 * Brings the schema up to date. All pending migrations are one transaction under an advisory lock: several processes
 * may start at once, and a process killed half-way leaves nothing behind. An older build leaves a newer schema alone.
 * @returns the versions that were applied now, in order
 * @throws AppError `migration` when a migration fails, an applied one was edited, or the database cannot be reached
 */
export async function migrate(url: string, files: string = migrationFiles): Promise<number[]> {
  const client = new pg.Client({ ...connectionOptions(url), ...patience });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [lockKey]);
    const applied = await migrateOn(client, files);
    await client.query('commit');
    return applied;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'unknown fault';
    throw new AppError('migration', `the database schema could not be brought up to date: ${why}`, { cause });
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** A migration may take longer than a turn's statement; waiting for another process's migration, too. Milliseconds. */
const patience = {
  lock_timeout: 60_000,
  statement_timeout: 600_000,
  query_timeout: 660_000,
  idle_in_transaction_session_timeout: 60_000,
};

async function migrateOn(client: pg.Client, files: string): Promise<number[]> {
  const postgrator = new Postgrator({
    driver: 'pg',
    migrationPattern: files,
    schemaTable: 'canaryd_migration',
    validateChecksums: true,
    newline: 'LF',
    execQuery: (query) => client.query(query),
  });
  const applied = await postgrator.migrate();
  return applied.map((migration) => migration.version);
}
