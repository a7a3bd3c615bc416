import type { Violation } from './evidence.ts';
import { faultKinds } from './faults.ts';
import type { Counts, Summary } from './summary.ts';

const width = 80;
/** Failing seeds that are shown; the first one is enough to go on with. */
const shown = 10;

/** One line of at most 80 columns: how far it has come. */
export function progressLine({ runs, turns, broken }: Summary, count: number, seconds: number): string {
  const left = runs === 0 ? '' : `, ${Math.ceil((seconds / runs) * (count - runs))} s left`;
  const found = broken.length === 0 ? 'no violation' : `${broken.length} with violations`;
  return `${runs} of ${count} seeds, ${turns} turns, ${found}${left}`.slice(0, width - 1);
}

/** Everything that a long run has to tell, in lines of at most 80 columns where no detail is longer. */
export function reportOf(sum: Summary, seconds: number): string {
  const faults = Object.fromEntries(faultKinds.map((kind) => [kind, sum.faults[kind] ?? 0]));
  const total = Object.values(faults).reduce((one, other) => one + other, 0);
  const perSecond = Math.round(sum.runs / Math.max(seconds, 0.1));
  return [
    `${sum.runs} runs in ${seconds.toFixed(1)} s (${perSecond} a second)`,
    `${sum.turns} turns, ${sum.writes} patches that the mesh took, ${total} faults`,
    ...columns('Faults', faults),
    ...columns('Left as', sum.ends),
    ...columns('Runs that reached a step', sum.steps),
    '',
    ...sum.broken.slice(0, shown).flatMap(({ seed, violations }) => brokenLines(seed, violations)),
    sum.broken.length === 0
      ? 'Every promise was kept: 0 violations.'
      : `${sum.broken.length} of ${sum.runs} seeds broke a promise.`,
  ].join('\n');
}

/** What one seed broke, and how to see it again. */
export function brokenLines(seed: number, violations: Violation[]): string[] {
  return [
    `Seed ${seed} broke a promise:`,
    ...violations.map(({ promise, detail }) => `  ${promise}: ${detail}`),
    `  npm run simulate -- --seed ${seed}`,
  ];
}

const columnWidth = 26;

function columns(title: string, counts: Counts): string[] {
  const cells = Object.entries(counts).map(([name, count]) => {
    const number = String(count).padStart(7);
    return `${number} ${name}`.padEnd(columnWidth);
  });
  const lines: string[] = [];
  for (let index = 0; index < cells.length; index += 3)
    lines.push(
      cells
        .slice(index, index + 3)
        .join('')
        .trimEnd(),
    );
  return ['', title, ...lines];
}
