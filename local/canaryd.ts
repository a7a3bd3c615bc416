import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endChild, hasEnded, lastWordsOf } from './child.ts';
import { freePort } from './free-port.ts';
import { programAt } from './programs.ts';

export type CanarydOptions = {
  databaseUrl: string;
  /** Without it the queue is in the database. */
  redisUrl?: string;
  kubeconfigPath: string;
  prometheusUrl: string;
  scrapeSeconds: number;
  tokens: { token: string; kind: 'person' | 'machine'; name: string }[];
  role?: 'all' | 'api' | 'worker';
  /** The Node to run it with; that of this process when it is left out. */
  node?: string;
  /** Default: until it is ready. `alive` is enough where its database is down. */
  until?: 'ready' | 'alive';
};
export type RunningCanaryd = { url: string; process: ChildProcess; stop(): Promise<void> };

const root = fileURLToPath(new URL('..', import.meta.url));
const readyMs = 60_000;
const stopMs = 25_000;

/**
 * Starts canaryd as a process of its own, configured by its environment as in production, and waits until it
 * answers. Throws with its last words when it does not.
 */
export async function startCanaryd(options: CanarydOptions): Promise<RunningCanaryd> {
  const port = await freePort();
  const child = spawn(options.node ?? process.execPath, [await programAt('src/main.ts')], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment(options, port) },
  });
  const lastWords = lastWordsOf(child);
  const url = `http://127.0.0.1:${port}`;
  const killWithParent = () => child.kill('SIGKILL');
  process.on('exit', killWithParent);
  const stop = async () => {
    process.off('exit', killWithParent);
    // As a person at the keyboard does: no balancer has to be told.
    await endChild(child, stopMs, 'SIGINT');
  };
  if (await answers(`${url}${options.until === 'alive' ? '/healthz' : '/readyz'}`, child))
    return { url, process: child, stop };
  await stop();
  throw new Error(`canaryd did not start: ${lastWords() || 'it said nothing'}`);
}

function environment(options: CanarydOptions, port: number): Record<string, string> {
  return {
    DATABASE_URL: options.databaseUrl,
    ...(options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }),
    CANARYD_LISTEN: `127.0.0.1:${port}`,
    CANARYD_ROLE: options.role ?? 'all',
    CANARYD_TOKENS: JSON.stringify(options.tokens),
    CANARYD_KUBECONFIG: options.kubeconfigPath,
    CANARYD_PROMETHEUS_URL: options.prometheusUrl,
    CANARYD_SCRAPE_SECONDS: String(options.scrapeSeconds),
    CANARYD_LOG_LEVEL: 'warn',
  };
}

async function answers(url: string, child: ChildProcess): Promise<boolean> {
  const until = Date.now() + readyMs;
  while (Date.now() < until && !hasEnded(child)) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(4000) }).catch(() => null);
    if (answer?.ok) return true;
    await wait(100);
  }
  return false;
}
