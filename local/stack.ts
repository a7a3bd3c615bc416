import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { type RunningCanaryd, startCanaryd } from './canaryd.ts';
import { startPostgres } from './postgres.ts';
import { ensurePrometheus, startPrometheus } from './prometheus.ts';

/** Everything canaryd needs, running on this machine, and canaryd itself. */
export type Stack = {
  api: string;
  /** A person's bearer token, made up for this run. */
  token: string;
  prometheusUrl: string;
  databaseUrl: string;
  kubeconfigPath: string;
  sandbox: Sandbox;
  canaryd: RunningCanaryd;
  /** Starts one more canaryd on the same database, mesh and metrics; `close` ends it too. */
  startAnother(): Promise<RunningCanaryd>;
  close(): Promise<void>;
};

export type StackOptions = { seed: number; say: (text: string) => void };

/** Seconds between two scrapes in the sandbox; a mesh of this size can be asked each second. */
const scrapeSeconds = 1;

/**
 * Starts a PostgreSQL server, the sandbox mesh, a real Prometheus and canaryd, and waits until Prometheus has seen
 * traffic. Whatever was started is ended again when a later part fails.
 */
export async function startStack({ seed, say }: StackOptions): Promise<Stack> {
  const closings: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const part of closings.splice(0).reverse()) await part();
  };
  try {
    return { ...(await startParts(seed, say, closings)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startParts(
  seed: number,
  say: StackOptions['say'],
  closings: (() => Promise<void>)[],
): Promise<Omit<Stack, 'close'>> {
  say('Looking for Prometheus ...');
  const { binary, version } = await ensurePrometheus({ log: say });
  say(`Starting PostgreSQL, a simulated mesh and Prometheus ${version} ...`);
  const postgres = await startPostgres();
  closings.push(postgres.stop);
  const sandbox = await startSandbox({ seed });
  closings.push(sandbox.close);
  const sources = { httpSdUrl: `${sandbox.metricsUrl}/sd` };
  const prometheus = await startPrometheus({ binary, sources, scrapeSeconds, log: () => undefined });
  closings.push(prometheus.stop);
  const folder = await mkdtemp(join(tmpdir(), 'canaryd-'));
  closings.push(() => rm(folder, { recursive: true, force: true }));
  const kubeconfigPath = join(folder, 'kubeconfig');
  await writeFile(kubeconfigPath, sandbox.kubeconfig, { mode: 0o600 });
  const token = `canaryd-${randomBytes(18).toString('hex')}`;
  say('Starting canaryd ...');
  const startAnother = async () => {
    const canaryd = await startCanaryd({
      databaseUrl: postgres.url,
      kubeconfigPath,
      prometheusUrl: prometheus.url,
      scrapeSeconds,
      tokens: [{ token, kind: 'person', name: 'you' }],
    });
    closings.push(canaryd.stop);
    return canaryd;
  };
  const canaryd = await startAnother();
  say('Waiting for Prometheus to see traffic ...');
  await untilTrafficIsSeen(prometheus.url);
  return {
    api: canaryd.url,
    token,
    prometheusUrl: prometheus.url,
    databaseUrl: postgres.url,
    kubeconfigPath,
    sandbox,
    canaryd,
    startAnother,
  };
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
