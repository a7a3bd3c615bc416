import { parseArgs } from 'node:util';
import { z } from 'zod';
import { ask, faultLine, printable, refused } from './client.ts';
import type { Command } from './command.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { readPlanFile } from './plan-file.ts';
import { complain, type Terminal } from './terminal.ts';
import { clock, stepLines } from './timeline.ts';

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
  asksServer: true,
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
  const read = await readPlanFile(file, terminal);
  if (read.kind === 'failed') return read.exit;
  const asked = await ask(terminal, { method: 'POST', path: '/v1/plans:validate', body: read.body });
  if (asked.kind === 'failed') return asked.exit;
  const { answer } = asked;
  if (answer.status !== 200) return refused(terminal, printable(file), answer);
  const validation = Validation.safeParse(answer.body);
  if (!validation.success) return refused(terminal, printable(file), answer);
  return print(printable(file), validation.data, terminal);
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
  for (const line of stepLines(steps)) terminal.out(line);
  return exitCodes.done;
}
