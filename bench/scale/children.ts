import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { endChild, hasEnded, lastWordsOf } from '../../local/child.ts';

export type Child = { process: ChildProcess; pid: number; stop(): Promise<void> };

const readyMs = 30_000;
const stopMs = 25_000;
const Told = z.object({ url: z.url() });

type Program = { file: string; args?: string[]; node?: string[]; env?: Record<string, string> };

/** Starts a compiled program as a process of its own that ends with this one. */
export function startChild({ file, args = [], node = [], env = {} }: Program): Child {
  const child = spawn(process.execPath, [...node, file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...env },
  });
  return { process: child, pid: child.pid ?? 0, stop: () => endChild(child, stopMs) };
}

/** Starts a canned server and waits until it tells its address. Throws with its last words when it does not. */
export async function startServer(file: string, args: string[]): Promise<Child & { url: string }> {
  const child = startChild({ file, args });
  const lastWords = lastWordsOf(child.process);
  let url: string | null = null;
  child.process.on('message', (message) => {
    url = Told.safeParse(message).data?.url ?? url;
  });
  await until(() => url !== null, child, lastWords);
  return { ...child, url: url ?? '' };
}

/** Waits until `isReady`, for as long as the child lives. Throws with its last words when it ends or takes too long. */
export async function until(
  isReady: () => boolean | Promise<boolean>,
  child: Child,
  lastWords: () => string,
): Promise<void> {
  const giveUp = Date.now() + readyMs;
  while (Date.now() < giveUp && !hasEnded(child.process)) {
    if (await isReady()) return;
    await wait(50);
  }
  await child.stop();
  throw new Error(`a part did not start: ${lastWords() || 'it said nothing'}`);
}
