import { table } from '../markdown.ts';
import { type Spread, sumOf } from './figures.ts';
import type { Measured } from './probe.ts';

/** The parts of a turn in the order in which they come. */
const partsOfTurn = ['turn', 'claim', 'look', 'measure', 'save', 'write', 'ring'];

/** All figures of one run as Markdown, 80 columns wide at most. */
export function reportOf(measured: Measured): string {
  const { rollouts, namespaces, workers, seconds, load, createSeconds, faults } = measured;
  return [
    `## ${rollouts} rollouts in ${namespaces} namespaces, ${workers} canaryd`,
    '',
    `Measured for ${seconds.toFixed(1)} s, interval 10 s. Load of the machine before: ${load.toFixed(2)}.`,
    `Created over the API in ${createSeconds.toFixed(0)} s.`,
    '',
    table(['', 'median', 'p99', 'most'], spreads(measured)),
    '',
    table(['calls', 'a second', 'a turn'], calls(measured)),
    '',
    table(['CPU', 'seconds', 'cores'], cpu(measured)),
    '',
    table(['', 'value'], values(measured)),
    ...(faults.length === 0 ? [] : ['', ...faults.map((fault) => `FAULT: ${fault}`)]),
  ].join('\n');
}

function spreads({ late, took, breachToPatch }: Measured): string[][] {
  const parts = partsOfTurn.map((part) =>
    row(part === 'turn' ? 'length of a turn' : `- ${part}`, took[part]),
  );
  return [row('lag of a turn', late), row('breach to patch', breachToPatch), ...parts];
}

function row(name: string, spread: Spread | null | undefined): string[] {
  if (!spread) return [name, '', '', ''];
  return [name, ...[spread.median, spread.p99, spread.most].map(milliseconds)];
}

function milliseconds(ms: number): string {
  return ms < 10_000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function calls({ counts, seconds, turns }: Measured): string[][] {
  const line = (name: string, count: number) => [
    name,
    (count / seconds).toFixed(1),
    turns === 0 ? '' : (count / turns).toFixed(2),
  ];
  const { transactions = 0, ...statements } = counts['PostgreSQL'] ?? {};
  return [
    line('turns', turns),
    line('PostgreSQL: transactions', transactions),
    line('PostgreSQL: statements', sumOf(statements)),
    ...largest(statements).map(([what, count]) => line(`- ${what}`, count)),
    line('Redis: commands, in scripts too', sumOf(counts['Redis'] ?? {})),
    line('- scripts', counts['Redis']?.['evalsha'] ?? 0),
    line('Prometheus: queries', sumOf(counts['Prometheus'] ?? {})),
    line('Kubernetes: requests', sumOf(counts['Kubernetes'] ?? {})),
    ...largest(counts['Kubernetes'] ?? {}).map(([what, count]) => line(`- ${what}`, count)),
  ];
}

/** What is not worth a line is in the sum. */
function largest(counts: Record<string, number>): [string, number][] {
  const least = sumOf(counts) / 100;
  return Object.entries(counts)
    .filter(([, count]) => count >= least)
    .sort(([, one], [, other]) => other - one);
}

function cpu({ cpuSeconds, seconds }: Measured): string[][] {
  const line = (name: string, used: number) => [name, used.toFixed(1), (used / seconds).toFixed(2)];
  return [
    ...Object.entries(cpuSeconds).map(([part, used]) => line(part, used)),
    line('all', sumOf(cpuSeconds)),
  ];
}

function values({ peakMegabytes, busyMs, turns, seconds, rollouts }: Measured): string[][] {
  return [
    ['turns a second', (turns / seconds).toFixed(1)],
    ['turns wanted a second', (rollouts / 10).toFixed(1)],
    ['most memory of a canaryd', `${Math.max(0, ...peakMegabytes).toFixed(0)} MB`],
    ['longest time an event loop was busy', milliseconds(busyMs)],
  ];
}
