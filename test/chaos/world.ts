import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startCanaryd } from '../../local/canaryd.ts';
import { startPostgres } from '../../local/postgres.ts';
import { ensurePrometheus, startPrometheus } from '../../local/prometheus.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { bankMesh } from './mesh.ts';
import { startProxy, type TcpProxy, through } from './proxy.ts';
import { type CrashingRedis, startCrashingRedis } from './redis.ts';
import { follow, type WriteLog } from './write-log.ts';

export const parts = ['postgres', 'redis', 'prometheus', 'kubernetes'] as const;
type Part = (typeof parts)[number];

/** Real parts, a simulated mesh, and canaryd between them; all that canaryd says to them goes through a proxy. */
export type World = {
  api: string;
  token: string;
  /** A way to the database that knows no faults. */
  db: pg.Pool;
  sandbox: Sandbox;
  redis: CrashingRedis;
  proxies: Record<Part, TcpProxy>;
  fleet: Fleet;
  /** Every change of a VirtualService since the start. */
  writes: WriteLog;
  close(): Promise<void>;
};

export type WorldOptions = { seed: number; workers: number };

const token = `canaryd-${randomBytes(18).toString('hex')}`;
const tokens = [{ token, kind: 'person' as const, name: 'alice' }];
const scrapeSeconds = 1;

type Closings = (() => Promise<unknown>)[];

/** Starts everything, and waits until all workers take turns; what was started is ended again when a part fails. */
export async function startWorld(options: WorldOptions): Promise<World> {
  const closings: Closings = [];
  const close = async () => {
    for (const part of closings.splice(0).reverse()) await part();
  };
  try {
    return { ...(await startParts(options, closings)), close };
  } catch (cause) {
    await close();
    throw cause;
  }
}

async function startParts(
  { seed, workers }: WorldOptions,
  closings: Closings,
): Promise<Omit<World, 'close'>> {
  const keep = <Started extends { stop(): Promise<unknown> }>(started: Started): Started => {
    closings.push(() => started.stop());
    return started;
  };
  const { sandbox, prometheus } = await startMesh(seed, closings);
  const postgres = keep(await startPostgres());
  const redis = keep(await startCrashingRedis());
  const db = new pg.Pool({ connectionString: postgres.url, max: 5, application_name: 'chaos' });
  db.on('error', () => undefined);
  closings.push(() => db.end());
  const targets = {
    postgres: postgres.url,
    redis: redis.url,
    prometheus: prometheus.url,
    kubernetes: sandbox.apiUrl,
  };
  const proxies = await startProxies(targets, closings);
  const kubeconfigPath = await keepKubeconfig(through(proxies.kubernetes, sandbox.kubeconfig), closings);
  const places = {
    databaseUrl: through(proxies.postgres, postgres.url),
    redisUrl: through(proxies.redis, redis.url),
    prometheusUrl: through(proxies.prometheus, prometheus.url),
    kubeconfigPath,
  };
  const canaryd = keep(await startCanaryd({ ...places, scrapeSeconds, tokens, role: 'api' }));
  const fleet = await startFleet({ size: workers, seed, env: environment(places) });
  closings.push(fleet.close);
  await fleet.untilReady();
  return { api: canaryd.url, token, db, sandbox, redis, proxies, fleet, writes: follow(sandbox.store) };
}

async function startMesh(seed: number, closings: Closings) {
  const { binary } = await ensurePrometheus({ log: () => undefined });
  const sandbox = await startSandbox({ seed, mesh: bankMesh() });
  closings.push(sandbox.close);
  const sources = { httpSdUrl: `${sandbox.metricsUrl}/sd` };
  const prometheus = await startPrometheus({ binary, sources, scrapeSeconds, log: () => undefined });
  closings.push(prometheus.stop);
  return { sandbox, prometheus };
}

async function startProxies(
  targets: Record<Part, string>,
  closings: Closings,
): Promise<Record<Part, TcpProxy>> {
  const to = async (part: Part) => {
    const proxy = await startProxy(Number(/127\.0\.0\.1:(\d+)/.exec(targets[part])?.[1]));
    closings.push(proxy.close);
    return proxy;
  };
  return {
    postgres: await to('postgres'),
    redis: await to('redis'),
    prometheus: await to('prometheus'),
    kubernetes: await to('kubernetes'),
  };
}

async function keepKubeconfig(text: string, closings: Closings): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'canaryd-chaos-'));
  closings.push(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'kubeconfig');
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

function environment(places: Record<string, string>): Record<string, string> {
  return {
    DATABASE_URL: places['databaseUrl'] ?? '',
    REDIS_URL: places['redisUrl'] ?? '',
    CANARYD_TOKENS: JSON.stringify(tokens),
    CANARYD_KUBECONFIG: places['kubeconfigPath'] ?? '',
    CANARYD_PROMETHEUS_URL: places['prometheusUrl'] ?? '',
    CANARYD_SCRAPE_SECONDS: String(scrapeSeconds),
    // Several workers on one machine: each takes any port for its probes.
    CANARYD_LISTEN: '127.0.0.1:0',
    CANARYD_LOG_LEVEL: 'error',
  };
}
