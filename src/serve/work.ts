import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { alarmOn } from '../queue/alarm.ts';
import { inTime } from '../queue/deadline.ts';
import { openQueue } from '../queue/queue.ts';
import { startWorker } from '../queue/worker.ts';
import type { TurnDeps } from '../rollout/advance.ts';
import { alertStore } from '../store/alert-store.ts';
import { housekeep } from '../store/housekeeping.ts';
import { turnStore } from '../store/turn-store.ts';
import { listen } from '../store/wake.ts';
import { startHousekeeping, startTurns } from '../worker.ts';
import { watchOrphans } from './orphan-watch.ts';
import { type Parts, surroundingsOf } from './parts.ts';
import type { Closing } from './shutdown.ts';

/** Wraps what turns work with: programs that test faults put them in between. */
export type Wrap = (deps: TurnDeps) => TurnDeps;

/** Milliseconds for turns under way when this instance ends: more than any needs, less than Kubernetes waits. */
const lastTurnsMs = 15_000;
const closeMs = 18_000;

/** Takes turns: those of alarms, those of a person's word, and those that a sweep finds; and keeps house. */
export async function startWork(parts: Parts, wrap: Wrap): Promise<Closing> {
  const { config, log, turns: database, reads, clusters, metrics, telemetry } = parts;
  const queue = openQueue(config.queue);
  const worker = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const deps = wrap({
    worker,
    store: turnStore(database.db),
    mesh: clusters.mesh,
    metrics,
    surroundings: surroundingsOf(parts, 'turns'),
    alerts: { received: alertStore(database.db), polled: metrics.alerts },
    alarm: alarmOn(queue, log),
    deadline: AbortSignal.timeout,
    rest: async (ms: number) => wait(ms * (1 + Math.random())),
  });
  const turns = startTurns({
    deps,
    most: config.concurrency,
    log,
    onTurn: telemetry.countTurn,
    jitter: Math.random,
  });
  const ears = await listen({ url: config.databaseUrl, onDue: (id) => void turns.take(id), log });
  const alarms = startWorker({
    source: config.queue,
    onDue: turns.takeInSlot,
    concurrency: config.concurrency,
    closeWithinMs: lastTurnsMs,
    log,
  });
  const house = startHousekeeping(() => housekeep(reads.db, config.retention), log);
  const orphans = watchOrphans(parts);
  log.info({ worker }, 'taking turns');
  return async () => {
    const closing = Promise.allSettled([
      ears.close(),
      alarms.close(),
      turns.close(),
      house.close(),
      orphans.close(),
    ]);
    if (!(await inTime(closing, closeMs)))
      log.warn({ worker }, 'a turn did not end: another worker takes it up when its lease has run out');
    await queue.close();
  };
}
