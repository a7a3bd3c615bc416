import {
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
  Worker,
  type WorkerOptions,
} from 'bullmq';
import { postgresBackend, queueConnection, queueName, type Warns } from './backend.ts';
import { kindOf, replyCode } from './failure.ts';
import type { QueueSource } from './queue.ts';
import { redisPrefix, workerConnection } from './redis-backend.ts';
import { WakeJob } from './wake-up.ts';

/** Runs one turn; `signal` aborts when the job's lock is lost or the worker has no more time to close. */
export type OnDue = (rolloutId: string, signal: AbortSignal) => Promise<void>;

/** Says the same kind of thing once. */
export type Report = (cause: unknown, message: string) => void;

export type Hearing = { concurrency: number; lockMs: number; stalledMs: number };

type OnPostgres = Worker<WakeJob, void, string, PostgresQueueBackend, never, PostgresConnectionOptions>;
type OnRedis = Worker<WakeJob, void, string>;
/** BullMQ's worker on either. */
export type BullWorker = OnPostgres | OnRedis;

/**
 * A worker that does not run yet.
 * @throws AppError `configuration` when the URL is not one of its kind
 */
export function openWorker(source: QueueSource, hearing: Hearing, onDue: OnDue, report: Report): BullWorker {
  // Three parameters: BullMQ counts them to know whether to make a signal.
  const turn = async (job: { data: WakeJob }, _token: unknown, signal?: AbortSignal) => {
    const { rolloutId, others } = WakeJob.parse(job.data);
    const until = signal ?? new AbortController().signal;
    const turns = await Promise.allSettled([rolloutId, ...others].map((id) => onDue(id, until)));
    const failed = turns.find((one) => one.status === 'rejected');
    if (failed === undefined) return;
    // BullMQ loses what is thrown when it is not an Error.
    throw failed.reason instanceof Error ? failed.reason : new Error(`a turn threw ${typeof failed.reason}`);
  };
  if (source.kind === 'redis') {
    const connection = workerConnection(source.url);
    const worker: OnRedis = new Worker(queueName, turn, {
      ...settings(hearing),
      connection,
      prefix: redisPrefix,
    });
    worker.on('error', (cause) => failed(worker, report, cause));
    worker.on('failed', (_job, cause) => report(cause, turnFailed));
    worker.on('lockRenewalFailed', (jobIds) => cancel(worker, jobIds));
    return worker;
  }
  const connection = queueConnection(source.url, 4);
  const worker: OnPostgres = new Worker(
    queueName,
    turn,
    { ...settings(hearing), connection },
    postgresBackend,
  );
  worker.on('error', (cause) => failed(worker, report, cause));
  worker.on('failed', (_job, cause) => report(cause, turnFailed));
  worker.on('lockRenewalFailed', (jobIds) => cancel(worker, jobIds));
  return worker;
}

const turnFailed = 'a turn failed; the next one is started by the sweep';

function settings({ concurrency, lockMs, stalledMs }: Hearing): Omit<WorkerOptions, 'connection'> {
  return {
    autorun: false,
    concurrency,
    lockDuration: lockMs,
    stalledInterval: stalledMs,
    // A crash is no reason to forget an alarm.
    maxStalledCount: 1000,
    runRetryDelay: 2000,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  };
}

function failed(worker: BullWorker, report: Report, cause: Error): void {
  report(cause, 'the queue failed; turns go on by the sweep');
  // What Redis refuses (no memory left, a read-only replica) BullMQ would ask for again at once and without end. A paused
  // worker stops when its turns have, and startWorker opens another one a second later.
  if (replyCode(cause) !== null) void worker.pause(true);
}

function cancel(worker: BullWorker, jobIds: string[]): void {
  for (const jobId of jobIds) worker.cancelJob(jobId, 'the lock was lost');
}

/** Says each kind of failure once, to `log`. */
export function onceEach(log: Warns): Report {
  const said = new Set<string>();
  return (cause, message) => {
    const kind = message + kindOf(cause);
    if (said.has(kind)) return;
    said.add(kind);
    log.warn({ failure: kindOf(cause), reason: cause instanceof Error ? cause.message : 'unknown' }, message);
  };
}
