import { parseArgs } from 'node:util';
import { z } from 'zod';
import { ask, printable, refused } from './client.ts';
import type { Command } from './command.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { readPlanFile } from './plan-file.ts';
import { complain, type Terminal, wrapped } from './terminal.ts';

const Finding = z.looseObject({
  id: z.string(),
  title: z.string(),
  result: z.string(),
  severity: z.string().nullable(),
  read: z.string(),
  means: z.string().nullable(),
  mend: z.string().nullable(),
  codes: z.array(z.string()),
  blocks: z.boolean(),
  waiver: z.looseObject({ reason: z.string(), until: z.string(), expired: z.boolean() }).nullable(),
});
type Finding = z.output<typeof Finding>;
const Preflight = z.looseObject({
  ready: z.boolean(),
  readiness: z.looseObject({
    summary: z.looseObject({
      blocking: z.number(),
      error: z.number(),
      warn: z.number(),
      info: z.number(),
      unknown: z.number(),
      passed: z.number(),
      skipped: z.number(),
      waived: z.number(),
    }),
    findings: z.array(Finding),
  }),
});
type Preflight = z.output<typeof Preflight>;

/** `canaryd preflight <file>`. */
export const preflight: Command = {
  words: ['preflight'],
  parameters: '<file> [--all]',
  summary: 'Checks the mesh around a target before any traffic is moved, and starts nothing.',
  help: [
    'The file holds a rollout (a target and a plan): YAML, or JSON when its name ends',
    'in .json. Prints what is wrong or unknown, what it means and how to mend it;',
    'with --all what is well, too. Exit code 0 when a rollout may start, 6 when not.',
  ],
  asksServer: true,
  run,
};

async function run(args: string[], terminal: Terminal): Promise<ExitCode> {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: { all: { type: 'boolean', default: false } },
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) {
    complain(terminal, 'name one file with a rollout.', 'canaryd preflight rollout.yaml');
    return exitCodes.usage;
  }
  const read = await readPlanFile(file, terminal);
  if (read.kind === 'failed') return read.exit;
  const asked = await ask(terminal, { method: 'POST', path: '/v1/preflights', body: read.body });
  if (asked.kind === 'failed') return asked.exit;
  const { answer } = asked;
  const found = answer.status === 200 ? Preflight.safeParse(answer.body) : null;
  if (found?.success !== true) return refused(terminal, printable(file), answer);
  for (const line of linesOf(printable(file), found.data, values.all)) terminal.out(line);
  return found.data.ready ? exitCodes.done : exitCodes.invalid;
}

function linesOf(file: string, { ready, readiness }: Preflight, isAll: boolean): string[] {
  const { summary, findings } = readiness;
  const told = findings.filter(({ result }) => isAll || result === 'fail' || result === 'unknown');
  const hidden = findings.length - told.length;
  return [
    `${file}: ${ready ? 'ready to start' : `not ready, ${summary.blocking} in the way`}\n`,
    `${counts(summary)}\n`,
    ...[...told].sort((one, other) => rank(one) - rank(other)).flatMap(paragraphsOf),
    ...(hidden === 0 || isAll ? [] : [`\n${hidden} more are well or do not apply: --all shows them.\n`]),
  ];
}

function counts({ error, warn, unknown, info, waived, passed, skipped }: Preflight['readiness']['summary']) {
  const words = { error, warn, unknown, info, waived, passed, skipped };
  const counted = Object.entries(words).filter(([, count]) => count > 0);
  return `  ${counted.map(([word, count]) => `${count} ${word}`).join(', ')}`;
}

const marks = ['BLOCKS', 'error', 'warn', 'unknown', 'info', 'waived', 'ok', 'skip'] as const;

function rank(finding: Finding): number {
  return marks.indexOf(markOf(finding));
}

function markOf({ blocks, result, severity, waiver }: Finding): (typeof marks)[number] {
  if (blocks) return 'BLOCKS';
  if (waiver !== null && !waiver.expired) return 'waived';
  if (result === 'pass') return 'ok';
  if (result === 'skip') return 'skip';
  if (result === 'unknown') return 'unknown';
  return marks.find((mark) => mark === severity) ?? 'error';
}

function paragraphsOf(finding: Finding): string[] {
  const { id, title, result, read, means, mend, codes, waiver } = finding;
  const known = codes.length === 0 ? '' : ` (${codes.join(', ')})`;
  const name = `${markOf(finding).padEnd(8)}${printable(id)}  ${printable(title)}${printable(known)}`;
  const head = `\n${wrapped(name, 18)}\n`;
  if (result === 'pass' || result === 'skip') return [head, line('', read)];
  return [
    head,
    line('', read),
    ...(means === null ? [] : [line('means: ', means)]),
    ...(mend === null ? [] : [line('mend: ', mend)]),
    ...(waiver === null ? [] : [line(waiver.expired ? 'waiver ended: ' : 'waived: ', waiverIn(waiver))]),
  ];
}

function waiverIn({ reason, until }: NonNullable<Finding['waiver']>): string {
  return `until ${until}: ${reason}`;
}

function line(label: string, text: string): string {
  return `${wrapped(`        ${label}${printable(text)}`, 10)}\n`;
}
