import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../local/free-port.ts';
import { startRedis } from '../../local/redis.ts';
import { alarmOn, type WakeQueue } from '../../src/queue/alarm.ts';
import { inspectQueue } from '../../src/queue/inspect.ts';
import { openQueue } from '../../src/queue/queue.ts';
import { type RunningWorker, startWorker } from '../../src/queue/worker.ts';
import { rolloutId } from '../fakes/rollouts.ts';
import { bell, listeningLog } from './bell.ts';
import { redisServer } from './servers.ts';
import { startWorkerProcess } from './worker-process.ts';

const id = rolloutId(1);

describe('an alarm on a Redis', () => {
  let server: Awaited<ReturnType<typeof redisServer>>;
  let queue: WakeQueue;
  const workers: RunningWorker[] = [];

  beforeAll(async () => {
    server = await redisServer();
  });
  beforeEach(async () => {
    await server.lose();
    queue = openQueue(server.source);
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.close()));
    await queue.close();
  });
  afterAll(() => server.close());

  function work(onDue: (id: string) => Promise<void>, log = listeningLog()): void {
    workers.push(startWorker({ source: server.source, onDue, concurrency: 1, log }));
  }

  describe.each([
    ['that is full', 'OOM', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
    ['that is a replica', 'READONLY', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
  ])('%s', (_, code, harm, heal) => {
    afterEach(() => server.ask(...heal));

    it('is lost without a throw and told once by its code', async () => {
      const log = listeningLog();
      const alarm = alarmOn(queue, log);
      await alarm.ring(id, 60_000, 0);
      await server.ask(...harm);
      await alarm.ring(id, 60_001, 0);
      await alarm.ring(id, 60_002, 0);
      expect(log.said.map(({ fields }) => fields)).toEqual([{ failure: code }]);
    });

    it('waits there; the worker does not wear Redis out with asking and rings once it is mended', async () => {
      const rings = bell();
      await alarmOn(queue, listeningLog()).ring(id, 0, 0);
      await server.ask(...harm);
      await server.ask('CONFIG', 'RESETSTAT');
      const log = listeningLog();
      work(rings.ring, log);
      await expect.poll(() => log.said.length, { timeout: 5000 }).toBeGreaterThan(0);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(await commandsRun()).toBeLessThan(200);
      await server.ask(...heal);
      expect(await rings.next()).toBe(id);
    });
  });

  it('has keys that all begin with canaryd, so that a Redis may be shared', async () => {
    const rings = bell();
    work(rings.ring);
    await alarmOn(queue, listeningLog()).ring(id, 0, 0);
    await alarmOn(queue, listeningLog()).ring(id, 60_000, 0);
    await rings.next();
    const keys = await server.ask('KEYS', '*');
    expect(keys).toContain('canaryd:canaryd-wake:delayed');
    expect(keys).toSatisfy((all: string[]) => all.every((key) => key.startsWith('canaryd:')));
  });

  it('is told when the password is wrong, and the password is not', async () => {
    const url = server.source.url.replace(/:[^:@]+@/, ':a-wrong-secret@');
    const refused = openQueue({ kind: 'redis', url });
    const log = listeningLog();
    await alarmOn(refused, log).ring(id, 0, 0);
    const worker = startWorker({
      source: { kind: 'redis', url },
      onDue: async () => undefined,
      concurrency: 1,
      log,
    });
    await expect
      .poll(() => log.said.map(({ fields }) => fields['failure']))
      .toEqual(['WRONGPASS', 'WRONGPASS']);
    expect(JSON.stringify(log.said)).not.toContain('a-wrong-secret');
    await worker.close();
    await refused.close();
  });

  it('is set at once again when Redis is back, without one that was wanted meanwhile', async () => {
    const log = listeningLog();
    const alarm = alarmOn(queue, log);
    await alarm.ring(id, 60_000, 0);
    await server.halt();
    const asked = performance.now();
    await alarm.ring(id, 60_001, 0);
    await alarm.ring(id, 60_002, 0);
    expect(performance.now() - asked).toBeLessThan(200);
    expect(log.said).not.toEqual([]);
    await server.startAgain();
    await expect
      .poll(async () => {
        await alarm.ring(id, 60_003, 0);
        return (await server.jobs()).map((job) => job.id).sort();
      })
      .toEqual([`wake-${id}-60000`, `wake-${id}-60003`]);
  });

  async function commandsRun(): Promise<number> {
    const stats = String(await server.ask('INFO', 'commandstats'));
    return [...stats.matchAll(/calls=(\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0);
  }
});

describe('an alarm on Redis by TLS', () => {
  it('rings when the certificate is trusted; one that is not is refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'canaryd-test-'));
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const made = await generate([{ name: 'commonName', value: 'localhost' }], {
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
    });
    await writeFile(cert, made.cert);
    await writeFile(key, made.private);
    const port = await freePort();
    const files = [`tls-cert-file ${cert}`, `tls-key-file ${key}`, `tls-ca-cert-file ${cert}`];
    const settings = [`tls-port ${port}`, 'tls-auth-clients no', ...files];
    const server = await startRedis({ settings });
    const plain = new URL(server.url);
    const url = `rediss://:${plain.password}@127.0.0.1:${port}`;
    const queue = openQueue({ kind: 'redis', url: server.url });
    const worker = await startWorkerProcess({ kind: 'redis', url }, { trusted: cert, turnMs: 0 });
    await alarmOn(queue, listeningLog()).ring(id, 0, 0);
    expect(await worker.said('rang')).toMatchObject({ id });
    const clocks = { database: async () => Date.now(), process: Date.now };
    expect(await inspectQueue({ kind: 'redis', url }, clocks)).toEqual([
      { kind: 'unreachable', cause: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    ]);
    await worker.end();
    await queue.close();
    await server.stop();
    await rm(folder, { recursive: true });
  });
});
