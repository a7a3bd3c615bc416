import pg from 'pg';
import { connectionOptions } from './database.ts';
import { databaseFault } from './faults.ts';

/** Any number will do as long as nothing else in the database uses it. */
const lockKey = 7_260_424_119;

/** A process that is stopped answers nothing: PostgreSQL ends its connection, and another one takes over. */
const idleMs = 180_000;

/** One post, and of all processes on this database at most one that stands on it. */
export type Lookout = {
  /**
   * Takes the post when it is free, and keeps it until `close` or until nobody has asked for three minutes.
   * @throws AppError `databaseUnavailable` or `databaseTimeout` when the database fails; the post is then given up
   */
  isMine(): Promise<boolean>;
  close(): Promise<void>;
};

/** Opens a lookout; connects when it is first asked. The connection stays only with the one that stands on the post. */
export function lookout(url: string): Lookout {
  const options = { ...connectionOptions(url), application_name: 'canaryd-lookout' };
  let mine: pg.Client | null = null;

  async function leave(): Promise<void> {
    const client = mine;
    mine = null;
    await client?.end().catch(() => undefined);
  }

  async function stay(client: pg.Client): Promise<boolean> {
    try {
      await client.query('select 1');
      return true;
    } catch {
      await leave();
      return false;
    }
  }

  async function take(): Promise<boolean> {
    const client = new pg.Client(options);
    client.on('error', () => undefined);
    client.on('end', () => {
      if (mine === client) mine = null;
    });
    try {
      await client.connect();
      await client.query(`set idle_session_timeout = ${idleMs}`);
      const { rows } = await client.query('select pg_try_advisory_lock($1) as taken', [lockKey]);
      if (rows[0]?.taken === true) mine = client;
    } catch (cause) {
      throw databaseFault(cause);
    } finally {
      if (mine !== client) await client.end().catch(() => undefined);
    }
    return mine === client;
  }

  return {
    isMine: async () => (mine !== null && (await stay(mine))) || take(),
    close: leave,
  };
}
