import type { WakeQueue } from './alarm.ts';
import { migrateQueue } from './backend.ts';
import { openPostgresQueue } from './postgres-queue.ts';
import { redisAddress } from './redis-backend.ts';
import { openRedisQueue } from './redis-queue.ts';

/** Where alarms are kept. The URL holds a password: never log it. */
export type QueueSource = { kind: 'postgres'; url: string } | { kind: 'redis'; url: string };

/**
 * The queue that alarms are set on; connects when it is first used.
 * @throws AppError `configuration` when the URL is not one of its kind
 */
export function openQueue(source: QueueSource): WakeQueue {
  return source.kind === 'redis' ? openRedisQueue(source.url) : openPostgresQueue(source.url);
}

/**
 * Makes the queue usable: on PostgreSQL its tables are made or updated; on Redis there is nothing to make, and the server
 * is not even asked, because canaryd starts without it.
 * @throws AppError `migration`, or `configuration` when the URL is not one of its kind
 */
export async function prepareQueue(source: QueueSource): Promise<void> {
  if (source.kind === 'postgres') await migrateQueue(source.url);
  else redisAddress(source.url);
}
