import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { type RunningCanaryd, startCanaryd } from './canaryd.ts';
import { nodeOf, type Pairing, usualPairing } from './pairings.ts';
import { startPostgres } from './postgres.ts';
import { ensurePrometheus, type RunningPrometheus, startPrometheus } from './prometheus.ts';
import { startRedis } from './redis.ts';

/** Everything canaryd needs, running on this machine, and canaryd itself. */
export type Stack = {
  api: string;
  /** A person's bearer token, made up for this run. */
  token: string;
  prometheusUrl: string;
  prometheus: RunningPrometheus;
  databaseUrl: string;
  /** Null when the queue is in the database. */
  redisUrl: string | null;
  kubeconfigPath: string;
  sandbox: Sandbox;
  canaryd: RunningCanaryd;
  /** Starts one more canaryd on the same database, mesh and metrics; `close` ends it too. */
  startAnother(): Promise<RunningCanaryd>;
  close(): Promise<void>;
};

export type StackOptions = { seed: number; say: (text: string) => void; pairing?: Pairing };

/** Seconds between two scrapes in the sandbox; a mesh of this size can be asked each second. */
const scrapeSeconds = 1;

/**
 * Starts a PostgreSQL server, Redis if the pairing has it, the sandbox mesh, a real Prometheus and canaryd, and waits
 * until Prometheus has seen traffic. Whatever was started is ended again when a later part fails.
 */
export async function startStack({ seed, say, pairing = usualPairing }: StackOptions): Promise<Stack> {
  const closings: Closings = [];
  const close = async () => {
    for (const part of closings.splice(0).reverse()) await part();
  };
  try {
    return { ...(await startParts({ seed, say, pairing }, closings)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Closings = (() => Promise<void>)[];

async function startParts(
  { seed, say, pairing }: Required<StackOptions>,
  closings: Closings,
): Promise<Omit<Stack, 'close'>> {
  const node = await nodeOf(pairing, say);
  const { prometheus, sandbox } = await startMesh({ seed, say }, closings);
  const { databaseUrl, redisUrl } = await startStorage(pairing, closings);
  const folder = await mkdtemp(join(tmpdir(), 'canaryd-'));
  closings.push(() => rm(folder, { recursive: true, force: true }));
  const kubeconfigPath = join(folder, 'kubeconfig');
  await writeFile(kubeconfigPath, sandbox.kubeconfig, { mode: 0o600 });
  const token = `canaryd-${randomBytes(18).toString('hex')}`;
  const places = { databaseUrl, kubeconfigPath, prometheusUrl: prometheus.url };
  say('Starting canaryd ...');
  const startAnother = async () => {
    const canaryd = await startCanaryd({
      ...places,
      ...(redisUrl === null ? {} : { redisUrl }),
      node,
      scrapeSeconds,
      tokens: [{ token, kind: 'person', name: 'you' }],
    });
    closings.push(canaryd.stop);
    return canaryd;
  };
  const canaryd = await startAnother();
  say('Waiting for Prometheus to see traffic ...');
  await untilTrafficIsSeen(prometheus.url);
  return { ...places, redisUrl, api: canaryd.url, token, prometheus, sandbox, canaryd, startAnother };
}

async function startMesh({ seed, say }: Pick<StackOptions, 'seed' | 'say'>, closings: Closings) {
  say('Looking for Prometheus ...');
  const { binary, version } = await ensurePrometheus({ log: say });
  say(`Starting PostgreSQL, a simulated mesh and Prometheus ${version} ...`);
  const sandbox = await startSandbox({ seed });
  closings.push(sandbox.close);
  const sources = { httpSdUrl: `${sandbox.metricsUrl}/sd` };
  const prometheus = await startPrometheus({ binary, sources, scrapeSeconds, log: () => undefined });
  closings.push(prometheus.stop);
  return { prometheus, sandbox };
}

async function startStorage({ postgres: major, queue }: Pairing, closings: Closings) {
  const postgres = await startPostgres({ major });
  closings.push(postgres.stop);
  if (queue === 'postgres') return { databaseUrl: postgres.url, redisUrl: null };
  const redis = await startRedis();
  closings.push(redis.stop);
  return { databaseUrl: postgres.url, redisUrl: redis.url };
}

const seenMs = 30_000;

async function untilTrafficIsSeen(url: string): Promise<void> {
  const query = encodeURIComponent('sum(rate(istio_requests_total{reporter="destination"}[5s])) > 0');
  const until = Date.now() + seenMs;
  while (Date.now() < until) {
    const answer = await fetch(`${url}/api/v1/query?query=${query}`, { signal: AbortSignal.timeout(2000) });
    if ((await answer.text()).includes('"value"')) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`Prometheus saw no traffic within ${seenMs / 1000} s`);
}
