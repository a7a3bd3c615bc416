import type { Readiness } from '../api/route.ts';
import { AppError } from '../errors.ts';
import { inTime } from '../queue/deadline.ts';
import { databaseNow } from '../store/clock.ts';
import type { Database } from '../store/database.ts';
import type { Parts } from './parts.ts';
import type { Schema } from './schema.ts';

/** Milliseconds for all parts together. */
const patienceMs = 3000;

/** Above the time that a connection may take. */
const databaseMs = 2500;

/**
 * What answers and what does not. An instance that ends is not asked for more. Only the database is needed: without a cluster or its metrics nothing of that cluster
 * advances, and without a queue turns are late, but taking this instance away would mend none of it.
 */
export async function readinessOf(
  { reads, turns, queue, metrics, clusters }: Parts,
  { schema, ending }: { schema: Pick<Schema, 'missing'>; ending: AbortSignal },
): Promise<Readiness> {
  if (ending.aborted) return { instance: { ok: false, why: 'it is shutting down' } };
  const signal = AbortSignal.timeout(patienceMs);
  const [forReads, forTurns, alarms, prometheus, kubernetes] = await Promise.all([
    databaseReady(reads),
    databaseReady(turns),
    queue.ready(),
    metrics.ready(signal),
    clusters.ready(signal),
  ]);
  const missing = schema.missing();
  return {
    database: missing === null ? forReads : { ok: false, why: missing },
    'database:turns': forTurns,
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
    return (await inTime(databaseNow(db), databaseMs))
      ? { ok: true }
      : { ok: false, why: 'no answer in time' };
  } catch (error) {
    return { ok: false, why: error instanceof AppError ? error.code : 'no answer' };
  }
}
