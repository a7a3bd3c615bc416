import { type Stack, startStack } from '../local/stack.ts';
import { jsonOutput } from './json-output.ts';
import { runLive } from './live/run.ts';
import { modeOf, type Options, readOptions } from './options.ts';
import { heal, play, type Result } from './play.ts';
import { scenarios } from './scenarios.ts';
import { type Output, textOutput } from './text-output.ts';

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), (text) => process.stderr.write(text));
  if (options === null) return 2;
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const mode = modeOf(options, process.env, isTerminal);
  return mode.kind === 'script' ? runScript(options) : runLive({ ...mode, seed: options.seed });
}

async function runScript(options: Options): Promise<number> {
  const output = options.json ? jsonOutput() : textOutput();
  try {
    return await playScript(options, output);
  } catch (error) {
    output.failed(messageOf(error));
    throw error;
  }
}

async function playScript(options: Options, output: Output): Promise<number> {
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`The demo could not run: ${messageOf(error)}\n`);
    process.exit(1);
  },
);
