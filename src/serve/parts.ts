import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import { type ClusterMetrics, clusterMetrics } from '../metrics/clusters.ts';
import { inTime } from '../queue/deadline.ts';
import { type QueueHealth, queueHealth } from '../queue/health.ts';
import type { Surroundings } from '../rollout/ports/readiness.ts';
import { databaseNow } from '../store/clock.ts';
import { connect, type Database } from '../store/database.ts';
import { rolloutStore } from '../store/rollout-store.ts';
import { type Telemetry, telemetry } from '../telemetry.ts';
import { type Clusters, openClusters } from '../traffic/clusters.ts';

/** Everything outside of this process that canaryd works with. */
export type Parts = {
  config: Config;
  log: Log;
  /** Turns have connections of their own, so that no number of readers delays a rollback. */
  turns: Database;
  reads: Database;
  clusters: Clusters;
  metrics: ClusterMetrics;
  queue: QueueHealth;
  telemetry: Telemetry;
};

/**
 * Makes the parts that both roles need; most of them connect when they are first used.
 * @throws AppError `configuration` when the only cluster's credentials, or an address, cannot be read
 */
export async function openParts(config: Config, log: Log): Promise<Parts> {
  const metrics = clusterMetrics(
    config.clusters.map(({ name, prometheus, alertmanager }) => ({
      cluster: name,
      ...prometheus,
      ...(alertmanager === undefined ? {} : { alertmanager }),
    })),
    config.checkTemplates,
  );
  const clusters = await openClusters(config.clusters, log);
  const turns = connect(config.databaseUrl, { log });
  const reads = connect(config.databaseUrl, { log });
  const clocks = { database: () => databaseNow(reads.db), process: Date.now };
  return {
    config,
    log,
    turns,
    reads,
    clusters,
    metrics,
    queue: queueHealth(config.queue, clocks, log),
    telemetry: telemetry(rolloutStore(reads.db)),
  };
}

/** What stands around targets, in their clusters and in their metrics. */
export function surroundingsOf(
  { clusters, metrics }: Pick<Parts, 'clusters' | 'metrics'>,
  reader: keyof Clusters['surroundings'],
): Surroundings {
  return { ofCluster: clusters.surroundings[reader], ofMetrics: metrics.facts };
}

/** Milliseconds; a server that does not answer is left without a farewell. */
const closeMs = 2000;

/** Closes the parts when nobody uses them any more. */
export async function closeParts({ clusters, turns, reads }: Parts): Promise<void> {
  await inTime(Promise.allSettled([clusters.close(), turns.close(), reads.close()]), closeMs);
}
