import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** True when the process is gone, or never began. */
export function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** Asks a process to end by a signal, and ends it when it has not after `patienceMs` milliseconds. */
export async function endChild(
  child: ChildProcess,
  patienceMs: number,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  if (hasEnded(child)) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await gone;
  clearTimeout(timer);
}

const mostWords = 4000;

/** Listens to all that a process says, and answers how to ask for the last of it; empty when it said nothing. */
export function lastWordsOf(child: ChildProcess): () => string {
  let text = '';
  for (const channel of [child.stdout, child.stderr]) {
    channel?.setEncoding('utf8').on('data', (chunk: string) => {
      text = `${text}${chunk}`.slice(-mostWords);
    });
  }
  return () => text.trim();
}
