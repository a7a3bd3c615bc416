import type { CheckSeen } from '../client.ts';
import { type Line, piece, type Segment } from './line.ts';
import { measured } from './numbers.ts';
import type { ScreenState } from './state.ts';
import { type Symbols, symbolsOf } from './symbols.ts';

const axisColumns = 11;
const height = 6;

/** One check over the polls on hand: a column for each poll of the canary, and where the limit lies. */
export function chart(state: ScreenState, check: CheckSeen, columns: number): Line[] {
  const symbols = symbolsOf(state);
  const width = Math.max(0, columns - axisColumns);
  const values = state.polls
    .map((poll) => poll.checks.find(({ id }) => id === check.id)?.canary ?? null)
    .slice(-width);
  const top = Math.max(check.limit * 1.5, ...values.map((value) => value ?? 0)) || 1;
  const limitRow = Math.min(height - 1, Math.floor((check.limit / top) * height));
  const title = [
    piece(check.id, 'bold'),
    piece(` of the canary, limit ${measured(check.limit, check.unit)}`, 'dim'),
  ];
  const rows = Array.from({ length: height }, (_, index) => {
    const row = height - 1 - index;
    const isLimit = row === limitRow;
    const label =
      row === height - 1 ? measured(top, check.unit) : isLimit ? measured(check.limit, check.unit) : '';
    const cells = Array.from({ length: width }, (_unused, column) =>
      cell({ value: values[column], row, top, limit: check.limit, isLimit }, symbols),
    );
    return [piece(`${label.padStart(axisColumns - 1)} `, 'dim'), ...cells];
  });
  return [title, ...rows];
}

type Place = { value: number | null | undefined; row: number; top: number; limit: number; isLimit: boolean };

function cell({ value, row, top, limit, isLimit }: Place, symbols: Symbols): Segment {
  const nothing = isLimit ? piece(symbols.limit, 'dim') : piece(' ');
  if (value === undefined) return nothing;
  if (value === null) return row === 0 ? piece(symbols.missing, 'warn') : nothing;
  const eighths = Math.round((value / top) * height * 8) - row * 8;
  // The lowest row always shows that there was a value.
  if (eighths <= 0 && row > 0) return nothing;
  const level = Math.min(8, Math.max(1, eighths)) - 1;
  return piece(symbols.sparks[level] ?? '', value > limit ? 'bad' : 'good');
}
