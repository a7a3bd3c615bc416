import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { hasEnded } from '../../local/child.ts';
import { programAt } from '../../local/programs.ts';
import type { Stack } from '../../local/stack.ts';
import type { Crash } from './points.ts';

type Given = { leaseSeconds: number } & ({ kind: 'dies'; crashes: Crash[] } | { kind: 'succeeds' });

const Said = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('started') }),
  z.object({ kind: z.literal('took'), service: z.string(), atMs: z.number() }),
]);

export type CrashWorker = {
  /** Lets a successor take turns. */
  go(): void;
  /** When it first took each rollout's turn, in ms since the epoch, by service. */
  took: ReadonlyMap<string, number>;
  /** The signal that ended it. */
  death: Promise<NodeJS.Signals | null>;
  end(): Promise<void>;
};

/** Starts a worker on the parts of this stack and waits until it takes turns. */
export async function startCrashWorker(stack: Stack, given: Given): Promise<CrashWorker> {
  const child = spawn(process.execPath, [await programAt('test/crash/worker.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      DATABASE_URL: stack.databaseUrl,
      CANARYD_TOKENS: JSON.stringify([{ token: stack.token, kind: 'person', name: 'you' }]),
      CANARYD_LISTEN: '127.0.0.1:0',
      CANARYD_KUBECONFIG: stack.kubeconfigPath,
      CANARYD_PROMETHEUS_URL: stack.prometheusUrl,
      CANARYD_SCRAPE_SECONDS: '1',
      CANARYD_LOG_LEVEL: 'silent',
      CRASH_WORKER: JSON.stringify(given),
    },
  });
  const took = new Map<string, number>();
  const death = once(child, 'exit').then(() => child.signalCode);
  const started = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = Said.parse(JSON.parse(line));
      if (said.kind === 'started') resolve();
      else took.set(said.service, said.atMs);
    });
  });
  const failed = death.then((signal) => {
    throw new Error(`a worker ended before it took turns (${signal ?? child.exitCode})`);
  });
  await Promise.race([started, failed]);
  failed.catch(() => undefined);
  return { go: () => void child.stdin.write('go\n'), took, death, end: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
