import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { lastWordsOf } from '../../local/child.ts';
import { freePort } from '../../local/free-port.ts';
import { makeCertificate } from '../../src/sandbox/certificate.ts';
import { type Admin, adminOf } from './admin.ts';
import { certificateFiles } from './canned-server.ts';
import { type Child, startChild, startServer, until } from './children.ts';
import type { Options } from './options.ts';
import { type Storage, startStorage } from './storage.ts';
import { Seen } from './watch-turns.ts';

/** Everything of a run: real storage, canned servers, and canaryd as one process or several. */
export type Stack = {
  api: string;
  token: string;
  storage: Storage;
  mesh: Admin;
  prometheus: Admin;
  /** Process ids by the name of the part. */
  pids: Record<string, number[]>;
  /** The last that each canaryd said. */
  lastWords(): string;
  close(): Promise<void>;
};

/** What to start, and the folder with the compiled programs. */
export type StackOptions = Options & { programs: string };

type Closings = (() => Promise<unknown>)[];

/** Starts all parts and ends those that it started when a later one fails. `onSeen` hears what the workers saw. */
export async function startStack(options: StackOptions, onSeen: (seen: Seen) => void): Promise<Stack> {
  const closings: Closings = [];
  const close = async () => {
    for (const part of closings.splice(0).reverse()) await part();
  };
  try {
    return { ...(await startParts(options, onSeen, closings)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startParts(
  options: StackOptions,
  onSeen: (seen: Seen) => void,
  closings: Closings,
): Promise<Omit<Stack, 'close'>> {
  const folder = await mkdtemp(join(tmpdir(), 'canaryd-scale-'));
  closings.push(() => rm(folder, { recursive: true, force: true }));
  await writeCertificate(folder);
  const storage = await startStorage();
  closings.push(storage.close);
  const [mesh, prometheus] = await startCanned(folder, options, closings);
  await writeFile(join(folder, 'kubeconfig'), kubeconfig(mesh.url), { mode: 0o600 });
  const token = `canaryd-${randomBytes(18).toString('hex')}`;
  const workers: (Child & { lastWords: () => string })[] = [];
  const port = await freePort();
  for (let index = 0; index < options.workers; index += 1) {
    const env = {
      ...environment(folder, storage, prometheus.url, token),
      CANARYD_ROLE: index === 0 ? 'all' : 'worker',
      // The others take any port for their probes.
      CANARYD_LISTEN: `127.0.0.1:${index === 0 ? port : 0}`,
    };
    const worker = startChild({
      file: join(options.programs, 'worker-program.js'),
      node: [...(await productFlags()), ...profiling(options, index)],
      env,
    });
    closings.push(worker.stop);
    const lastWords = lastWordsOf(worker.process);
    worker.process.on('message', (message) => onSeen(Seen.parse(message)));
    await until(() => answers(`http://127.0.0.1:${port}`), worker, lastWords);
    workers.push({ ...worker, lastWords });
  }
  const pids = {
    canaryd: workers.map(({ pid }) => pid),
    PostgreSQL: [storage.pids.postgres],
    Redis: [storage.pids.redis],
    'canned mesh': [mesh.pid],
    'canned Prometheus': [prometheus.pid],
  };
  const admins = { mesh: adminOf(mesh.url, folder), prometheus: adminOf(prometheus.url, folder) };
  closings.push(admins.mesh.close, admins.prometheus.close);
  return {
    api: `http://127.0.0.1:${port}`,
    token,
    storage,
    ...admins,
    pids,
    lastWords: () => workers.map((one) => one.lastWords()).join('\n'),
  };
}

async function startCanned(folder: string, { rollouts, programs }: StackOptions, closings: Closings) {
  const mesh = await startServer(join(programs, 'mesh-server.js'), [folder, String(rollouts)]);
  closings.push(mesh.stop);
  const prometheus = await startServer(join(programs, 'prometheus-server.js'), [
    folder,
    String(rollouts),
    mesh.url,
  ]);
  closings.push(prometheus.stop);
  return [mesh, prometheus] as const;
}

async function writeCertificate(folder: string): Promise<void> {
  const { ca, cert, key } = await makeCertificate();
  const texts = { ca, cert, key };
  for (const [name, file] of [
    ['ca', certificateFiles.ca],
    ['cert', certificateFiles.cert],
    ['key', certificateFiles.key],
  ] as const)
    await writeFile(join(folder, file), texts[name], { mode: 0o600 });
}

/** JSON is YAML too. */
function kubeconfig(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'scale', cluster: { server, 'certificate-authority': certificateFiles.ca } }],
    users: [{ name: 'scale', user: { token: 'scale' } }],
    contexts: [{ name: 'scale', context: { cluster: 'scale', user: 'scale' } }],
    'current-context': 'scale',
  });
}

function environment(folder: string, storage: Storage, prometheusUrl: string, token: string) {
  return {
    DATABASE_URL: storage.databaseUrl,
    REDIS_URL: storage.redisUrl,
    CANARYD_TOKENS: JSON.stringify([{ token, kind: 'machine', name: 'scale' }]),
    CANARYD_KUBECONFIG: join(folder, 'kubeconfig'),
    CANARYD_PROMETHEUS_URL: prometheusUrl,
    CANARYD_SCRAPE_SECONDS: '5',
    CANARYD_LOG_LEVEL: 'warn',
    NODE_EXTRA_CA_CERTS: join(folder, certificateFiles.ca),
  };
}

/** Node's own options with which the product is started. */
async function productFlags(): Promise<string[]> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { scripts } = z.object({ scripts: z.object({ start: z.string() }) }).parse(JSON.parse(text));
  return scripts.start.split(' ').filter((word) => word.startsWith('--'));
}

/** Only the first worker is profiled: the others do the same. */
function profiling({ profile }: Options, index: number): string[] {
  return profile === null || index > 0 ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
}

async function answers(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1000) }).catch(() => null);
  return answer?.ok ?? false;
}
