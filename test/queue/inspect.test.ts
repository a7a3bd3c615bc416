import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type QueueFinding, sayFinding } from '../../src/queue/findings.ts';
import { queueHealth } from '../../src/queue/health.ts';
import { findingsOfInfo, inspectQueue } from '../../src/queue/inspect.ts';
import { listeningLog } from './bell.ts';
import { redisServer } from './servers.ts';

const clocks = { database: async () => Date.now(), process: Date.now };
const hour = 3_600_000;

describe('looking at a real Redis', () => {
  let server: Awaited<ReturnType<typeof redisServer>>;
  beforeAll(async () => {
    server = await redisServer();
  });
  afterAll(() => server.close());

  it('finds nothing on one that is as it should be', async () => {
    expect(await inspectQueue(server.source, clocks)).toEqual([]);
  });

  it('finds one that may throw alarms away', async () => {
    await server.ask('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    const found = await inspectQueue(server.source, clocks);
    await server.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    expect(found).toEqual([{ kind: 'evicts', policy: 'allkeys-lru' }]);
  });

  it('finds one that is full', async () => {
    await server.ask('CONFIG', 'SET', 'maxmemory', '2000');
    const found = await inspectQueue(server.source, clocks);
    await server.ask('CONFIG', 'SET', 'maxmemory', '0');
    expect(found).toMatchObject([{ kind: 'full', maxBytes: 2000 }]);
  });

  it('finds one that is a replica', async () => {
    await server.ask('REPLICAOF', '127.0.0.1', '1');
    const found = await inspectQueue(server.source, clocks);
    await server.ask('REPLICAOF', 'NO', 'ONE');
    expect(found).toEqual([{ kind: 'replica' }]);
  });

  it('finds a password that it refuses, and does not repeat it', async () => {
    const url = server.source.url.replace(/:[^:@]+@/, ':a-wrong-secret@');
    const found = await inspectQueue({ kind: 'redis', url }, clocks);
    expect(found).toEqual([{ kind: 'refused', code: 'WRONGPASS' }]);
    expect(found.map(sayFinding).join()).not.toContain('secret');
  });

  it('finds nobody where TLS is expected and not spoken', async () => {
    const url = server.source.url.replace('redis:', 'rediss:');
    expect(await inspectQueue({ kind: 'redis', url }, clocks)).toMatchObject([{ kind: 'unreachable' }]);
  });

  it.each([
    ['a process clock', { database: async () => Date.now(), process: () => Date.now() + hour }, ['process']],
    [
      'a database clock',
      { database: async () => Date.now() + hour, process: Date.now },
      ['process', 'redis'],
    ],
    [
      'the clock of Redis',
      { database: async () => Date.now() - hour, process: () => Date.now() - hour },
      ['redis'],
    ],
  ])('finds %s that is an hour off', async (_, wrong, whose) => {
    const found = await inspectQueue(server.source, wrong);
    expect(found.map((finding) => finding.kind === 'clock' && finding.whose)).toEqual(whose);
    for (const finding of found) {
      if (finding.kind === 'clock') expect(Math.abs(Math.abs(finding.aheadMs) - hour)).toBeLessThan(1000);
    }
  });

  it('calls no clock wrong that only took long to be read', async () => {
    let now = 0;
    const slow = {
      process: () => now,
      database: async () => {
        const answer = now;
        now += 5000;
        return answer;
      },
    };
    expect(await inspectQueue({ kind: 'postgres', url: 'postgres://h/d' }, slow)).toEqual([]);
  });

  it("says nothing of clocks when PostgreSQL's cannot be read", async () => {
    const lost = { database: () => Promise.reject(new Error('down')), process: () => Date.now() + hour };
    expect(await inspectQueue(server.source, lost)).toEqual([]);
  });

  it('is over within 3 s when Redis takes the question and never answers', async () => {
    const thaw = await server.freeze();
    const asked = performance.now();
    const found = await inspectQueue(server.source, clocks);
    thaw();
    expect(found).toMatchObject([{ kind: 'unreachable' }]);
    expect(performance.now() - asked).toBeLessThan(3000);
  });

  it('warns when something comes, not while it lasts, and again when it comes again', async () => {
    const log = listeningLog();
    const health = queueHealth(server.source, clocks, log, 0);
    expect(await health.ready()).toEqual({ ok: true });
    await server.halt();
    const down = await health.ready();
    await health.ready();
    expect(down).toEqual({ ok: false, why: sayFinding({ kind: 'unreachable', cause: 'ECONNREFUSED' }) });
    expect(log.said).toEqual([
      { fields: { finding: 'unreachable', advice: down.why }, message: 'the queue is not as it should be' },
    ]);
    await server.startAgain();
    expect(await health.ready()).toEqual({ ok: true });
    await server.halt();
    await health.ready();
    expect(log.said.length).toBe(2);
    await server.startAgain();
  });

  it('asks Redis once for however many ask within the time that an answer is kept', async () => {
    const health = queueHealth(server.source, clocks, listeningLog());
    expect(health.ready()).toBe(health.ready());
    await health.ready();
  });
});

describe('what Redis says of itself', () => {
  const said = (fields: Record<string, string>) =>
    Object.entries({ redis_version: '7.0.15', role: 'master', maxmemory: '0', ...fields })
      .map(([name, value]) => `${name}:${value}\r\n`)
      .join('');

  it.each<[string, Record<string, string>, QueueFinding[]]>([
    ['4.0.14 is refused', { redis_version: '4.0.14' }, [{ kind: 'tooOld', version: '4.0.14' }]],
    ['5.0.0 is old', { redis_version: '5.0.0' }, [{ kind: 'old', version: '5.0.0' }]],
    ['6.0.20 is old', { redis_version: '6.0.20' }, [{ kind: 'old', version: '6.0.20' }]],
    ['6.2.0 is good', { redis_version: '6.2.0' }, []],
    ['10.1 is good', { redis_version: '10.1.0' }, []],
    ['a cluster is not supported', { cluster_enabled: '1' }, [{ kind: 'cluster' }]],
    ['no cluster is good', { cluster_enabled: '0' }, []],
    [
      'a policy that evicts only what expires is no good either',
      { maxmemory_policy: 'volatile-ttl' },
      [{ kind: 'evicts', policy: 'volatile-ttl' }],
    ],
  ])('%s', (_, fields, findings) => {
    expect(findingsOfInfo(said(fields))).toEqual(findings);
  });
});

describe('a finding tells a person what is wrong, what it means and what to type', () => {
  const bySweep = 'no rollout is lost';
  it.each<[QueueFinding, string[]]>([
    [
      { kind: 'unreachable', cause: 'ECONNREFUSED' },
      ['ECONNREFUSED', bySweep, 'redis-cli -u "$REDIS_URL" PING'],
    ],
    [{ kind: 'refused', code: 'NOAUTH' }, ['NOAUTH', bySweep, 'REDIS_URL']],
    [{ kind: 'tooOld', version: '4.0.14' }, ['4.0.14', bySweep, 'Install Redis 6.2']],
    [{ kind: 'old', version: '6.0.16' }, ['6.0.16', 'up to 1 s late', 'Install Redis 6.2']],
    [{ kind: 'cluster' }, ['does not support', bySweep, 'REDIS_URL']],
    [{ kind: 'replica' }, ['takes no writes', bySweep, 'INFO replication']],
    [
      { kind: 'evicts', policy: 'allkeys-lru' },
      ['is allkeys-lru', '7 s late', 'CONFIG SET maxmemory-policy noeviction'],
    ],
    [
      { kind: 'full', usedBytes: 104_857_700, maxBytes: 104_857_600 },
      ['100.0 of 100.0 MB', bySweep, 'CONFIG SET maxmemory 200mb'],
    ],
    [
      { kind: 'clock', whose: 'process', aheadMs: 61_000 },
      ['61.0 s ahead of', 'Nothing is decided by this clock', 'timedatectl set-ntp true'],
    ],
    [
      { kind: 'clock', whose: 'redis', aheadMs: -2500 },
      ['2.5 s behind', 'Alarms do not use it', 'redis-cli -u "$REDIS_URL" TIME'],
    ],
  ])('%o', (finding, parts) => {
    for (const part of parts) expect(sayFinding(finding)).toContain(part);
  });
});
