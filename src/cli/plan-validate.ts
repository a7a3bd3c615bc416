import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { codeOf } from '../errors.ts';
import { ask, faultLine, printable, refused } from './client.ts';
import type { Command } from './command.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { complain, type Terminal } from './terminal.ts';

const Validation = z.looseObject({
  valid: z.boolean(),
  errors: z.array(z.looseObject({ pointer: z.string(), detail: z.string() })),
  timeline: z
    .looseObject({
      steps: z.array(z.looseObject({ type: z.string(), share: z.number(), startsInSeconds: z.number() })),
      totalSeconds: z.number(),
    })
    .nullable(),
});

/** `canaryd plan validate <file>...`. */
export const planValidate: Command = {
  words: ['plan', 'validate'],
  parameters: '<file>...',
  summary: 'Checks plans, or rollouts whose plan stands in them, and starts nothing.',
  help: [
    'Files are YAML, or JSON when their name ends in .json. Each fault is printed',
    'with its place. Exit code 0 when all files are valid, 6 when one is not.',
  ],
  run: validateAll,
};

async function validateAll(args: string[], terminal: Terminal): Promise<ExitCode> {
  const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
  if (positionals.length === 0) {
    complain(terminal, 'name the files to check.', 'canaryd plan validate rollout.yaml');
    return exitCodes.usage;
  }
  let worst: ExitCode = exitCodes.done;
  for (const file of positionals) {
    const exit = await validate(file, terminal);
    // Without an answer there is none for the next file either.
    if (exit === exitCodes.notSignedIn || exit === exitCodes.unreachable) return exit;
    worst = severer(worst, exit);
  }
  return worst;
}

/** A fault of use hides nothing: it is told apart from an invalid plan only when no plan is invalid. */
function severer(one: ExitCode, other: ExitCode): ExitCode {
  const order: ExitCode[] = [exitCodes.done, exitCodes.usage, exitCodes.unexpected, exitCodes.invalid];
  return order.indexOf(other) > order.indexOf(one) ? other : one;
}

async function validate(file: string, terminal: Terminal): Promise<ExitCode> {
  const text = await textOf(file, terminal);
  if (text === null) return exitCodes.usage;
  const media = file.toLowerCase().endsWith('.json') ? 'application/json' : 'application/yaml';
  const asked = await ask(terminal, { method: 'POST', path: '/v1/plans:validate', body: { text, media } });
  if (asked.kind === 'failed') return asked.exit;
  const { answer } = asked;
  if (answer.status !== 200) return refused(terminal, printable(file), answer);
  const validation = Validation.safeParse(answer.body);
  if (!validation.success) return refused(terminal, printable(file), answer);
  return print(printable(file), validation.data, terminal);
}

async function textOf(file: string, terminal: Terminal): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const why = codeOf(error) ?? 'unknown reason';
    complain(terminal, `${printable(file)} cannot be read: ${why}.`, 'see that the path is right: ls');
    return null;
  }
}

function print(
  file: string,
  { valid, errors, timeline }: z.output<typeof Validation>,
  terminal: Terminal,
): ExitCode {
  if (!valid) {
    terminal.out(`${file}: invalid, ${errors.length === 1 ? '1 fault' : `${errors.length} faults`}\n`);
    for (const { pointer, detail } of errors) terminal.out(faultLine(pointer, detail));
    return exitCodes.invalid;
  }
  const { steps = [], totalSeconds = 0 } = timeline ?? {};
  terminal.out(`${file}: valid, ${steps.length} steps in at least ${clock(totalSeconds)}\n`);
  for (const { type, share, startsInSeconds } of steps) {
    terminal.out(`${clock(startsInSeconds).padStart(11)}  ${printable(type).padEnd(10)} ${share} %\n`);
  }
  return exitCodes.done;
}

/** Seconds as `1h05m00s`, without leading zeros. */
function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (number: number) => String(number).padStart(2, '0');
  if (hours > 0) return `${hours}h${two(minutes)}m${two(rest)}s`;
  return minutes > 0 ? `${minutes}m${two(rest)}s` : `${rest}s`;
}
