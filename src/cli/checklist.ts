import { z } from 'zod';
import { printable } from './client.ts';
import type { Command } from './command.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { lineOf, readOfTarget, rolesHelp, targetParameters } from './target-words.ts';
import type { Terminal } from './terminal.ts';

const Finding = z.looseObject({
  result: z.string(),
  severity: z.string().nullable(),
  read: z.string(),
  means: z.string().nullable(),
  mend: z.string().nullable(),
});
const Check = z.looseObject({
  id: z.string(),
  title: z.string(),
  codes: z.array(z.string()),
  state: z.string(),
  severity: z.string().nullable(),
  findings: z.array(Finding),
});
type Check = z.output<typeof Check>;
const count = z.number();
const Part = z.looseObject({
  priority: z.string(),
  counts: z.looseObject({
    checks: count,
    passed: count,
    failed: count,
    warned: count,
    unknown: count,
    skipped: count,
  }),
  checks: z.array(Check),
});
type Part = z.output<typeof Part>;
const Checklist = z.looseObject({
  checkedAt: z.string(),
  versions: z.looseObject({ stable: z.string(), canary: z.string() }).nullable(),
  liveRollout: z.string().nullable(),
  limits: z.looseObject({
    checks: z.array(z.looseObject({ check: z.string(), unit: z.string(), limit: z.number() })),
    mutualTls: z.string(),
    defaultDeny: z.boolean(),
  }),
  priorities: z.array(Part),
});
type Checklist = z.output<typeof Checklist>;

/** `canaryd checklist <namespace>/<virtual-service>`. */
export const checklist: Command = {
  words: ['checklist'],
  parameters: targetParameters,
  summary: "A bank's checklist for a target: every check of its mesh, the most urgent first.",
  help: [
    ...rolesHelp,
    '',
    'Reads the mesh and the metrics, and starts nothing. Under what is not well is',
    'what was read and how to mend it. Exit code 0 when no check of P0 failed, 6 when',
    'one did. A warning is no failure; what could not be read is unknown, never ok.',
  ],
  asksServer: true,
  run,
};

async function run(args: string[], terminal: Terminal): Promise<ExitCode> {
  const found = await readOfTarget(args, { part: 'checklist', schema: Checklist }, terminal);
  if (found.kind === 'failed') return found.exit;
  for (const line of linesOf(found.name, found.answer)) terminal.out(line);
  const first = found.answer.priorities.find(({ priority }) => priority === 'P0');
  return first?.counts.failed === 0 ? exitCodes.done : exitCodes.invalid;
}

function linesOf(name: string, answer: Checklist): string[] {
  const { versions, checkedAt, liveRollout } = answer;
  const between = versions === null ? '' : `, ${versions.stable} to ${versions.canary}`;
  const live = liveRollout === null ? '' : `, while ${liveRollout} is live`;
  return [
    lineOf(`${name}${between}, ${checkedAt}${live}`, 2),
    lineOf(`  judged by the usual plan: ${limitsIn(answer.limits)}`, 4),
    ...answer.priorities.flatMap(linesOfPart),
  ];
}

function limitsIn({ checks, mutualTls, defaultDeny }: Checklist['limits']): string {
  const limits = checks.map(({ check, unit, limit }) =>
    unit === 'ratio' ? `${check} ${Number((limit * 100).toPrecision(3))} %` : `${check} ${limit} ${unit}`,
  );
  return [...limits, `mTLS ${mutualTls}`, ...(defaultDeny ? ['default deny'] : [])].join(', ');
}

function linesOfPart({ priority, counts: { checks, ...counts }, checks: rows }: Part): string[] {
  const counted = (['passed', 'failed', 'warned', 'unknown', 'skipped'] as const)
    .filter((word) => counts[word] > 0)
    .map((word) => `${counts[word]} ${word}`);
  return [
    `\n${printable(priority)}: ${checks} ${checks === 1 ? 'check' : 'checks'}, ${counted.join(', ')}\n`,
    ...rows.flatMap(linesOfCheck),
  ];
}

const marks: Record<string, string> = { pass: 'ok', skip: 'skip', unknown: 'unknown' };

function linesOfCheck({ id, title, codes, state, severity, findings }: Check): string[] {
  const mark = marks[state] ?? (severity === 'error' ? 'FAILED' : (severity ?? 'FAILED'));
  const head = `  ${mark.padEnd(8)}${id}  `;
  if (state === 'pass' || state === 'skip') return [`${clipped(printable(`${head}${title}`))}\n`];
  const known = codes.length === 0 ? '' : ` (${codes.join(', ')})`;
  const told = findings.filter(({ result }) => result === 'fail' || result === 'unknown');
  return [lineOf(`${head}${title}${known}`, head.length), ...told.flatMap(linesOfFinding)];
}

function linesOfFinding({ read, means, mend }: z.output<typeof Finding>): string[] {
  const labelled = [
    ['read', read],
    ['means', means],
    ['mend', mend],
  ] as const;
  return labelled.flatMap(([label, text]) =>
    text === null ? [] : [lineOf(`          ${label}: ${text}`, 12)],
  );
}

const columns = 80;

/** What is well takes one line, whatever it is called. */
function clipped(line: string): string {
  return line.length <= columns ? line : `${line.slice(0, columns - 1).trimEnd()}…`;
}
