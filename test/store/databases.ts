import pg from 'pg';
import { type PostgresMajor, startPostgres } from '../../local/postgres.ts';
import { migrate } from '../../src/store/migrate.ts';

export type Databases = {
  /** The server's own database, empty. */
  url: string;
  /** A new database with the whole schema. */
  fresh(): Promise<string>;
  /** A new database with nothing in it. */
  empty(): Promise<string>;
  stop(): Promise<void>;
};

/** The PostgreSQL versions that every promise of the store holds on. */
export const majors = [18, 15] as const;

/** A real PostgreSQL of one's own, on which making another migrated database takes milliseconds. */
export async function startDatabases(major: PostgresMajor = 18): Promise<Databases> {
  const server = await startPostgres({ major });
  let made = 0;
  async function make(template: string): Promise<string> {
    made += 1;
    await query(server.url, `create database test_${made} template ${template}`);
    return named(server.url, `test_${made}`);
  }
  await query(server.url, 'create database migrated');
  await migrate(named(server.url, 'migrated'));
  return {
    url: server.url,
    fresh: () => make('migrated'),
    empty: () => make('template0'),
    stop: () => server.stop(),
  };
}

/** Runs one statement on a connection of its own. */
export async function query(url: string, text: string, parameters: unknown[] = []): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text, parameters)).rows;
  } finally {
    await client.end();
  }
}

function named(url: string, database: string): string {
  return new URL(`/${database}`, url).href;
}
