import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const downloadDeadlineMs = 120_000;

export type Log = (message: string) => void;

/** Where fetched programs are kept: `$XDG_CACHE_HOME/canaryd`, or `.cache` beside the sources. */
export function cacheFolder(): string {
  const shared = process.env['XDG_CACHE_HOME'];
  return shared ? join(shared, 'canaryd') : join(import.meta.dirname, '..', '.cache');
}

/** True when the tools that fetch and unpack a Debian package are there. */
export async function canFetchDebianPackages(): Promise<boolean> {
  const tools = await Promise.all([works('apt-get', ['--version']), works('dpkg-deb', ['--version'])]);
  return tools.every((isThere) => isThere);
}

/**
 * Downloads Debian packages (apt checks their signatures and hashes) and unpacks them into the folder `into`, together
 * with the libraries they need that this system lacks; installs nothing, runs none of their scripts and needs no root.
 * Does nothing when `into` exists. Throws with the tool's own words.
 */
export async function unpackDebianPackages(names: string[], into: string, log: Log): Promise<void> {
  if (await exists(into)) return;
  await mkdir(dirname(into), { recursive: true });
  const work = await mkdtemp(`${into}-`);
  try {
    const [whose = ''] = names;
    await fetchAll(names, { work, log, say: (index) => progress(whose, index, null) });
    const libraries = await missingLibraries(work);
    const total = names.length + libraries.length;
    const say = (index: number) => progress(whose, names.length + index, total);
    await fetchAll(libraries, { work, log, say });
    await moveUnlessThere(join(work, 'unpacked'), into);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * Unpacks Debian packages where the tools for it are there, as `unpackDebianPackages` does.
 * @returns what went wrong, or null; also null where there are no such tools
 */
export async function tryDebianPackages(names: string[], into: string, log: Log): Promise<unknown> {
  if (!(await canFetchDebianPackages())) return null;
  return unpackDebianPackages(names, into, log).then(
    () => null,
    (cause: unknown) => cause,
  );
}

type Fetch = { work: string; log: Log; say: (index: number) => string };

async function fetchAll(names: string[], { work, log, say }: Fetch): Promise<void> {
  for (const [index, name] of names.entries()) {
    log(say(index));
    await downloadAndUnpack(name, work, log);
  }
}

async function downloadAndUnpack(name: string, work: string, log: Log): Promise<void> {
  await download(name, work, log);
  const archive = (await readdir(work)).find((file) => file.startsWith(`${name}_`) && file.endsWith('.deb'));
  if (archive === undefined) throw new Error(`apt-get download ${name} left no .deb file`);
  await run('dpkg-deb', ['-x', join(work, archive), join(work, 'unpacked')], { timeout: downloadDeadlineMs });
}

/**
 * `Prometheus: package 3 of 9`.
 * @param index from 0
 * @param known how many there are; null while that is unknown: a package says what it needs once it is there
 */
export function progress(name: string, index: number, known: number | null): string {
  const of = known === null ? '' : ` of ${known}`;
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}: package ${index + 1}${of}`;
}

/** The libraries that the downloaded packages name and that are neither installed nor downloaded. */
async function missingLibraries(work: string): Promise<string[]> {
  const archives = (await readdir(work)).filter((file) => file.endsWith('.deb'));
  const fields = await Promise.all(
    archives.map((archive) => run('dpkg-deb', ['-f', join(work, archive), 'Depends'])),
  );
  const named = fields.flatMap(({ stdout }) =>
    stdout.split(',').map((part) => /^\s*(lib[^\s(|]*)/.exec(part)?.[1]),
  );
  const libraries = [...new Set(named.filter((name) => name !== undefined))];
  const installed = await Promise.all(libraries.map((name) => works('dpkg-query', ['--show', name])));
  return libraries.filter((_, index) => installed[index] === false);
}

async function works(program: string, args: string[]): Promise<boolean> {
  try {
    await run(program, args, { timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

async function download(name: string, folder: string, log: Log): Promise<void> {
  const options = { cwd: folder, timeout: downloadDeadlineMs };
  try {
    await run('apt-get', ['download', name], options);
  } catch {
    // A fresh machine or container has no package lists yet.
    log('apt-get knows no such package yet: updating the package lists');
    const [program, args] = isRoot() ? ['apt-get', ['update']] : ['sudo', ['-n', 'apt-get', 'update']];
    await run(program, args, options);
    await run('apt-get', ['download', name], options);
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

// Two processes may fetch at the same time: the first to finish wins, and both have the same files.
async function moveUnlessThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (cause) {
    if (!(await exists(to))) throw cause;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
