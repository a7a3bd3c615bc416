import { setTimeout as wait } from 'node:timers/promises';

/**
 * Asks until the answer is yes. Unlike `expect.poll` it may be used in stories that are told side by side.
 * @throws Error that names what was waited for, after 30 seconds
 */
export async function waitUntil(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const give = Date.now() + 30_000;
  while (Date.now() < give) {
    if (await holds()) return;
    await wait(100);
  }
  throw new Error(`not within 30 s: ${what}`);
}
