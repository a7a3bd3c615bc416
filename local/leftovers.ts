import { readdir, readFile } from 'node:fs/promises';

export type Leftover = { pid: number; command: string };

/**
 * The processes that have `name=value` in the environment they were started with: all descendants of a process that
 * was given it, also those whose parent is gone. Needs /proc: where there is none it finds nothing.
 */
export async function processesWith(name: string, value: string): Promise<Leftover[]> {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((entry) => /^\d+$/.test(entry)).map(Number);
  const found = await Promise.all(pids.map((pid) => leftoverOf(pid, `${name}=${value}`)));
  return found.filter((leftover) => leftover !== null);
}

async function leftoverOf(pid: number, mark: string): Promise<Leftover | null> {
  try {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
    if (!environment.split('\0').includes(mark)) return null;
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
    return { pid, command };
  } catch {
    // It ended while we looked, or belongs to somebody else.
    return null;
  }
}
