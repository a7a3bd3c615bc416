import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from '../../local/redis.ts';

/** Starts an empty Redis where another one was, found and opened by the same URL. */
export async function startRedisAgain(url: string): Promise<() => Promise<void>> {
  const { port, password } = new URL(url);
  const dataDir = await mkdtemp(join(tmpdir(), 'canaryd-redis-again-'));
  await writeFile(join(dataDir, 'password'), password, { mode: 0o600 });
  const redis = await startRedis({ dataDir, port: Number(port) });
  return async () => {
    await redis.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
}
