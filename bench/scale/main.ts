import { cpus } from 'node:os';
import { codeOf } from '../../src/errors.ts';
import { buildPrograms } from './build.ts';
import { readOptions, usage } from './options.ts';
import { type Measured, probe } from './probe.ts';
import { reportOf } from './report.ts';
import { type Bounds, narrowed, nextProbe } from './search.ts';
import type { StackOptions } from './stack.ts';

/** A turn may be this late in 99 of 100, in ms. */
const latestMs = 1000;

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === null) {
    process.stderr.write(usage);
    return 2;
  }
  print(`Node ${process.version}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 16)}Z`);
  say('compiling ...');
  const all = { ...options, programs: await buildPrograms() };
  return options.findLargest ? findLargest(all) : runOnce(all);
}

async function runOnce(options: StackOptions): Promise<number> {
  const measured = await probe(options, say);
  print(`\n${reportOf(measured)}`);
  return measured.faults.length === 0 ? 0 : 1;
}

/** A run in which a rollout went wrong did not hold, however punctual it was. */
async function findLargest(options: StackOptions): Promise<number> {
  let bounds: Bounds = { held: null, failed: null };
  for (
    let next = nextProbe(bounds, options.rollouts);
    next !== null;
    next = nextProbe(bounds, options.rollouts)
  ) {
    bounds = narrowed(bounds, next, await holds({ ...options, rollouts: next }));
  }
  const { held, failed } = bounds;
  print(
    `\nThe most that hold a lag below ${latestMs / 1000} s in 99 of 100 turns: ${held ?? 'none'}; ${failed} do not.`,
  );
  return held === null ? 1 : 0;
}

/** A run that came to no figures, because its parts were asked too much of, did not hold either. */
async function holds(options: StackOptions): Promise<boolean> {
  try {
    const measured = await probe(options, say);
    print(`\n${reportOf(measured)}`);
    return isHeld(measured);
  } catch (error) {
    print(
      `\n${options.rollouts} rollouts: no figures. ${error instanceof Error ? error.message : String(error)}`,
    );
    return false;
  }
}

function isHeld({ late, faults }: Measured): boolean {
  return faults.length === 0 && late !== null && late.p99 < latestMs;
}

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}Z ${text}\n`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    const cause = error instanceof Error ? codeOf(error.cause) : null;
    process.stderr.write(`The benchmark could not run: ${why}${cause === null ? '' : ` (${cause})`}\n`);
    process.exit(1);
  },
);
