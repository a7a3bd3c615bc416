import { AppError } from '../errors.ts';

/** All keys begin with it, so that a Redis may be shared. */
export const redisPrefix = 'canaryd';

const wanted =
  'the queue URL is not of the form redis://user:password@host:6379/0, or rediss:// for TLS; Redis Cluster and Sentinel are not supported';

type RedisAddress = {
  host: string;
  port: number;
  db: number;
  username?: string;
  password?: string;
  tls?: Record<string, never>;
};

/**
 * Where Redis is and how to log in, from a URL without a query.
 * @throws AppError `configuration`, without a cause because the cause of an unreadable URL holds the URL
 */
export function redisAddress(text: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  const database = url === null ? null : /^(?:\/(\d{1,4})?)?$/.exec(url.pathname);
  if (!url || !database || !/^rediss?:$/.test(url.protocol) || url.hostname === '' || url.search !== '') {
    throw new AppError('configuration', wanted);
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 6379 : Number(url.port),
    db: Number(database[1] ?? 0),
    ...(url.username === '' ? {} : { username: decoded(url.username) }),
    ...(url.password === '' ? {} : { password: decoded(url.password) }),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new AppError('configuration', wanted);
  }
}

/** Tries again for ever, each second in the end: a queue that is back is used at once. */
function retryStrategy(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 10), 1000);
}

const patience = { connectTimeout: 3000, keepAlive: 10_000, retryStrategy };

/** For setting alarms: what cannot be sent now fails now, and what is not answered in a second is given up. */
export function producerConnection(url: string) {
  return {
    ...redisAddress(url),
    ...patience,
    commandTimeout: 1000,
    socketTimeout: 3000,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
  };
}

/**
 * For hearing alarms: BullMQ blocks on a read for up to 10 s and must wait for a lost server for ever, so single commands
 * have no deadline. A connection on which nothing comes for longer than such a read is given up and made anew.
 */
export function workerConnection(url: string) {
  return { ...redisAddress(url), ...patience, socketTimeout: 20_000, maxRetriesPerRequest: null };
}

/** For one look: no second attempt, two seconds for everything. */
export function inspectionConnection(url: string) {
  return {
    ...redisAddress(url),
    connectTimeout: 2000,
    commandTimeout: 2000,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
  };
}
