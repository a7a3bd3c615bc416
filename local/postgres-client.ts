import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder, canFetchDebianPackages, type Log, unpackDebianPackages } from './debian.ts';

const run = promisify(execFile);

/** PostgreSQL's own programs for backups: a `major` version dumps servers up to its own. */
export type PostgresClient = { dump: string; restore: string; major: number };

/**
 * Finds `pg_dump` and `pg_restore` of PostgreSQL 15 or later: those on PATH, else those of Debian's package unpacked
 * into the cache folder. Installs nothing on the system. Null when there are none.
 */
export async function ensurePostgresClient(log: Log): Promise<PostgresClient | null> {
  const installed = await clientIn('');
  if (installed !== null) return installed;
  if (!(await canFetchDebianPackages())) return null;
  const folder = join(cacheFolder(), 'postgres-client');
  for (const major of [18, 17, 15]) {
    try {
      await unpackDebianPackages([`postgresql-client-${major}`], folder, log);
      break;
    } catch {
      // Each Debian has one major version: perhaps it is the next one.
    }
  }
  const parent = join(folder, 'usr', 'lib', 'postgresql');
  const [version] = await readdir(parent).catch(() => []);
  return version === undefined ? null : clientIn(join(parent, version, 'bin'));
}

async function clientIn(folder: string): Promise<PostgresClient | null> {
  const [dump, restore] = [join(folder, 'pg_dump'), join(folder, 'pg_restore')];
  try {
    const { stdout } = await run(dump, ['--version'], { timeout: 10_000 });
    const major = Number(/ (\d+)[.\d]* ?/.exec(stdout)?.[1]);
    await run(restore, ['--version'], { timeout: 10_000 });
    return major >= 15 ? { dump, restore, major } : null;
  } catch {
    return null;
  }
}
