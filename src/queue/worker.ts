import { setTimeout as wait } from 'node:timers/promises';
import { type PostgresConnectionOptions, type PostgresQueueBackend, Worker } from 'bullmq';
import { z } from 'zod';
import { postgresBackend, queueConnection, queueName, type Warns } from './backend.ts';
import { inTime } from './deadline.ts';
import { kindOf } from './failure.ts';

export type WorkerOptions = {
  url: string;
  /** Runs one turn; `signal` aborts when the job's lock is lost or the worker has no more time to close. */
  onDue: (rolloutId: string, signal: AbortSignal) => Promise<void>;
  concurrency: number;
  log: Warns;
  /** How long `close` lets running turns finish, in milliseconds. */
  closeWithinMs?: number;
};
export type RunningWorker = { close(): Promise<void> };

const WakeJob = z.object({ rolloutId: z.string() });
type WakeJob = z.infer<typeof WakeJob>;
type BullWorker = Worker<WakeJob, void, string, PostgresQueueBackend, never, PostgresConnectionOptions>;

const retryMs = 1000;

/**
 * Hears alarms from the queue on PostgreSQL and runs a turn for each. Starts although the database is down and tries
 * again for ever. A lock of 15 s, looked for every 5 s, hands the alarms of a dead worker on in about 20 s; the
 * sweep is faster.
 */
export function startWorker(options: WorkerOptions): RunningWorker {
  const { closeWithinMs = 15_000 } = options;
  const stopping = new AbortController();
  const report = onceEach(options.log);
  let current: BullWorker | null = null;

  /** Answers when the worker has stopped; BullMQ remembers a failed first connection for ever, so none is used twice. */
  async function runOne(): Promise<void> {
    const worker = openWorker(options, report);
    try {
      await worker.waitUntilReady();
      if (stopping.signal.aborted) return;
      current = worker;
      await worker.run();
    } catch (cause) {
      report(cause, 'alarms are not heard: the sweep runs every turn');
    } finally {
      await inTime(worker.close(true), 1000).catch(() => undefined);
    }
  }

  async function keepRunning(): Promise<void> {
    while (!stopping.signal.aborted) {
      await runOne();
      await wait(retryMs, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  }

  const running = keepRunning();
  return {
    close: async () => {
      stopping.abort();
      const closing = Promise.resolve(current?.close());
      if (!(await inTime(closing, closeWithinMs))) {
        current?.cancelAllJobs('the worker is closing');
        await inTime(closing, 1000);
      }
      await inTime(running, 1000);
    },
  };
}

function openWorker({ url, onDue, concurrency }: WorkerOptions, report: Report): BullWorker {
  const worker: BullWorker = new Worker(
    queueName,
    // Three parameters: BullMQ counts them to know whether to make a signal.
    async (job, _token, signal) => {
      const { rolloutId } = WakeJob.parse(job.data);
      await onDue(rolloutId, signal ?? new AbortController().signal).catch((cause: unknown) => {
        // BullMQ loses what is thrown when it is not an Error.
        throw cause instanceof Error ? cause : new Error(`a turn threw ${typeof cause}`);
      });
    },
    {
      connection: queueConnection(url, 4),
      autorun: false,
      concurrency,
      lockDuration: 15_000,
      stalledInterval: 5000,
      // A crash is no reason to forget an alarm.
      maxStalledCount: 1000,
      runRetryDelay: 2000,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    },
    postgresBackend,
  );
  worker.on('error', (cause) => report(cause, 'the queue failed; turns go on by the sweep'));
  worker.on('failed', (_job, cause) => report(cause, 'a turn failed; the next one is started by the sweep'));
  worker.on('lockRenewalFailed', (jobIds) => {
    for (const jobId of jobIds) worker.cancelJob(jobId, 'the lock was lost');
  });
  return worker;
}

type Report = (cause: unknown, message: string) => void;

/** Says the same kind of thing once. */
function onceEach(log: Warns): Report {
  const said = new Set<string>();
  return (cause, message) => {
    const kind = message + kindOf(cause);
    if (said.has(kind)) return;
    said.add(kind);
    log.warn({ failure: kindOf(cause), reason: cause instanceof Error ? cause.message : 'unknown' }, message);
  };
}
