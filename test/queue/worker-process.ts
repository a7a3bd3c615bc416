import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { programAt } from '../../local/programs.ts';
import type { QueueSource } from '../../src/queue/queue.ts';

const Said = z.looseObject({ kind: z.enum(['started', 'rang', 'aborted', 'ended', 'warned']) });
type Said = z.infer<typeof Said>;

export type WorkerProcess = {
  /** Waits for the first thing of this kind that it says or has said. */
  said(kind: Said['kind']): Promise<Said>;
  signal(signal: NodeJS.Signals): void;
  end(): Promise<void>;
};

/**
 * A worker in a process of its own whose clock is `aheadMs` ahead, whose turns last for `turnMs` and which trusts the
 * certificate in the file `trusted`.
 */
export async function startWorkerProcess(
  source: QueueSource,
  { aheadMs = 0, turnMs = 60_000, trusted = '' } = {},
): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [await programAt('test/queue/worker-program.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      ...(trusted === '' ? {} : { NODE_EXTRA_CA_CERTS: trusted }),
      WORKER: JSON.stringify({ ...source, aheadMs, turnMs }),
    },
  });
  const heard: Said[] = [];
  const waiting: { kind: string; resolve(said: Said): void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = Said.parse(JSON.parse(line));
    heard.push(said);
    for (const one of waiting) if (one.kind === said.kind) one.resolve(said);
  });
  const said = (kind: Said['kind']): Promise<Said> => {
    const before = heard.find((one) => one.kind === kind);
    return before ? Promise.resolve(before) : new Promise((resolve) => waiting.push({ kind, resolve }));
  };
  await said('started');
  return { said, signal: (signal) => child.kill(signal), end: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
