import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { added, emptySummary, type Summary } from './summary.ts';

/** How many seeds a process is given at a time: a few seconds of work. */
const portion = 100;

const Numbers = z.record(z.string(), z.number());
const Report = z.strictObject({
  runs: z.number(),
  turns: z.number(),
  writes: z.number(),
  faults: Numbers,
  ends: Numbers,
  steps: Numbers,
  broken: z.array(
    z.strictObject({
      seed: z.number(),
      violations: z.array(z.strictObject({ promise: z.string(), detail: z.string() })),
    }),
  ),
});

/** Seeds to run, as they are given to a process. */
export const Portion = z.strictObject({ from: z.number(), count: z.number() });
type Portion = z.infer<typeof Portion>;

type Asked = Portion & { processes: number; onProgress: (sum: Summary) => void };

/** Runs all seeds in several processes, so that every core has work. Throws when one of them ends before its work. */
export async function runAll({ from, count, processes, onProgress }: Asked): Promise<Summary> {
  const portions = portionsOf({ from, count });
  let sum = emptySummary();
  const collect = (more: Summary) => {
    sum = added(sum, more);
    onProgress(sum);
  };
  const crew = Array.from({ length: Math.min(processes, portions.length) }, () => startProcess());
  try {
    await Promise.all(crew.map((child) => work(child, portions, collect)));
  } finally {
    for (const child of crew) child.kill();
  }
  return { ...sum, broken: sum.broken.toSorted((left, right) => left.seed - right.seed) };
}

function portionsOf({ from, count }: Portion): Portion[] {
  return Array.from({ length: Math.ceil(count / portion) }, (_, index) => ({
    from: from + index * portion,
    count: Math.min(portion, count - index * portion),
  }));
}

function startProcess(): ChildProcess {
  return fork(fileURLToPath(new URL('./crew-main.ts', import.meta.url)));
}

/** Gives one process a portion after the other, as long as there are some. */
async function work(
  child: ChildProcess,
  portions: Portion[],
  collect: (sum: Summary) => void,
): Promise<void> {
  for (let next = portions.shift(); next !== undefined; next = portions.shift()) {
    collect(await answerOf(child, next));
  }
}

function answerOf(child: ChildProcess, { from, count }: Portion): Promise<Summary> {
  return new Promise((resolve, reject) => {
    const onExit = () =>
      reject(new Error(`a process ended while it ran seeds ${from} to ${from + count - 1}`));
    child.once('exit', onExit);
    child.once('message', (message) => {
      child.off('exit', onExit);
      resolve(Report.parse(message));
    });
    child.send({ from, count });
  });
}
