import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type LocalRedis, startRedis } from '../../local/redis.ts';

/** A Redis that can be killed and comes back at the same address. */
export type CrashingRedis = {
  url: string;
  crash(): Promise<void>;
  flush(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
};

export async function startCrashingRedis(): Promise<CrashingRedis> {
  const dataDir = await mkdtemp(join(tmpdir(), 'canaryd-redis-'));
  let server: LocalRedis = await startRedis({ dataDir });
  const { url } = server;
  const port = Number(new URL(url).port);
  return {
    url,
    crash: async () => {
      server.signal('SIGKILL');
      await server.stop();
      server = await startRedis({ dataDir, port });
    },
    flush: () => flush(url),
    signal: (signal) => server.signal(signal),
    stop: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function flush(url: string): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    await client.call('FLUSHALL');
  } finally {
    client.disconnect();
  }
}
