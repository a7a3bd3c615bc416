import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { table } from '../markdown.ts';
import { type Figures, partsLost, workerKilled } from './faults.ts';

const usage = `npm run bench:recovery                       every fault, 3 times: about 12 minutes
npm run bench:recovery -- --runs 1 --short   each once, and outages of 10 s instead of 60 s
The table goes to standard output, progress to standard error. Exit code 1: a fault was not recovered from.
`;

async function main(): Promise<number> {
  const options = readOptions();
  if (options === null) return 2;
  const downSeconds = options.isShort ? 10 : 60;
  const found: Figures[] = [];
  const failures: string[] = [];
  for (let run = 1; run <= options.runs; run += 1) {
    for (const part of [workerKilled, () => partsLost({ run, downSeconds })]) {
      await part().then(
        (figures) => {
          found.push(...figures);
          for (const { fault, ms } of figures) say(`run ${run}: ${fault}: ${secondsOf(worst(ms))}`);
        },
        (error: unknown) => {
          failures.push(`run ${run}: ${error instanceof Error ? error.message : String(error)}`);
          say(failures.at(-1) ?? '');
        },
      );
    }
  }
  print(`Node ${process.version}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)} at the end\n`);
  print(reportOf(found));
  for (const failure of failures) print(`\nNot recovered: ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

function reportOf(found: Figures[]): string {
  const faults = [...new Set(found.map(({ fault }) => fault))];
  const rows = faults.map((name) => {
    const same = found.filter(({ fault }) => fault === name);
    const ms = same.flatMap((one) => one.ms);
    return [name, String(ms.length), secondsOf(median(ms)), secondsOf(worst(ms)), same[0]?.recovery ?? ''];
  });
  return table(['fault', 'figures', 'median', 'worst', 'recovered when'], rows);
}

function median(ms: number[]): number {
  const sorted = [...ms].sort((a, b) => a - b);
  const [low, high] = [
    sorted[Math.floor((sorted.length - 1) / 2)],
    sorted[Math.ceil((sorted.length - 1) / 2)],
  ];
  return ((low ?? 0) + (high ?? 0)) / 2;
}

function worst(ms: number[]): number {
  return Math.max(...ms);
}

function secondsOf(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function readOptions(): { runs: number; isShort: boolean } | null {
  try {
    const { values } = parseArgs({
      options: {
        runs: { type: 'string', default: '3' },
        short: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const runs = Number(values.runs);
    if (!values.help && Number.isInteger(runs) && runs >= 1) return { runs, isShort: values.short };
  } catch {
    // The usage below answers an unknown option.
  }
  process.stderr.write(usage);
  return null;
}

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}Z ${text}\n`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

process.exit(await main());
