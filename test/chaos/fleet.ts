import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { endChild, hasEnded, lastWordsOf } from '../../local/child.ts';
import { programAt } from '../../local/programs.ts';
import { type Order, Report } from './messages.ts';
import type { Protection } from './protections.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const stopMs = 10_000;

export type Worker = {
  tell(order: Order): void;
  signal(signal: NodeJS.Signals): void;
  /** The rollout in whose turn it stops; null when it did not come to that place in `withinMs`. */
  untilEnding(withinMs: number): Promise<string | null>;
};

/** The workers of a run; one that ends is replaced. */
export type Fleet = {
  /** One of those that take turns now, by a number in 0..1; null while none does. */
  pick(dice: number): Worker | null;
  /** All that take turns now. */
  all(): Worker[];
  /** Takes a protection out of all workers, those to come included. */
  without(protection: Protection | null): void;
  /** Last words of workers that ended by themselves after they had begun to take turns. */
  deaths: string[];
  untilReady(): Promise<void>;
  close(): Promise<void>;
};

type Member = { child: ChildProcess; worker: Worker; isReady: boolean };

export type FleetOptions = { size: number; seed: number; env: Record<string, string> };

/** Starts the workers, each as a process of its own; `env` is their configuration. */
export async function startFleet({ size, seed, env }: FleetOptions): Promise<Fleet> {
  const program = await programAt('test/chaos/worker.ts');
  const members = new Set<Member>();
  const deaths: string[] = [];
  let taken: Protection | null = null;
  let started = 0;
  let closed = false;
  let failedStart: string | null = null;

  function start(): void {
    if (closed) return;
    started += 1;
    const child = spawn(process.execPath, [program, String(seed * 1000 + started), taken ?? ''], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...env },
    });
    const lastWords = lastWordsOf(child);
    const member: Member = { child, worker: workerOf(child), isReady: false };
    members.add(member);
    child.on('message', (message) => {
      if (Report.parse(message).kind === 'ready') member.isReady = true;
    });
    child.on('exit', (code, signal) => {
      members.delete(member);
      // Without a database none can start: as in production it is started again until it can.
      const says = `exit code ${code}: ${lastWords()}`;
      if (!closed && signal !== 'SIGKILL' && member.isReady) deaths.push(says);
      if (!member.isReady) failedStart = says;
      start();
    });
  }

  for (let count = 0; count < size; count += 1) start();
  const killAll = () => {
    for (const { child } of members) child.kill('SIGKILL');
  };
  process.on('exit', killAll);
  return {
    deaths,
    pick: (dice) => {
      const ready = [...members].filter(({ isReady }) => isReady);
      return ready[Math.floor(dice * ready.length)]?.worker ?? null;
    },
    all: () => [...members].filter(({ isReady }) => isReady).map(({ worker }) => worker),
    without: (protection) => {
      taken = protection;
      for (const { worker } of members) worker.tell({ kind: 'without', protection });
    },
    untilReady: async () => {
      while ([...members].some(({ isReady }) => !isReady)) {
        if (failedStart !== null) throw new Error(`a worker did not start: ${failedStart}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    close: async () => {
      closed = true;
      process.off('exit', killAll);
      for (const { child } of members) child.kill('SIGCONT');
      await Promise.all([...members].map(({ child }) => endChild(child, stopMs)));
    },
  };
}

function workerOf(child: ChildProcess): Worker {
  return {
    tell: (order) => {
      if (child.connected) child.send(order, () => undefined);
    },
    signal: (signal) => {
      if (!hasEnded(child)) child.kill(signal);
    },
    untilEnding: async (withinMs) => {
      const signal = AbortSignal.timeout(withinMs);
      for (;;) {
        const heard = await once(child, 'message', { signal }).catch(() => null);
        if (heard === null) return null;
        const report = Report.parse(heard[0]);
        if (report.kind === 'ending') return report.id;
      }
    },
  };
}
