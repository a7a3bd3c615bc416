import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import type { Benchmark } from './benchmark.ts';
import { breachToStable } from './breach-to-stable.ts';

const benchmarks: Record<string, Benchmark> = { breach: breachToStable };

const usage = `npm run bench                                   every benchmark, 20 seeds
npm run bench -- breach --seeds 20 --from 1     one benchmark, seeds 1 to 20
Benchmarks: ${Object.keys(benchmarks).join(', ')}
Progress goes to standard error, tables to standard output. Exit code 1: a bound was broken.
`;

async function main(): Promise<number> {
  const options = readOptions();
  if (options === null) return 2;
  const { signal } = untilSignal();
  const say = (text: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)}Z ${text}\n`);
  let isWithin = true;
  print(`Node ${process.version}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 10)}`);
  for (const benchmark of options.chosen) {
    const report = await benchmark({ seeds: options.seeds, say, signal });
    print(`\n${report.text}`);
    isWithin &&= report.isWithin;
  }
  if (signal.aborted) return 130;
  return isWithin ? 0 : 1;
}

function untilSignal(): AbortController {
  const controller = new AbortController();
  process.on('SIGINT', () => controller.abort());
  process.on('SIGTERM', () => controller.abort());
  return controller;
}

type Options = { chosen: Benchmark[]; seeds: number[] };

function readOptions(): Options | null {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        seeds: { type: 'string', default: '20' },
        from: { type: 'string', default: '1' },
        help: { type: 'boolean', default: false },
      },
    });
    const [count, from] = [Number(values.seeds), Number(values.from)];
    const names = positionals.length > 0 ? positionals : Object.keys(benchmarks);
    const chosen = names.flatMap((name) => benchmarks[name] ?? []);
    const areSound = Number.isInteger(count) && count >= 1 && Number.isInteger(from);
    if (!values.help && areSound && chosen.length === names.length) {
      return { chosen, seeds: Array.from({ length: count }, (_, index) => from + index) };
    }
  } catch {
    // The usage below answers an unknown option.
  }
  process.stderr.write(usage);
  return null;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(
      `The benchmarks could not run: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exit(1);
  },
);
