import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MeshSpec } from '../src/sandbox/mesh-spec.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { bankAlertRules } from './alert-rules.ts';
import { type RunningCanaryd, startCanaryd } from './canaryd.ts';
import { nodeOf, type Pairing, usualPairing } from './pairings.ts';
import { type LocalPostgres, startPostgres } from './postgres.ts';
import { ensurePrometheus, type RunningPrometheus, startPrometheus } from './prometheus.ts';
import { type LocalRedis, startRedis } from './redis.ts';

/** Everything canaryd needs, running on this machine, and canaryd itself. */
export type Stack = {
  api: string;
  /** The bearer token of the person `you`, made up for this run. */
  token: string;
  /** The bearer token of one of the other callers that this stack was started with. */
  tokenOf(name: string): string;
  prometheusUrl: string;
  prometheus: RunningPrometheus;
  databaseUrl: string;
  postgres: LocalPostgres;
  /** Null when the queue is in the database. */
  redis: LocalRedis | null;
  kubeconfigPath: string;
  sandbox: Sandbox;
  canaryd: RunningCanaryd;
  /** Starts one more canaryd on the same database, mesh and metrics; `close` ends it too. */
  startAnother(): Promise<RunningCanaryd>;
  close(): Promise<void>;
};

type Caller = { kind: 'person' | 'machine'; name: string };

export type StackOptions = {
  seed: number;
  say: (text: string) => void;
  pairing?: Pairing;
  /** The mesh of the demo when absent. */
  mesh?: MeshSpec;
  /** The rules of Prometheus; a bank's when absent. */
  rules?: object;
  /** What canaryd does: `api` leaves the turns to whatever workers are started besides. */
  role?: 'all' | 'api';
  /** Who may call canaryd besides the person `you`. */
  others?: Caller[];
};

/** Seconds between two scrapes in the sandbox; a mesh of this size can be asked each second. */
const scrapeSeconds = 1;

/**
 * Starts a PostgreSQL server, Redis if the pairing has it, the sandbox mesh, a real Prometheus and canaryd, and waits
 * until Prometheus has seen traffic. Whatever was started is ended again when a later part fails.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const closings: Closings = [];
  const close = async () => {
    for (const part of closings.splice(0).reverse()) await part();
  };
  try {
    return { ...(await startParts(options, closings)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Closings = (() => Promise<void>)[];

async function startParts(options: StackOptions, closings: Closings): Promise<Omit<Stack, 'close'>> {
  const { say, pairing = usualPairing, others = [], role = 'all' } = options;
  const node = await nodeOf(pairing, say);
  const { prometheus, sandbox } = await startMesh(options, closings);
  const { postgres, redis } = await startStorage(pairing, closings);
  const databaseUrl = postgres.url;
  const folder = await mkdtemp(join(tmpdir(), 'canaryd-'));
  closings.push(() => rm(folder, { recursive: true, force: true }));
  const kubeconfigPath = join(folder, 'kubeconfig');
  await writeFile(kubeconfigPath, sandbox.kubeconfig, { mode: 0o600 });
  const { tokens, tokenOf } = tokensFor([{ kind: 'person', name: 'you' }, ...others]);
  const places = { databaseUrl, kubeconfigPath, prometheusUrl: prometheus.url };
  say('Starting canaryd ...');
  const startAnother = async () => {
    const canaryd = await startCanaryd({
      ...places,
      ...(redis === null ? {} : { redisUrl: redis.url }),
      node,
      scrapeSeconds,
      tokens,
      role,
    });
    closings.push(canaryd.stop);
    return canaryd;
  };
  const canaryd = await startAnother();
  say('Waiting for Prometheus to see traffic ...');
  await untilTrafficIsSeen(prometheus.url);
  const access = { api: canaryd.url, token: tokenOf('you'), tokenOf };
  return { ...places, ...access, postgres, redis, prometheus, sandbox, canaryd, startAnother };
}

function tokensFor(callers: Caller[]) {
  const tokens = callers.map((caller) => ({
    ...caller,
    token: `canaryd-${randomBytes(18).toString('hex')}`,
  }));
  const tokenOf = (name: string) => {
    const found = tokens.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no token was made for ${name}`);
    return found.token;
  };
  return { tokens, tokenOf };
}

async function startMesh({ seed, say, mesh, rules = bankAlertRules }: StackOptions, closings: Closings) {
  say('Looking for Prometheus ...');
  const { binary, version } = await ensurePrometheus({ log: say });
  say(`Starting PostgreSQL, a simulated mesh and Prometheus ${version} ...`);
  const sandbox = await startSandbox(mesh === undefined ? { seed } : { seed, mesh });
  closings.push(sandbox.close);
  const sources = { httpSdUrl: `${sandbox.metricsUrl}/sd` };
  const prometheus = await startPrometheus({ binary, sources, scrapeSeconds, rules, log: () => undefined });
  closings.push(prometheus.stop);
  return { prometheus, sandbox };
}

async function startStorage({ postgres: major, queue }: Pairing, closings: Closings) {
  const postgres = await startPostgres({ major });
  closings.push(postgres.stop);
  if (queue === 'postgres') return { postgres, redis: null };
  const redis = await startRedis();
  closings.push(redis.stop);
  return { postgres, redis };
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
