import { table } from '../markdown.ts';
import type { Counted } from './counted.ts';
import type { Tally } from './releases.ts';
import { type Sample, type Verdict, verdictOn } from './verdict.ts';

export type Report = { text: string; isFlat: boolean };

/** In a shorter run everything that is still warming up looks as if it grew. */
const fewestMinutes = 5;

/**
 * The table of a run of so many minutes: what was counted in its first and its last third, and whether it grows. A
 * run that is too short to tell is good when its releases ended.
 */
export function reportOf(
  samples: readonly Sample[],
  counted: readonly Counted[],
  tally: Tally,
  minutes: number,
): Report {
  const tells = minutes >= fewestMinutes;
  const verdicts = counted.map((one) => ({ ...one, ...verdictOn(samples, one.name, one.bound) }));
  const rows = verdicts.map(({ name, unit, first, last, most, verdict }) => [
    name,
    shown(first, unit),
    shown(last, unit),
    shown(most, unit),
    tells ? verdict : '-',
  ]);
  const isFlat = (!tells || verdicts.every(isGood)) && tally.late.length === 0;
  const text = [
    table(['what', 'first third', 'last third', 'bound', 'verdict'], rows),
    '',
    `Releases: ${ended(tally)}; not ended within two minutes: ${tally.late.join(', ') || 'none'}.`,
    ...(tells ? [] : ['Too short to tell growth from warm-up: take 10 minutes.']),
  ];
  return { text: text.join('\n'), isFlat };
}

/** One line on how it stands. */
export function progressOf(sample: Sample, processes: readonly string[], tally: Tally): string {
  const each = processes.map((process) => {
    const [open, heap] = ['descriptors', 'heap used, least'].map(
      (what) => sample.values[`${process}: ${what}`],
    );
    return `${process}: ${shown(open ?? null, '')} descriptors, heap ${shown(heap ?? null, 'MB')}`;
  });
  return `${Math.round(sample.seconds)} s: ${[...each, ended(tally)].join('; ')}`;
}

function isGood({ verdict }: Pick<Verdict, 'verdict'>): boolean {
  return verdict === 'flat';
}

function ended({ ended }: Tally): string {
  return [...ended].map(([status, count]) => `${count} ${status}`).join(', ') || 'none ended';
}

function shown(value: number | null, unit: Counted['unit']): string {
  if (value === null) return '-';
  const digits = unit === '' && Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`;
}
