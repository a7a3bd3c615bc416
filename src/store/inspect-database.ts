import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { z } from 'zod';
import { codeOf } from '../errors.ts';
import { connectionOptions } from './database.ts';
import { signInRefusals } from './faults.ts';

const migrations = fileURLToPath(new URL('../../migrations', import.meta.url));

const Facts = z.object({
  version: z.string(),
  version_number: z.coerce.number(),
  clock_ms: z.coerce.number(),
  role: z.string(),
  is_superuser: z.boolean(),
  may_create: z.boolean().nullable(),
  statement_timeout: z.string(),
  lock_timeout: z.string(),
  idle_timeout: z.string(),
  has_migrations: z.boolean(),
});

/** What a database says of itself. Clocks are milliseconds since the Unix epoch. */
export type DatabaseFacts = {
  version: string;
  /** Such as 180001 for 18.1. */
  versionNumber: number;
  clockMs: number;
  localMs: number;
  role: string;
  isSuperuser: boolean;
  /** Whether the role could make tables here, and the schema of the queue. */
  mayCreate: boolean;
  /** The limits that the server enforces on connections of canaryd, as it writes them. */
  limits: { statement: string; lock: string; idle: string };
  /** Migrations: the newest that was applied, 0 for none, and the newest that this build brings. */
  applied: number;
  newest: number;
};

/**
 * Looks at the database over one connection that cannot write. Ends within 10 s.
 * @param now this machine's clock
 * @returns the facts, or why there are none; the reason holds no address and no password
 */
export async function inspectDatabase(
  url: string,
  now: () => number,
): Promise<{ kind: 'facts'; facts: DatabaseFacts } | { kind: 'failed'; why: string }> {
  const client = new pg.Client(connectionOptions(url));
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('set default_transaction_read_only = on');
    const before = now();
    const { rows } = await client.query(question);
    const localMs = (before + now()) / 2;
    const read = Facts.parse(rows[0]);
    const applied = read.has_migrations ? await newestApplied(client) : 0;
    return { kind: 'facts', facts: { ...factsFrom(read), localMs, applied, newest: await newestFile() } };
  } catch (error) {
    return { kind: 'failed', why: whyNot(error) };
  } finally {
    await client.end().catch(() => undefined);
  }
}

const question = `
  select current_setting('server_version') as version,
         current_setting('server_version_num') as version_number,
         extract(epoch from clock_timestamp()) * 1000 as clock_ms,
         current_user::text as role,
         (select rolsuper from pg_roles where rolname = current_user) as is_superuser,
         has_schema_privilege(current_schema(), 'CREATE')
           and has_database_privilege(current_database(), 'CREATE') as may_create,
         current_setting('statement_timeout') as statement_timeout,
         current_setting('lock_timeout') as lock_timeout,
         current_setting('idle_in_transaction_session_timeout') as idle_timeout,
         to_regclass('canaryd_migration') is not null as has_migrations`;

function factsFrom(read: z.output<typeof Facts>): Omit<DatabaseFacts, 'localMs' | 'applied' | 'newest'> {
  return {
    version: read.version.split(' ')[0] ?? read.version,
    versionNumber: read.version_number,
    clockMs: read.clock_ms,
    role: read.role,
    isSuperuser: read.is_superuser,
    mayCreate: read.may_create ?? false,
    limits: { statement: read.statement_timeout, lock: read.lock_timeout, idle: read.idle_timeout },
  };
}

async function newestApplied(client: pg.Client): Promise<number> {
  const { rows } = await client.query('select coalesce(max(version), 0) as newest from canaryd_migration');
  return z.object({ newest: z.coerce.number() }).parse(rows[0]).newest;
}

async function newestFile(): Promise<number> {
  const numbers = (await readdir(migrations)).map((name) => Number.parseInt(name, 10));
  return Math.max(0, ...numbers.filter((number) => !Number.isNaN(number)));
}

const connectReasons: Record<string, string> = {
  ...signInRefusals,
  '53300': 'it has no connection left',
  ECONNREFUSED: 'the connection was refused: nothing listens there',
  ENOTFOUND: 'the name of the host does not resolve',
  ETIMEDOUT: 'no answer in time',
};

/** The messages of the driver may quote the address. */
function whyNot(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason';
  const code = codeOf(error);
  return code === null ? 'no answer in time' : (connectReasons[code] ?? `it answered ${code}`);
}
