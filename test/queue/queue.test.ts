import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type LocalPostgres, startPostgres } from '../../local/postgres.ts';
import { alarmOn, openQueue, type WakeQueue } from '../../src/queue/alarm.ts';
import { migrateQueue } from '../../src/queue/backend.ts';
import { type RunningWorker, startWorker, type WorkerOptions } from '../../src/queue/worker.ts';
import { rolloutId } from '../fakes/rollouts.ts';
import { query } from '../store/databases.ts';
import { bell, listeningLog } from './bell.ts';

const id = rolloutId(1);

describe('an alarm on PostgreSQL', () => {
  let server: LocalPostgres;
  let queue: WakeQueue;
  const workers: RunningWorker[] = [];

  beforeAll(async () => {
    server = await startPostgres();
    await migrateQueue(server.url);
  });
  beforeEach(async () => {
    queue = openQueue(server.url);
    await query(server.url, 'delete from bullmq.job');
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.close()));
    await queue.close();
  });
  afterAll(() => server.stop());

  function work(onDue: WorkerOptions['onDue'], parts: Partial<WorkerOptions> = {}): RunningWorker {
    const worker = startWorker({ url: server.url, onDue, concurrency: 4, log: listeningLog(), ...parts });
    workers.push(worker);
    return worker;
  }

  it('rings after its delay and not before', async () => {
    const rings = bell();
    work(rings.ring);
    const asked = performance.now();
    await alarmOn(queue, listeningLog()).ring(id, 10_000 + 400, 10_000);
    expect(await rings.next()).toBe(id);
    expect(performance.now() - asked).toBeGreaterThan(390);
    expect(performance.now() - asked).toBeLessThan(5000);
  });

  it('rings at once when its time has passed', async () => {
    const rings = bell();
    work(rings.ring);
    await alarmOn(queue, listeningLog()).ring(id, 5000, 10_000);
    expect(await rings.next()).toBe(id);
  });

  it('that is sooner than the one a worker waits for is not kept waiting', async () => {
    const rings = bell();
    work(rings.ring);
    const alarm = alarmOn(queue, listeningLog());
    await alarm.ring(id, 60_000, 0);
    await alarm.ring(rolloutId(2), 100, 0);
    expect(await rings.next()).toBe(rolloutId(2));
  });

  it('set twice for the same time rings once, and for two times twice', async () => {
    const rings = bell();
    const alarm = alarmOn(queue, listeningLog());
    await alarm.ring(id, 100, 0);
    await alarm.ring(id, 100, 0);
    await alarm.ring(id, 101, 0);
    await alarm.ring(rolloutId(2), 600, 0);
    work(rings.ring);
    const heard = [await rings.next(), await rings.next(), await rings.next()];
    expect(heard.sort()).toEqual([id, id, rolloutId(2)]);
  });

  it('leaves nothing behind in the queue, whether its turn succeeds or throws', async () => {
    const rings = bell();
    work(async (rolloutId) => {
      await rings.ring(rolloutId);
      if (rolloutId === id) throw 'not even an Error';
    });
    const alarm = alarmOn(queue, listeningLog());
    await alarm.ring(id, 0, 0);
    await alarm.ring(rolloutId(2), 0, 0);
    await Promise.all([rings.next(), rings.next()]);
    await expect.poll(() => query(server.url, 'select 1 from bullmq.job')).toEqual([]);
  });

  it('carries the id of its rollout and nothing else', async () => {
    await alarmOn(queue, listeningLog()).ring(id, 60_000, 0);
    expect(await query(server.url, 'select id, data from bullmq.job')).toEqual([
      { id: `wake-${id}-60000`, data: { rolloutId: id } },
    ]);
  });

  it('aborts a turn that outlives the worker, and the worker closes all the same', async () => {
    const rings = bell();
    let aborted = false;
    const worker = work(
      (rolloutId, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            resolve();
          });
          void rings.ring(rolloutId);
        }),
      { closeWithinMs: 100 },
    );
    await alarmOn(queue, listeningLog()).ring(id, 0, 0);
    await rings.next();
    await worker.close();
    expect(aborted).toBe(true);
  });

  it('goes on ringing after every connection was terminated', async () => {
    const rings = bell();
    work(rings.ring);
    const alarm = alarmOn(queue, listeningLog());
    await alarm.ring(id, 0, 0);
    await rings.next();
    await query(
      server.url,
      'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname is not null',
    );
    // The first one may be lost on a connection that is found dead; the next one is not.
    await alarm.ring(rolloutId(2), 0, 0);
    await alarm.ring(rolloutId(3), 0, 0);
    const heard = [await rings.next()];
    if (!heard.includes(rolloutId(3))) heard.push(await rings.next());
    expect(heard).toContain(rolloutId(3));
  });
});

describe('an alarm without PostgreSQL', () => {
  it('answers within its deadline, throws nothing, and says so once', async () => {
    const server = await startPostgres();
    await migrateQueue(server.url);
    const queue = openQueue(server.url);
    const log = listeningLog();
    const alarm = alarmOn(queue, log);
    await alarm.ring(id, 60_000, 0);
    await server.stop();
    const asked = performance.now();
    for (const at of [1, 2, 3]) await alarm.ring(id, at, 0);
    expect(performance.now() - asked).toBeLessThan(3 * 1100);
    expect(log.said.length).toBeGreaterThanOrEqual(1);
    expect(new Set(log.said.map((line) => JSON.stringify(line))).size).toBe(log.said.length);
    expect(JSON.stringify(log.said)).not.toContain(new URL(server.url).password);
    await queue.close();
  });

  it('is heard once the database is there: neither queue nor worker needs it at the start', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'canaryd-test-'));
    const first = await startPostgres({ dataDir });
    await migrateQueue(first.url);
    await first.stop();
    const queue = openQueue(first.url);
    const log = listeningLog();
    const alarm = alarmOn(queue, log);
    const rings = bell();
    const worker = startWorker({ url: first.url, onDue: rings.ring, concurrency: 1, log });
    await alarm.ring(id, 0, 0);
    expect(log.said.length).toBeGreaterThanOrEqual(1);
    expect(JSON.stringify(log.said)).not.toContain(new URL(first.url).password);
    const second = await startPostgres({ dataDir, port: Number(new URL(first.url).port) });
    await alarm.ring(rolloutId(2), 0, 0);
    expect(await rings.next()).toBe(rolloutId(2));
    await worker.close();
    await queue.close();
    await second.stop();
    await rm(dataDir, { recursive: true });
  });

  it('refuses a URL that is none, without repeating it', () => {
    expect(() => openQueue('mysql://u:secret@h/d')).toThrow(/^the queue URL is not of the form/);
  });
});
