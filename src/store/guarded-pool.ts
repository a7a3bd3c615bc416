import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import pg from 'pg';
import { AppError } from '../errors.ts';
import { databaseFault } from './faults.ts';

/** A pool whose faults are sorted, whose commits are checked, and that never hands out a broken connection again. */
export function guarded(pool: pg.Pool): PostgresPool {
  return {
    connect: async () => {
      try {
        return guardedClient(await pool.connect());
      } catch (cause) {
        throw databaseFault(cause);
      }
    },
    end: () => pool.end(),
  };
}

function guardedClient(client: pg.PoolClient): PostgresPoolClient {
  let broken: unknown = null;
  async function run(text: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    // A rollback on a connection that does not answer would wait for its deadline once more.
    if (broken !== null) throw broken;
    try {
      const result = await client.query(text, [...parameters]);
      checkCommitted(text, result.command);
      return result;
    } catch (cause) {
      const fault = databaseFault(cause);
      if (!(cause instanceof pg.DatabaseError)) broken = fault;
      throw fault;
    }
  }
  function query<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  function query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  function query(statement: unknown, parameters: readonly unknown[] = []): unknown {
    if (typeof statement !== 'string') throw new TypeError('the store does not use cursors');
    return run(statement, parameters);
  }
  return { query, release: () => client.release(broken !== null) };
}

/** PostgreSQL answers COMMIT of an aborted transaction with success and the command tag ROLLBACK. */
function checkCommitted(text: string, command: string): void {
  if (text === 'commit' && command !== 'COMMIT') {
    throw new AppError(
      'databaseUnavailable',
      'the database rolled a transaction back instead of committing it',
    );
  }
}
