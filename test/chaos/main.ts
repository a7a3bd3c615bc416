import { type Options, readOptions, usage } from './options.ts';
import { tableOf } from './print.ts';
import { runChaos } from './run.ts';
import { startWorld } from './world.ts';

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === null) {
    process.stderr.write(usage);
    return 2;
  }
  return run(options);
}

async function run(options: Options): Promise<number> {
  process.stderr.write('Starting PostgreSQL, Redis, Prometheus, a simulated mesh and canaryd ...\n');
  const world = await startWorld(options);
  try {
    const outcome = await runChaos(world, options);
    process.stdout.write(tableOf(options, outcome));
    return outcome.violations.length === 0 ? 0 : 1;
  } finally {
    await world.close();
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(
      `The run could not be made: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exit(2);
  },
);
