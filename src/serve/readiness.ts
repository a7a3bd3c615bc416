import type { Readiness } from '../api/route.ts';
import { AppError } from '../errors.ts';
import { databaseNow } from '../store/clock.ts';
import type { Database } from '../store/database.ts';
import type { Parts } from './parts.ts';

/** Milliseconds for all parts together. */
const patienceMs = 3000;

/**
 * What answers and what does not. Only the database is needed: without a cluster or its metrics nothing of that cluster
 * advances, and without a queue turns are late, but taking this instance away would mend none of it.
 */
export async function readinessOf({ reads, queue, metrics, clusters }: Parts): Promise<Readiness> {
  const signal = AbortSignal.timeout(patienceMs);
  const [database, alarms, prometheus, kubernetes] = await Promise.all([
    databaseReady(reads),
    queue.ready(),
    metrics.ready(signal),
    clusters.ready(signal),
  ]);
  return {
    database,
    queue: { ...alarms, optional: true },
    ...named('prometheus', prometheus),
    ...named('kubernetes', kubernetes),
  };
}

/** `prometheus` when there is one cluster, `prometheus:eu` and `prometheus:us` when there are several. */
function named(part: string, byCluster: Record<string, Readiness[string]>): Readiness {
  const answers = Object.entries(byCluster);
  return Object.fromEntries(
    answers.map(([cluster, answer]) => [
      answers.length === 1 ? part : `${part}:${cluster}`,
      { ...answer, optional: true },
    ]),
  );
}

async function databaseReady({ db }: Database): Promise<Readiness[string]> {
  try {
    await databaseNow(db);
    return { ok: true };
  } catch (error) {
    return { ok: false, why: error instanceof AppError ? error.code : 'no answer' };
  }
}
