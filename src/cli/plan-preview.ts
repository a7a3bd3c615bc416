import { parseArgs } from 'node:util';
import { z } from 'zod';
import { ask, printable, refused } from './client.ts';
import type { Command } from './command.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { readPlanFile } from './plan-file.ts';
import { complain, type Terminal, wrapped } from './terminal.ts';
import { lasting, PlanShown, stepLines } from './timeline.ts';

const Reading = z.looseObject({
  value: z.number().nullable(),
  requests: z.number().nullable(),
  why: z.string().nullable(),
});
const Check = z.looseObject({
  check: z.string(),
  unit: z.string().nullable(),
  breach: z.string().optional(),
  limit: z.number(),
  windowSeconds: z.number(),
  now: z.looseObject({ stable: Reading }).nullable(),
});
const Sight = z.looseObject({
  hint: z.string(),
  checks: z.array(z.looseObject({ check: z.string(), hint: z.string() })),
});
const Step = z.looseObject({
  step: z.number().optional(),
  type: z.string(),
  share: z.number(),
  startsInSeconds: z.number(),
  sight: Sight.nullable().optional(),
});
const Preview = z.looseObject({
  wouldStart: z.boolean(),
  why: z.string().nullable(),
  startAt: z.string().nullable(),
  queuedBehind: z.string().nullable(),
  warnings: z.array(z.string()),
  checks: z.array(Check),
  steps: z.array(Step),
  judged: z.looseObject({ noiseFactor: z.number(), noiseFrom: z.string() }).nullable().optional(),
  totalSeconds: z.number(),
  plan: PlanShown,
});
type Preview = z.output<typeof Preview>;

/** `canaryd plan preview <file>`. */
export const planPreview: Command = {
  words: ['plan', 'preview'],
  parameters: '<file>',
  summary: 'Shows what a rollout would do on its target as it stands now, and starts nothing.',
  help: [
    'The file holds a rollout (a target and a plan): YAML, or JSON when its name ends',
    'in .json. Reads the mesh and the metrics; a dry run over HTTP shows the patches',
    'and the queries, too. Exit code 0 when it would start, 6 when it would not.',
  ],
  asksServer: true,
  run: preview,
};

async function preview(args: string[], terminal: Terminal): Promise<ExitCode> {
  const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) {
    complain(terminal, 'name one file with a rollout.', 'canaryd plan preview rollout.yaml');
    return exitCodes.usage;
  }
  const read = await readPlanFile(file, terminal);
  if (read.kind === 'failed') return read.exit;
  const asked = await ask(terminal, {
    method: 'POST',
    path: '/v1/rollouts',
    query: 'dryRun=all',
    body: read.body,
  });
  if (asked.kind === 'failed') return asked.exit;
  const { answer } = asked;
  const found = answer.status === 200 ? Preview.safeParse(answer.body) : null;
  if (found?.success !== true) return refused(terminal, printable(file), answer);
  for (const line of linesOf(printable(file), found.data)) terminal.out(line);
  return found.data.wouldStart ? exitCodes.done : exitCodes.invalid;
}

function linesOf(file: string, preview: Preview): string[] {
  const { checks, steps, totalSeconds, warnings, plan, ...start } = preview;
  return [
    paragraph(`${file}: ${startOf(start)}`, 2),
    `\nSteps, ${lasting(totalSeconds, plan)}:\n`,
    ...stepLines(steps, plan),
    '\nStable now:\n',
    ...(checks.length === 0 ? ['  no checks\n'] : checks.map((check) => paragraph(checkOf(check), 4))),
    ...sightLines(preview),
    '\nWarnings:\n',
    ...(warnings.length === 0
      ? ['  none\n']
      : warnings.map((text) => paragraph(`  - ${printable(text)}`, 4))),
  ];
}

/** What the judge sees in each step; nothing where another judge compares measurements with limits. */
function sightLines({ steps, judged }: Preview): string[] {
  const lines = steps.flatMap(({ step, share, sight }, index) => {
    if (sight == null) return [];
    const place = `  step ${(step ?? index) + 1} at ${share} %: `;
    const limits = sight.checks.map(({ check, hint }) => `    ${printable(check)}: ${printable(hint)}`);
    return [paragraph(place + printable(sight.hint), 4), ...limits.map((text) => paragraph(text, 6))];
  });
  if (lines.length === 0) return [];
  const assumed = judged?.noiseFrom === 'assumed' ? ', assumed' : '';
  const noise = judged == null ? '' : ` (noise factor ${judged.noiseFactor}${assumed})`;
  return ['\n', paragraph(`Seen by the end of each step, from its own requests alone${noise}:`, 0), ...lines];
}

type Start = Pick<Preview, 'wouldStart' | 'why' | 'startAt' | 'queuedBehind'>;

function startOf({ wouldStart, why, startAt, queuedBehind }: Start): string {
  if (!wouldStart) return `would not start: ${printable(why ?? 'no reason was given')}`;
  const time = startAt === null ? '' : ` at ${printable(startAt)}`;
  const queue = queuedBehind === null ? '' : ` after ${printable(queuedBehind)}`;
  return `would start${time}${queue}`;
}

function checkOf({ check, unit, breach, limit, windowSeconds, now }: z.output<typeof Check>): string {
  const against = `limit ${breach === 'below' ? 'at least ' : ''}${shown(limit, unit)}`;
  const stable = now?.stable ?? null;
  if (stable === null) return `  ${printable(check)}: unknown, metrics cannot be read; ${against}`;
  const { value, requests, why } = stable;
  const counted = requests === null ? '' : `, ${Math.round(requests)} requests in ${windowSeconds} s`;
  const said = value === null ? `no value (${printable(why ?? 'no data')})` : shown(value, unit);
  return `  ${printable(check)}: ${said}, ${against}${counted}`;
}

function shown(value: number, unit: string | null): string {
  if (unit === null || unit === 'count') return String(Number(value.toPrecision(6)));
  return unit === 'ratio'
    ? `${Number((value * 100).toPrecision(3))} %`
    : `${Math.round(value)} ${printable(unit)}`;
}

function paragraph(text: string, indent: number): string {
  return `${wrapped(text, indent)}\n`;
}
