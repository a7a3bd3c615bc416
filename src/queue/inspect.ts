import { Redis } from 'ioredis';
import type { Millis } from '../rollout/units.ts';
import { inTime } from './deadline.ts';
import { kindOf, replyCode } from './failure.ts';
import type { QueueFinding } from './findings.ts';
import type { QueueSource } from './queue.ts';
import { inspectionConnection } from './redis-backend.ts';

/** Clocks in milliseconds. `database` is PostgreSQL's and may throw; `process` is this process's own. */
export type Clocks = { database(): Promise<Millis>; process(): Millis };

const inspectionMs = 2500;
const toleratedMs = 1000;

/**
 * Looks at the queue: whether it answers, is new enough, keeps what it is given, and whether the clocks agree within a
 * second. A clock is only called wrong when the time that the question took cannot explain it. Takes 3 s at most and
 * never throws because of the queue; without PostgreSQL's clock nothing is said of clocks.
 * @throws AppError `configuration` when the URL is not one of its kind
 */
export async function inspectQueue(source: QueueSource, clocks: Clocks): Promise<QueueFinding[]> {
  if (source.kind === 'postgres') return findingsOfClock('process', await skewOfDatabase(clocks), null);
  return inspectRedis(source.url, clocks);
}

async function inspectRedis(url: string, clocks: Clocks): Promise<QueueFinding[]> {
  const client = new Redis(inspectionConnection(url));
  let failure: unknown = null;
  client.on('error', (cause) => {
    failure ??= cause;
  });
  const look = lookAt(client, clocks);
  try {
    const database = skewOfDatabase(clocks);
    if (!(await inTime(look, inspectionMs))) return [{ kind: 'unreachable', cause: 'no answer in time' }];
    const { info, redis } = await look;
    const skew = await database;
    return [
      ...findingsOfInfo(info),
      ...findingsOfClock('process', skew, null),
      ...findingsOfClock('redis', skew, redis),
    ];
  } catch (cause) {
    return [findingOfFailure(failure ?? cause)];
  } finally {
    client.disconnect();
  }
}

async function lookAt(client: Redis, clocks: Clocks): Promise<{ info: string; redis: Skew }> {
  await client.connect();
  const info = await client.info();
  const before = clocks.process();
  const [seconds, micros] = await client.time();
  const time = Number(seconds) * 1000 + Number(micros) / 1000;
  return { info, redis: { least: time - clocks.process(), most: time - before } };
}

function findingOfFailure(cause: unknown): QueueFinding {
  const code = replyCode(cause);
  return code === null ? { kind: 'unreachable', cause: kindOf(cause) } : { kind: 'refused', code };
}

/**
 * What Redis says of itself.
 * @param info the answer to INFO: lines of `name:value`
 */
export function findingsOfInfo(info: string): QueueFinding[] {
  const said = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  const findings: QueueFinding[] = [];
  const version = said('redis_version');
  if (isBelow(version, 5, 0)) findings.push({ kind: 'tooOld', version });
  else if (isBelow(version, 6, 2)) findings.push({ kind: 'old', version });
  if (said('cluster_enabled') === '1') findings.push({ kind: 'cluster' });
  if (said('role') === 'slave') findings.push({ kind: 'replica' });
  const policy = said('maxmemory_policy');
  if (policy !== '' && policy !== 'noeviction') findings.push({ kind: 'evicts', policy });
  const [usedBytes, maxBytes] = [Number(said('used_memory')), Number(said('maxmemory'))];
  if (policy === 'noeviction' && maxBytes > 0 && usedBytes >= maxBytes) {
    findings.push({ kind: 'full', usedBytes, maxBytes });
  }
  return findings;
}

function isBelow(version: string, major: number, minor: number): boolean {
  const match = /^(\d+)\.(\d+)/.exec(version);
  if (match === null) return false;
  const [haveMajor, haveMinor] = [Number(match[1]), Number(match[2])];
  return haveMajor < major || (haveMajor === major && haveMinor < minor);
}

/** How far another clock is ahead of this process's: between `least` and `most` milliseconds. */
type Skew = { least: Millis; most: Millis };

async function skewOfDatabase(clocks: Clocks): Promise<Skew | null> {
  const before = clocks.process();
  try {
    const now = await clocks.database();
    return { least: now - clocks.process(), most: now - before };
  } catch {
    return null;
  }
}

function findingsOfClock(
  whose: 'redis' | 'process',
  database: Skew | null,
  redis: Skew | null,
): QueueFinding[] {
  if (database === null) return [];
  const own = redis ?? { least: 0, most: 0 };
  const aheadMs = nearestToZero(own.least - database.most, own.most - database.least);
  return Math.abs(aheadMs) > toleratedMs ? [{ kind: 'clock', whose, aheadMs }] : [];
}

function nearestToZero(least: number, most: number): number {
  if (least > 0) return least;
  return most < 0 ? most : 0;
}
