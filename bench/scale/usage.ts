import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second for programs: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const ticksPerSecond = 100;

type Process = { pid: number; parent: number; cpuSeconds: number };

/** CPU seconds that a process and all below it have used, with those below it that have ended. 0 when it is gone. */
export function cpuSecondsOf(pid: number): number {
  const all = readdirSync('/proc').flatMap((entry) => readProcess(Number(entry)) ?? []);
  const below = (parent: number): Process[] =>
    all.filter((one) => one.parent === parent).flatMap((one) => [one, ...below(one.pid)]);
  const tree = [...all.filter((one) => one.pid === pid), ...below(pid)];
  return tree.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

function readProcess(pid: number): Process | null {
  if (!Number.isInteger(pid)) return null;
  const line = textOf(`/proc/${pid}/stat`);
  // The name may hold blanks and parentheses; what follows the last one does not.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 15) return null;
  const times = fields.slice(11, 15).map(Number);
  const cpuSeconds = times.reduce((sum, ticks) => sum + ticks, 0) / ticksPerSecond;
  return { pid, parent: Number(fields[1]), cpuSeconds };
}

/** The most memory that a process ever had resident, in MB. */
export function peakMegabytesOf(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
