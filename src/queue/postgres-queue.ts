import { type PostgresConnectionOptions, type PostgresQueueBackend, Queue } from 'bullmq';
import type { WakeQueue } from './alarm.ts';
import { postgresBackend, queueConnection, queueName } from './backend.ts';
import { inTime } from './deadline.ts';
import { jobFor, type WakeJob } from './wake-up.ts';

const closeMs = 1000;

type BullQueue = Queue<
  WakeJob,
  void,
  string,
  WakeJob,
  void,
  string,
  PostgresQueueBackend,
  PostgresConnectionOptions
>;

/**
 * The queue on PostgreSQL; connects when it is first used. BullMQ remembers a failed first connection for ever,
 * so a queue that did not become ready is thrown away and the next call makes another.
 */
export function openPostgresQueue(url: string): WakeQueue {
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
    add: async (wakeUps) => {
      opening ??= open();
      const queue = await opening;
      await queue.addBulk(wakeUps.map(jobFor));
    },
    close: async () => {
      const queue = await opening?.catch(() => null);
      await inTime(Promise.resolve(queue?.close()), closeMs);
    },
  };
}
