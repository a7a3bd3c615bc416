import { setTimeout as wait } from 'node:timers/promises';
import type { Warns } from './backend.ts';
import { inTime } from './deadline.ts';
import { type BullWorker, type OnDue, onceEach, openWorker } from './open-worker.ts';
import type { QueueSource } from './queue.ts';

export type WorkerOptions = {
  source: QueueSource;
  onDue: OnDue;
  /** Alarms that are heard at a time; each may wake many. */
  concurrency: number;
  log: Warns;
  /** How long `close` lets running turns finish, in milliseconds. */
  closeWithinMs?: number;
  /** How long a worker that does not answer keeps its alarms, in milliseconds; longer than a turn. */
  lockMs?: number;
  /** How often alarms of workers that do not answer are looked for, in milliseconds. */
  stalledMs?: number;
};
export type RunningWorker = { close(): Promise<void> };

const retryMs = 1000;
const answerMs = 500;

/**
 * Hears alarms from the queue and runs a turn for each. Starts although the queue is down and tries again for ever. A
 * lock of 15 s, looked for every 5 s, hands the alarms of a dead worker on in about 20 s; the sweep is faster. `close`
 * ends within `closeWithinMs` and 4 s, whether the queue answers or not.
 * @throws AppError `configuration` when the URL is not one of its kind
 */
export function startWorker(options: WorkerOptions): RunningWorker {
  const { source, log, concurrency, closeWithinMs = 15_000, lockMs = 15_000, stalledMs = 5000 } = options;
  const stopping = new AbortController();
  const stopped = new Promise((resolve) => stopping.signal.addEventListener('abort', resolve));
  const report = onceEach(log);
  const turns = new Set<Promise<void>>();
  let current = open();

  function open(): BullWorker {
    return openWorker(source, { concurrency, lockMs, stalledMs }, takeTurn, report);
  }

  async function takeTurn(rolloutId: string, signal: AbortSignal): Promise<void> {
    const turn = options.onDue(rolloutId, signal);
    turns.add(turn);
    await turn.finally(() => turns.delete(turn));
  }

  /** Answers when the worker has stopped; BullMQ remembers a failed first connection for ever, so none is used twice. */
  async function runOne(worker: BullWorker): Promise<void> {
    try {
      await Promise.race([worker.waitUntilReady(), stopped]);
      if (!stopping.signal.aborted) await worker.run();
    } catch (cause) {
      report(cause, 'alarms are not heard: the sweep runs every turn');
    }
    if (!stopping.signal.aborted) await inTime(worker.close(true), 1000).catch(() => undefined);
  }

  async function keepRunning(): Promise<void> {
    while (!stopping.signal.aborted) {
      await runOne(current);
      await wait(retryMs, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
      if (!stopping.signal.aborted) current = open();
    }
  }

  void keepRunning();
  return {
    close: async () => {
      stopping.abort();
      const worker = current;
      if (!(await answers(worker))) return leave(worker, turns, closeWithinMs);
      const closing = worker.close();
      if (await inTime(closing, closeWithinMs)) return;
      worker.cancelAllJobs('the worker is closing');
      await inTime(closing, 1000);
    },
  };
}

/** Whether the queue answers a question now. */
async function answers(worker: BullWorker): Promise<boolean> {
  return inTime(worker.getBackend().getQueueMetaField('version'), answerMs).catch(() => false);
}

/** Closes without a word to the queue: BullMQ would wait for a lost one for ever. */
async function leave(worker: BullWorker, turns: Set<Promise<void>>, closeWithinMs: number): Promise<void> {
  if (!(await inTime(Promise.allSettled(turns), closeWithinMs))) {
    worker.cancelAllJobs('the worker is closing');
    await inTime(Promise.allSettled(turns), 1000);
  }
  await inTime(worker.close(true), 1000);
}
