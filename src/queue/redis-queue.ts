import { Queue } from 'bullmq';
import type { WakeQueue } from './alarm.ts';
import { queueName } from './backend.ts';
import { producerConnection, redisPrefix } from './redis-backend.ts';
import { jobFor, type WakeJob } from './wake-up.ts';

/**
 * The queue on Redis; connects when it is first used. While there is no connection an alarm fails at once, with the
 * connection's own failure: BullMQ would wait for as long as Redis is down.
 * @throws AppError `configuration` when the URL is not one of Redis
 */
export function openRedisQueue(url: string): WakeQueue {
  const connection = producerConnection(url);
  let opened: ConnectedQueue | null = null;
  return {
    add: async (wakeUps) => {
      opened ??= open(connection);
      await opened.firstWord;
      if (opened.failure() !== null) throw opened.failure();
      await opened.queue.addBulk(wakeUps.map(jobFor));
    },
    // Not Queue.close: it takes leave of the server and waits for an answer.
    close: async () => opened?.queue.getBackend().connection.close(true),
  };
}

type BullQueue = Queue<WakeJob, void, string>;
type ConnectedQueue = {
  queue: BullQueue;
  /** The first attempt to connect is over, for better or worse. */
  firstWord: Promise<void>;
  /** Why there is no connection; null while there is one. */
  failure(): Error | null;
};

function open(connection: ReturnType<typeof producerConnection>): ConnectedQueue {
  const queue: BullQueue = new Queue(queueName, {
    connection,
    prefix: redisPrefix,
    skipWaitingForReady: true,
    skipMetasUpdate: true,
    // It would be asked for before there is a connection; inspectQueue looks at it.
    skipVersionCheck: true,
  });
  let failure: Error | null = new Error('there is no connection to Redis');
  let isConnected = false;
  const firstWord = new Promise<void>((resolve) => {
    queue.on('error', (cause) => {
      if (!isConnected) failure = cause;
      resolve();
    });
    queue.getBackend().on('ready', () => {
      isConnected = true;
      failure = null;
      resolve();
    });
  });
  queue.getBackend().on('close', () => {
    isConnected = false;
    failure ??= new Error('the connection to Redis was lost');
  });
  return { queue, firstWord, failure: () => failure };
}
