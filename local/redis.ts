import { type ChildProcess, execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { lastWordsOf } from './child.ts';
import { cacheFolder, type Log, tryDebianPackages } from './debian.ts';
import { freePort } from './free-port.ts';
import { spawnGuarded, stopGuarded } from './guard.ts';

const run = promisify(execFile);
const startSeconds = 20;

/** A Redis server that can be run; `libraries` are the folders where the system's linker does not look by itself. */
export type RedisBinary = { binary: string; version: string; libraries: string[] };

export type LocalRedis = {
  url: string;
  /** Of the server itself. */
  pid: number;
  /** Ends the server; a temporary folder goes with it. */
  stop(): Promise<void>;
  /** Sends the server a signal: `SIGSTOP` makes it a peer that does not answer, `SIGKILL` a crash. */
  signal(signal: NodeJS.Signals): void;
};

export type LocalRedisOptions = {
  /** Keeps the data in this folder; without it they live in a temporary folder that goes with the server. */
  dataDir?: string;
  /** Default: any free port. A server that is started again is found at the same URL only on the same port. */
  port?: number;
  /** More lines of its configuration, such as `tls-port 6380`. */
  settings?: string[];
};

/**
 * Finds a Redis server to run: the one on PATH, else Debian's package unpacked into the cache folder. Installs nothing
 * on the system. Throws with what to install when there is neither.
 */
export async function ensureRedis({ log }: { log: Log }): Promise<RedisBinary> {
  const installed = await versionOf('redis-server', []);
  if (installed !== null) return { binary: 'redis-server', version: installed, libraries: [] };
  const folder = join(cacheFolder(), 'redis');
  // In Debian the server's program lies in the package of the tools.
  const fetched = await tryDebianPackages(['redis-server', 'redis-tools'], folder, log);
  const binary = join(folder, 'usr', 'bin', 'redis-server');
  const libraries = await libraryFolders(join(folder, 'usr', 'lib'));
  const version = await versionOf(binary, libraries);
  if (version !== null) return { binary, version, libraries };
  throw new Error(
    'no Redis server found: install it (macOS: "brew install redis"; Debian, Ubuntu: "apt-get install redis-server"; others: put the "redis-server" program on PATH) and try again',
    { cause: fetched },
  );
}

async function libraryFolders(parent: string): Promise<string[]> {
  const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
  return [parent, ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(parent, entry.name))];
}

async function versionOf(binary: string, libraries: string[]): Promise<string | null> {
  try {
    const { stdout } = await run(binary, ['--version'], { timeout: 10_000, env: environment(libraries) });
    return /v=(\S+)/.exec(stdout)?.[1] ?? null;
  } catch {
    return null;
  }
}

function environment(libraries: string[]): NodeJS.ProcessEnv {
  return libraries.length === 0 ? process.env : { ...process.env, LD_LIBRARY_PATH: libraries.join(':') };
}

/**
 * Starts a Redis server on 127.0.0.1 with a random password and an append-only file, and waits until it answers. It
 * ends with this process, however that dies.
 * @throws Error with the server's own words when it does not start within 20 seconds
 */
export async function startRedis(options: LocalRedisOptions = {}): Promise<LocalRedis> {
  const program = await ensureRedis({ log: () => undefined });
  const home = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'canaryd-redis-')));
  const isTemporary = options.dataDir === undefined;
  const port = options.port ?? (await freePort());
  const password = await configure(home, port, options.settings ?? []);
  const url = `redis://:${password}@127.0.0.1:${port}`;
  const server = spawnGuarded({
    name: 'canaryd-redis',
    command: [program.binary, join(home, 'redis.conf')],
    says: 'stdout',
    env: environment(program.libraries),
    remove: isTemporary ? home : null,
  });
  const lastWords = lastWordsOf(server);
  try {
    const pid = await pidWhenReady(url, server);
    return { url, pid, stop: () => stop(server, pid), signal: (signal) => process.kill(pid, signal) };
  } catch {
    await stopGuarded(server);
    throw new Error(`Redis did not start: ${lastWords()}`);
  }
}

/** Writes the server's configuration and answers its password, which a kept folder remembers. */
async function configure(home: string, port: number, settings: string[]): Promise<string> {
  const data = join(home, 'data');
  await mkdir(data, { recursive: true, mode: 0o700 });
  const passwordFile = join(home, 'password');
  const password = existsSync(passwordFile)
    ? await readFile(passwordFile, 'utf8')
    : randomBytes(24).toString('hex');
  await writeFile(passwordFile, password, { mode: 0o600 });
  const lines = [
    'bind 127.0.0.1',
    `port ${port}`,
    `dir ${data}`,
    'save ""',
    'appendonly yes',
    'maxmemory-policy noeviction',
    `requirepass ${password}`,
    ...settings,
  ];
  // A password on the command line would stand in the list of processes.
  await writeFile(join(home, 'redis.conf'), `${lines.join('\n')}\n`, { mode: 0o600 });
  return password;
}

async function pidWhenReady(url: string, server: ChildProcess): Promise<number> {
  const deadline = Date.now() + startSeconds * 1000;
  while (Date.now() < deadline && server.exitCode === null) {
    const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 1000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return Number(/process_id:(\d+)/.exec(await client.info('server'))?.[1]);
    } catch {
      await wait(20);
    } finally {
      client.disconnect();
    }
  }
  throw new Error('the server is not ready');
}

async function stop(server: ChildProcess, pid: number): Promise<void> {
  try {
    // A stopped process hears no other signal.
    process.kill(pid, 'SIGCONT');
  } catch {
    // It is gone already.
  }
  await stopGuarded(server);
}
