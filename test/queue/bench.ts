import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { alarmOn } from '../../src/queue/alarm.ts';
import { openQueue } from '../../src/queue/queue.ts';
import { type RunningWorker, startWorker, type WorkerOptions } from '../../src/queue/worker.ts';
import type { Alarm } from '../../src/rollout/ports/alarm.ts';
import { listeningLog } from './bell.ts';
import type { QueueServer } from './servers.ts';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

/** What the tests of one server use; everything that they open is closed after each of them. */
export type Bench = {
  server(): QueueServer;
  /** Alarms on the test's own queue. */
  alarm(log?: ReturnType<typeof listeningLog>): Alarm;
  closeQueue(): Promise<void>;
  work(onDue: WorkerOptions['onDue'], parts?: Partial<WorkerOptions>): RunningWorker;
  workElsewhere(parts?: { aheadMs?: number; turnMs?: number }): Promise<WorkerProcess>;
};

/** One server for all tests of the `describe` that calls this, running and empty before each of them. */
export function openBench(start: () => Promise<QueueServer>): Bench {
  let server: QueueServer;
  let queue: ReturnType<typeof openQueue>;
  const workers: RunningWorker[] = [];
  const processes: WorkerProcess[] = [];
  beforeAll(async () => {
    server = await start();
  });
  beforeEach(async () => {
    await server.startAgain();
    await server.lose();
    queue = openQueue(server.source);
  });
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((one) => one.end()));
    await Promise.all(workers.splice(0).map((worker) => worker.close()));
    await queue.close();
  });
  afterAll(() => server.close());
  return {
    server: () => server,
    alarm: (log = listeningLog()) => alarmOn(queue, log),
    closeQueue: () => queue.close(),
    work: (onDue, parts = {}) => {
      const common = { source: server.source, onDue, concurrency: 4, log: listeningLog() };
      const worker = startWorker({ ...common, lockMs: 1000, stalledMs: 500, ...parts });
      workers.push(worker);
      return worker;
    },
    workElsewhere: async (parts = {}) => {
      const one = await startWorkerProcess(server.source, parts);
      processes.push(one);
      return one;
    },
  };
}
