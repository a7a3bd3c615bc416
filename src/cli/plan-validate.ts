import { parseArgs } from 'node:util';
import { z } from 'zod';
import { ask, faultLine, printable, refused } from './client.ts';
import type { Command } from './command.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { readPlanFile } from './plan-file.ts';
import { complain, type Terminal, wrapped } from './terminal.ts';
import { lasting, PlanShown, stepLines } from './timeline.ts';

const Need = z.looseObject({ check: z.string(), stableRequestsPerSecond: z.number().nullable() });

const Validation = z.looseObject({
  valid: z.boolean(),
  errors: z.array(z.looseObject({ pointer: z.string(), detail: z.string() })),
  timeline: z
    .looseObject({
      steps: z.array(
        z.looseObject({
          type: z.string(),
          share: z.number(),
          startsInSeconds: z.number(),
          needs: z.array(Need).optional(),
        }),
      ),
      totalSeconds: z.number(),
    })
    .nullable(),
  plan: PlanShown,
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
  { valid, errors, timeline, plan }: z.output<typeof Validation>,
  terminal: Terminal,
): ExitCode {
  if (!valid) {
    terminal.out(`${file}: invalid, ${errors.length === 1 ? '1 fault' : `${errors.length} faults`}\n`);
    for (const { pointer, detail } of errors) terminal.out(faultLine(pointer, detail));
    return exitCodes.invalid;
  }
  const { steps = [], totalSeconds = 0 } = timeline ?? {};
  terminal.out(`${file}: valid, ${steps.length} steps in ${lasting(totalSeconds, plan)}\n`);
  for (const line of [...stepLines(steps, plan), ...needLines(steps)]) terminal.out(line);
  return exitCodes.done;
}

type Steps = NonNullable<z.output<typeof Validation>['timeline']>['steps'];

/** The traffic from which on each step sees what the limits say; which service has it only a preview knows. */
function needLines(steps: Steps): string[] {
  const lines = steps.flatMap(({ share, needs = [] }, index) => {
    if (needs.length === 0) return [];
    return `${wrapped(`  step ${index + 1} at ${share} %: ${needs.map(needWords).join(', ')}`, 4)}\n`;
  });
  if (lines.length === 0) return [];
  const title =
    'Requests/s of stable that each bake needs at least to see a limit broken (plan preview says what a service comes to):';
  return [`\n${wrapped(title)}\n`, ...lines];
}

function needWords({ check, stableRequestsPerSecond: perSecond }: z.output<typeof Need>): string {
  const rate = perSecond === null ? 'never' : String(Number(perSecond.toPrecision(2)));
  return `${printable(check)} ${rate}`;
}
