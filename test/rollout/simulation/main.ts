import { availableParallelism } from 'node:os';
import { runAll } from './crew.ts';
import { readOptions, usage } from './options.ts';
import { brokenLines, progressLine, reportOf } from './report.ts';
import { simulate } from './simulation.ts';

/** `npm run simulate`: many simulated runs, or one with its trace. Answers the exit code. */
async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  switch (options.kind) {
    case 'wrong':
      process.stderr.write(`${options.why}\n\n${usage}`);
      return 2;
    case 'help':
      print(usage);
      return 0;
    case 'replay':
      return replay(options.seed);
    case 'many':
      return runMany(options.from, options.count);
  }
}

async function replay(seed: number): Promise<number> {
  const { trace, violations, rollout } = await simulate(seed);
  print(trace.join('\n'));
  if (violations.length > 0) {
    print(brokenLines(seed, violations).join('\n'));
    return 1;
  }
  print(`Seed ${seed} kept every promise; the rollout was left as ${rollout.state.kind}.`);
  return 0;
}

async function runMany(from: number, count: number): Promise<number> {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const progress = progressOn(process.stderr);
  const sum = await runAll({
    from,
    count,
    processes: availableParallelism(),
    onProgress: (sum) => progress.show(progressLine(sum, count, seconds())),
  });
  progress.end();
  print(reportOf(sum, seconds()));
  return sum.broken.length === 0 ? 0 : 1;
}

/** One line that is written over on a terminal; elsewhere a line now and then. */
function progressOn(stream: NodeJS.WriteStream) {
  let last = 0;
  return {
    show(line: string): void {
      if (stream.isTTY) stream.write(`\r\u001b[K${line}`);
      else if (performance.now() - last > 5000) {
        stream.write(`${line}\n`);
        last = performance.now();
      }
    },
    end: () => (stream.isTTY ? stream.write('\r\u001b[K') : true),
  };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`The simulation could not run: ${why}\n`);
    process.exitCode = 1;
  },
);
