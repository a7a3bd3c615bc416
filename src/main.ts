import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { ulid } from 'ulid';
import { buildServer } from './api/server.ts';
import { parseTokens, readTokens, type TokenTable } from './api/tokens.ts';
import { type Config, readConfig } from './config.ts';
import { AppError } from './errors.ts';
import { failureFields, type Log, logOptions, openLog } from './log.ts';
import { type PrometheusMetrics, prometheusMetrics } from './metrics/prometheus.ts';
import { alarmOn, openQueue } from './queue/alarm.ts';
import { migrateQueue } from './queue/backend.ts';
import { startWorker } from './queue/worker.ts';
import type { Mesh } from './rollout/ports/mesh.ts';
import { rolloutService } from './rollout/service.ts';
import { connect, type Database } from './store/database.ts';
import { migrate } from './store/migrate.ts';
import { rolloutStore } from './store/rollout-store.ts';
import { databaseNow, turnStore } from './store/turn-store.ts';
import { listen } from './store/wake.ts';
import { type Telemetry, telemetry } from './telemetry.ts';
import { istioMesh } from './traffic/istio.ts';
import { connectKube, type Kube } from './traffic/kube.ts';
import { startTurns } from './worker.ts';

type Parts = {
  config: Config;
  log: Log;
  /** Turns have connections of their own, so that no number of readers delays a rollback. */
  turns: Database;
  reads: Database;
  kube: Kube;
  mesh: Mesh;
  metrics: PrometheusMetrics;
  telemetry: Telemetry;
};
type Closing = () => Promise<void>;

const shutdownMs = 20_000;

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = openLog(config.logLevel);
  const tokens = await tokensOf(config);
  await migrate(config.databaseUrl);
  await migrateQueue(config.databaseUrl);
  const parts = await connectParts(config, log);
  const closings: Closing[] = [];
  if (config.role !== 'api') closings.push(await startWork(parts));
  if (config.role !== 'worker') closings.push(await startApi(parts, tokens));
  closings.push(
    () => parts.kube.close(),
    () => parts.turns.close(),
    () => parts.reads.close(),
  );
  endOnSignal(closings, log);
}

async function tokensOf({ tokens }: Config): Promise<TokenTable> {
  const read = tokens.kind === 'file' ? await readTokens(tokens.path) : parseTokens(tokens.json);
  if (read.kind === 'tokens') return read.table;
  throw new AppError(
    'configuration',
    `the tokens have ${read.faults.length} fault(s):\n${read.faults.map((fault) => `  ${fault}`).join('\n')}`,
  );
}

async function connectParts(config: Config, log: Log): Promise<Parts> {
  const { url, auth, scrapeSeconds } = config.prometheus;
  const source = config.kubeconfig;
  const kube = await connectKube(source);
  const turns = connect(config.databaseUrl, { log });
  const reads = connect(config.databaseUrl, { log });
  return {
    config,
    log,
    turns,
    reads,
    kube,
    mesh: istioMesh(kube, { clusterDomain: config.clusterDomain }),
    metrics: prometheusMetrics({ url, scrapeSeconds, ...(auth === null ? {} : { auth }) }),
    telemetry: telemetry(rolloutStore(reads.db)),
  };
}

async function startWork({
  config,
  log,
  turns: database,
  mesh,
  metrics,
  telemetry,
}: Parts): Promise<Closing> {
  const queue = openQueue(config.databaseUrl);
  const worker = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const deps = {
    worker,
    store: turnStore(database.db),
    mesh,
    metrics,
    alarm: alarmOn(queue, log),
    deadline: AbortSignal.timeout,
    rest: async (ms: number) => wait(ms * (1 + Math.random())),
  };
  const turns = startTurns({ deps, log, onTurn: telemetry.countTurn, jitter: Math.random });
  const ears = await listen({ url: config.databaseUrl, onDue: (id) => void turns.take(id), log });
  const alarms = startWorker({
    url: config.databaseUrl,
    onDue: turns.take,
    concurrency: config.concurrency,
    log,
  });
  log.info({ worker }, 'taking turns');
  return async () => {
    await Promise.allSettled([ears.close(), alarms.close(), turns.close()]);
    await queue.close();
  };
}

async function startApi(
  { config, log, reads: database, mesh, metrics, telemetry }: Parts,
  tokens: TokenTable,
): Promise<Closing> {
  const service = rolloutService({
    mesh,
    metrics,
    rollouts: rolloutStore(database.db),
    newId: () => `ro_${ulid()}`,
    deadline: AbortSignal.timeout,
  });
  const server = buildServer({
    service,
    tokens,
    readiness: async () => ({
      database: await databaseReady(database),
      // Without metrics nothing advances, but rolling back still works: no reason to take this instance away.
      prometheus: { ...(await metrics.ready(AbortSignal.timeout(3000))), optional: true },
    }),
    metricsText: telemetry.text,
    log: logOptions(config.logLevel),
  });
  const address = await server.listen(config.listen);
  log.info({ address }, 'answering');
  return () => server.close();
}

async function databaseReady({ db }: Database): Promise<{ ok: boolean; why?: string }> {
  try {
    await databaseNow(db);
    return { ok: true };
  } catch (error) {
    return { ok: false, why: error instanceof AppError ? error.code : 'no answer' };
  }
}

/** Ends in order on the first signal: stop answering and taking turns, then close what they used. */
function endOnSignal(closings: Closing[], log: Log): void {
  let isEnding = false;
  const end = async (signal: string) => {
    if (isEnding) return;
    isEnding = true;
    log.info({ signal }, 'ending');
    setTimeout(() => process.exit(1), shutdownMs).unref();
    for (const close of closings) {
      await close().catch((error: unknown) => log.warn(failureFields(error), 'a part did not close'));
    }
    process.exit(0);
  };
  process.on('SIGTERM', () => void end('SIGTERM'));
  process.on('SIGINT', () => void end('SIGINT'));
}

main().catch((error: unknown) => {
  const why =
    error instanceof AppError
      ? error.message
      : `unexpected ${error instanceof Error ? error.name : typeof error}`;
  process.stderr.write(`canaryd did not start: ${why}\n`);
  process.exit(1);
});
