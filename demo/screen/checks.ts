import type { CheckSeen, RolloutSeen } from '../client.ts';
import { clipped, type Line, lineWidth, padded, piece, type Style } from './line.ts';
import { measured } from './numbers.ts';
import { spark } from './spark.ts';
import type { ScreenState } from './state.ts';
import { type Symbols, symbolsOf } from './symbols.ts';

type Cell = { title: string; need: number; isRight: boolean; of: (check: CheckSeen) => Line };

const gap = 2;
const sparkColumns = 12;

/** Each check with its values on both versions, limit, requests, last polls and verdict. */
export function checksTable(state: ScreenState, { checks }: RolloutSeen, columns: number): Line[] {
  const symbols = symbolsOf(state);
  if (checks.length === 0) return [[piece('No checks: only the guards watch.', 'dim')]];
  const cells = fitting(cellsOf(state, symbols), checks, columns);
  const rows = checks.map((check) => cells.map((cell) => cell.of(check)));
  const widths = cells.map((cell, index) =>
    widest(
      cell,
      rows.map((row) => row[index] ?? []),
    ),
  );
  const title = cells.flatMap((cell, index) => aligned([piece(cell.title, 'dim')], cell, widths[index] ?? 0));
  const body = rows.map((row) =>
    cells.flatMap((cell, index) => aligned(row[index] ?? [], cell, widths[index] ?? 0)),
  );
  const hasPolls = cells.some(({ title: one }) => one === 'LAST POLLS');
  const legend = hasPolls && hasMissing(state) ? [[piece(`${symbols.missing} = no value then`, 'dim')]] : [];
  return [title, ...body, ...legend].map((line) => clipped(line, columns, symbols.ellipsis));
}

/** In the order of the columns; those with the highest `need` go first where there is no room. */
function cellsOf(state: ScreenState, symbols: Symbols): Cell[] {
  return [
    { title: 'CHECK', need: 0, isRight: false, of: ({ id }) => [piece(id, 'bold')] },
    { title: 'CANARY', need: 1, isRight: true, of: canary },
    {
      title: 'STABLE',
      need: 4,
      isRight: true,
      of: ({ stable, unit }) => [piece(measured(stable?.value ?? null, unit))],
    },
    {
      title: 'LIMIT',
      need: 2,
      isRight: true,
      of: ({ limit, unit }) => [piece(`${symbols.atMost} ${measured(limit, unit)}`)],
    },
    {
      title: 'REQUESTS',
      need: 6,
      isRight: true,
      of: ({ canary: found }) => [piece(found?.requests == null ? '-' : String(Math.round(found.requests)))],
    },
    { title: 'LAST POLLS', need: 5, isRight: false, of: (check) => lastPolls(state, check, symbols) },
    { title: 'VERDICT', need: 3, isRight: false, of: (check) => [verdict(check, symbols)] },
  ];
}

function hasMissing({ polls }: ScreenState): boolean {
  return polls.slice(-sparkColumns).some(({ checks }) => checks.some(({ canary: value }) => value === null));
}

function canary({ canary: found, unit, verdict: said }: CheckSeen): Line {
  return [piece(measured(found?.value ?? null, unit), said === 'fail' ? 'bad' : 'plain')];
}

function lastPolls({ polls }: ScreenState, { id, limit }: CheckSeen, symbols: Symbols): Line {
  const values = polls.map((poll) => poll.checks.find((check) => check.id === id)?.canary ?? null);
  return spark(values, { limit, width: sparkColumns }, symbols);
}

const whyNot: Record<string, string> = {
  none: 'no data',
  too_few: 'too few requests',
  unavailable: 'no answer',
};

function verdict(check: CheckSeen, symbols: Symbols): { text: string; style: Style } {
  const { verdict: said, canary: found, failuresInARow, failuresToRollBack } = check;
  if (said === null) return piece('not measured yet', 'dim');
  if (said === 'pass') return piece(`${symbols.done} pass`, 'good');
  if (said === 'fail')
    return piece(`${symbols.failed} fail ${failuresInARow} of ${failuresToRollBack}`, 'bad');
  return piece(`${symbols.waiting} ${whyNot[found?.kind ?? ''] ?? said}`, 'warn');
}

/** As many columns as there is room for, in their order. */
function fitting(cells: Cell[], checks: CheckSeen[], columns: number): Cell[] {
  const total = cells.reduce((sum, cell) => sum + gap + widest(cell, checks.map(cell.of)), -gap);
  if (total <= columns || cells.length <= 2) return cells;
  const last = Math.max(...cells.map(({ need }) => need));
  return fitting(
    cells.filter(({ need }) => need !== last),
    checks,
    columns,
  );
}

/** The spark line grows to the right, so its column keeps its width from the beginning. */
function widest({ title }: Cell, lines: Line[]): number {
  const least = title === 'LAST POLLS' ? sparkColumns : title.length;
  return Math.max(least, ...lines.map(lineWidth));
}

function aligned(line: Line, { isRight }: Cell, width: number): Line {
  const blanks = piece(' '.repeat(Math.max(0, width - lineWidth(line))));
  return isRight ? [blanks, ...line, piece(' '.repeat(gap))] : padded(line, width + gap);
}
