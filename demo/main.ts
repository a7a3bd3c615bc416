import { parseArgs } from 'node:util';
import { type Stack, startStack } from '../local/stack.ts';
import { jsonOutput } from './json-output.ts';
import { heal, play, type Result } from './play.ts';
import { scenarios } from './scenarios.ts';
import { type Output, textOutput } from './text-output.ts';

const usage = `npm run demo                       four releases, then stays up until Ctrl-C
npm run demo -- --once             ends after the four releases
npm run demo -- --once --json      the same as JSON lines, a summary last
npm run demo -- --seed 7           other traffic (default 1)
`;

async function main(): Promise<number> {
  const options = readOptions();
  if (options === null) return 2;
  const output = options.json ? jsonOutput() : textOutput();
  const ending = untilSignal();
  const started = Date.now();
  const stack = await startStack({ seed: options.seed, say: output.preparing });
  try {
    output.ready(stack, (Date.now() - started) / 1000);
    const releases = playAll(stack, output);
    const results = await Promise.race([releases, ending]);
    if (results === null) return 130;
    output.summary(results);
    if (!options.once) {
      output.staysUp(stack, results);
      await ending;
    }
    return results.every((result) => result.asExpected) ? 0 : 1;
  } finally {
    await stack.close();
    output.stopped();
  }
}

async function playAll(stack: Stack, output: Output): Promise<Result[]> {
  const results: Result[] = [];
  for (const scenario of scenarios) {
    const result = await play(stack, scenario, output);
    output.ended(result, stack);
    results.push(result);
    heal(stack, scenario);
  }
  return results;
}

function untilSignal(): Promise<null> {
  return new Promise((resolve) => {
    process.on('SIGINT', () => resolve(null));
    process.on('SIGTERM', () => resolve(null));
  });
}

function readOptions(): { once: boolean; json: boolean; seed: number } | null {
  try {
    const { values } = parseArgs({
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        seed: { type: 'string', default: '1' },
        help: { type: 'boolean', default: false },
      },
    });
    const seed = Number(values.seed);
    if (!values.help && Number.isInteger(seed)) return { once: values.once, json: values.json, seed };
    if (!values.help) process.stderr.write('--seed takes a whole number\n');
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message.split('. ')[0] : 'unknown option'}\n`);
  }
  process.stderr.write(usage);
  return null;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(
      `The demo could not run: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exit(1);
  },
);
