import { type PostgresConnectionOptions, type PostgresQueueBackend, Queue } from 'bullmq';
import type { Alarm } from '../rollout/ports/alarm.ts';
import type { Millis } from '../rollout/units.ts';
import { postgresBackend, queueConnection, queueName, type Warns } from './backend.ts';
import { inTime } from './deadline.ts';
import { kindOf } from './failure.ts';

/** One wake-up: nothing is decided from it, so it names the rollout and no more. */
type WakeUp = { jobId: string; rolloutId: string; delayMs: number };
export type WakeQueue = {
  add(wakeUp: WakeUp): Promise<void>;
  close(): Promise<void>;
};

const callDeadlineMs = 1000;

/** Alarms on a queue. A lost alarm is logged, the first of each kind of failure, and found by the sweep. */
export function alarmOn(queue: WakeQueue, log: Warns): Alarm {
  const seen = new Set<string>();
  function lost(kind: string): void {
    if (seen.has(kind)) return;
    seen.add(kind);
    log.warn({ failure: kind }, 'an alarm was not set: the sweep takes its place');
  }
  return {
    ring: async (id, at, now) => {
      try {
        if (await inTime(queue.add(wakeUp(id, at, now)), callDeadlineMs)) seen.clear();
        else lost('timeout');
      } catch (cause) {
        lost(kindOf(cause));
      }
    },
  };
}

/** The same wake-up asked for twice is one job. Both times are PostgreSQL's, so only their difference is used. */
function wakeUp(rolloutId: string, at: Millis, now: Millis): WakeUp {
  return { jobId: `wake-${rolloutId}-${at}`, rolloutId, delayMs: Math.max(0, Math.ceil(at - now)) };
}

type BullQueue = Queue<
  { rolloutId: string },
  void,
  string,
  { rolloutId: string },
  void,
  string,
  PostgresQueueBackend,
  PostgresConnectionOptions
>;

/**
 * The queue on PostgreSQL; connects when it is first used. BullMQ remembers a failed first connection for ever,
 * so a queue that did not become ready is thrown away and the next call makes another.
 */
export function openQueue(url: string): WakeQueue {
  const connection = queueConnection(url, 4);
  let opening: Promise<BullQueue> | null = null;

  async function open(): Promise<BullQueue> {
    const queue: BullQueue = new Queue(queueName, { connection }, postgresBackend);
    queue.on('error', () => undefined);
    try {
      await queue.waitUntilReady();
      return queue;
    } catch (cause) {
      opening = null;
      await queue.close().catch(() => undefined);
      throw cause;
    }
  }

  return {
    add: async ({ jobId, rolloutId, delayMs }) => {
      opening ??= open();
      const queue = await opening;
      const options = { jobId, delay: delayMs, removeOnComplete: true, removeOnFail: true };
      await queue.add('wake', { rolloutId }, options);
    },
    close: async () => {
      const queue = await opening?.catch(() => null);
      await inTime(Promise.resolve(queue?.close()), callDeadlineMs);
    },
  };
}
