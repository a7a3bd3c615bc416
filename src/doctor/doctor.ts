import { type ClusterConfig, type ConfigRead, readParts, type SoundParts } from '../config.ts';
import { AppError } from '../errors.ts';
import { addressOf } from '../metrics/address.ts';
import { silencesAt } from '../metrics/alertmanager.ts';
import { inspectPrometheus } from '../metrics/inspect-prometheus.ts';
import { inspectQueue } from '../queue/inspect.ts';
import { tokensOf } from '../serve/tokens.ts';
import { databaseNow } from '../store/clock.ts';
import { connect } from '../store/database.ts';
import { inspectDatabase } from '../store/inspect-database.ts';
import { type ClusterFacts, inspectCluster } from '../traffic/inspect-cluster.ts';
import { checkAlertmanager } from './alertmanager.ts';
import { aheadMs } from './clocks.ts';
import { type AskedTarget, checkCluster, clusterFailed, rightsFor } from './cluster.ts';
import { checkDatabase, databaseFailed } from './database.ts';
import { checkPrometheus, checkShared, prometheusFailed } from './prometheus.ts';
import { checkQueue } from './queue.ts';
import { asJson, asText, type Check, fail, isHealthy, ok } from './report.ts';

export type DoctorOptions = { json: boolean; target: AskedTarget | null };

/** Milliseconds for one question. */
const timeoutMs = 4000;

/**
 * Checks the configuration and everything that it leads to, side by side, and writes what it found. Changes nothing.
 * @returns the exit code: 0 when all is well or may wait, 1 when something has to be mended
 */
export async function doctor(
  environment: Record<string, string | undefined>,
  { json, target }: DoctorOptions,
  write: (text: string) => void,
): Promise<0 | 1> {
  const checks = await examine(environment, target);
  write(json ? asJson(checks) : asText(checks));
  return isHealthy(checks) ? 0 : 1;
}

async function examine(
  environment: Record<string, string | undefined>,
  target: AskedTarget | null,
): Promise<Check[]> {
  const read = await readParts(environment);
  const parts: SoundParts = read.kind === 'whole' ? read.config : read.sound;
  const { clusters } = parts;
  const [tokens, database, queue, reached] = await Promise.all([
    examineTokens(parts),
    examineDatabase(parts),
    examineQueue(parts),
    examineClusters(clusters, target),
  ]);
  const metrics = clusters.map((cluster) => examinePrometheus(cluster, database.aheadMs));
  const silences = clusters.map(examineAlertmanager);
  return [
    ...checkConfiguration(read),
    ...tokens,
    ...database.checks,
    ...queue,
    ...reached,
    ...(await Promise.all(metrics)).flat(),
    ...(await Promise.all(silences)).flat(),
    ...checkShared(clusters),
  ];
}

/** A fault in one setting leaves the others to be checked. */
function checkConfiguration(read: ConfigRead): Check[] {
  if (read.kind === 'faulty') return faultsIn('configuration', read.error.message);
  const names = read.config.clusters.map(({ name }) => name).join(', ');
  return [ok('configuration', `complete; cluster(s): ${names}.`)];
}

async function examineTokens({ tokens }: SoundParts): Promise<Check[]> {
  if (tokens === null) return [];
  const read = await attempt(() => tokensOf({ tokens }));
  return read.kind === 'done' ? [ok('tokens', 'can be read.')] : faultsIn('tokens', read.why);
}

type Attempt<Value> = { kind: 'done'; value: Value } | { kind: 'failed'; why: string };

/** What canaryd throws at start is here a finding; anything else is a surprise here, too. */
async function attempt<Value>(work: () => Promise<Value>): Promise<Attempt<Value>> {
  try {
    return { kind: 'done', value: await work() };
  } catch (error) {
    if (error instanceof AppError) return { kind: 'failed', why: error.message };
    throw error;
  }
}

/** One check for each line behind the first, which only counts them. */
function faultsIn(what: string, message: string): Check[] {
  const [headline = '', ...faults] = message.split('\n').map((line) => line.trim());
  return (faults.length === 0 ? [headline] : faults).map((fault) => fail(what, fault));
}

async function examineDatabase({
  databaseUrl,
}: SoundParts): Promise<{ checks: Check[]; aheadMs: number | null }> {
  if (databaseUrl === null) return { checks: [], aheadMs: null };
  const found = await inspectDatabase(databaseUrl, Date.now);
  if (found.kind === 'failed') return { checks: [databaseFailed(found.why)], aheadMs: null };
  return { checks: checkDatabase(found.facts), aheadMs: aheadMs(found.facts) };
}

async function examineQueue({ queue, databaseUrl }: SoundParts): Promise<Check[]> {
  if (queue === null || databaseUrl === null) return [];
  if (queue.kind === 'postgres') return checkQueue(queue.kind, []);
  const database = connect(databaseUrl, { poolSize: 1 });
  try {
    const clocks = { database: () => databaseNow(database.db), process: Date.now };
    return checkQueue(queue.kind, await inspectQueue(queue, clocks));
  } finally {
    await database.close();
  }
}

async function examineClusters(clusters: ClusterConfig[], target: AskedTarget | null): Promise<Check[]> {
  const options = { rights: rightsFor(target), target, timeoutMs, now: Date.now };
  const inspected = await Promise.all(
    clusters.map(async ({ name, source }) => ({
      name,
      source,
      facts: await attempt(() => inspectCluster(source, options)),
    })),
  );
  const isSomewhere = inspected.some(({ facts }) => facts.kind === 'done' && hasTarget(facts.value));
  const sought = target === null ? null : { ...target, isSomewhere };
  return inspected.flatMap(({ name, source, facts }) =>
    facts.kind === 'failed'
      ? [clusterFailed(name, facts.why, source.kind === 'inCluster')]
      : checkCluster(name, facts.value, sought),
  );
}

function hasTarget({ target }: ClusterFacts): boolean {
  return target?.kind === 'found' && target.value;
}

async function examinePrometheus(
  { name, prometheus }: ClusterConfig,
  databaseAheadMs: number | null,
): Promise<Check[]> {
  const { scrapeSeconds } = prometheus;
  const read = await addressOf(prometheus, 'Prometheus');
  if (read.kind === 'broken') return [prometheusFailed(name, read.why)];
  const facts = await inspectPrometheus(read.address, { scrapeSeconds, timeoutMs, now: Date.now });
  return checkPrometheus({ cluster: name, facts, scrapeSeconds, databaseAheadMs });
}

/** Nothing to say where none is configured: canaryd works without. */
async function examineAlertmanager({ name, alertmanager }: ClusterConfig): Promise<Check[]> {
  if (alertmanager === undefined) return [];
  return [checkAlertmanager(name, await silencesAt(alertmanager)(AbortSignal.timeout(timeoutMs)))];
}
