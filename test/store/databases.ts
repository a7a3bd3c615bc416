import pg from 'pg';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { startPostgres } from '../../local/postgres.ts';
import type { PostgresMajor } from '../../local/postgres-programs.ts';
import { connect, type Database, type Db } from '../../src/store/database.ts';
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

/**
 * For a group of tests: a PostgreSQL of its own for as long as the group runs.
 * @returns how a test connects to a database of its own; the connection goes with the test
 */
export function freshDatabases(major: PostgresMajor = 18): () => Promise<{ url: string; db: Db }> {
  let databases: Databases;
  let opened: Database[] = [];
  beforeAll(async () => {
    databases = await startDatabases(major);
  });
  afterEach(async () => {
    for (const database of opened) await database.close();
    opened = [];
  });
  afterAll(() => databases.stop());
  return async () => {
    const url = await databases.fresh();
    const database = connect(url);
    opened.push(database);
    return { url, db: database.db };
  };
}

/** From this statement on PostgreSQL has no room for audit rows; `drop trigger no_room on audit` makes room again. */
export const fillDisk = `
  create function no_room() returns trigger language plpgsql as $$
    begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
  create trigger no_room before insert on audit for each row execute function no_room()`;

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
