import { type Line, piece, type Style } from './line.ts';
import type { Symbols } from './symbols.ts';

/** Values over time in one line, the newest last; the limit lies at three quarters of the height. */
export function spark(
  values: (number | null)[],
  { limit, width }: { limit: number; width: number },
  symbols: Symbols,
): Line {
  return values.slice(-width).map((value) => {
    if (value === null) return piece(symbols.missing, 'warn');
    const style: Style = value > limit ? 'bad' : 'good';
    return piece(symbols.sparks[levelOf(value, limit, symbols.sparks.length)] ?? '', style);
  });
}

/** A value above its limit is always drawn higher than one within it. */
function levelOf(value: number, limit: number, levels: number): number {
  const within = Math.floor(levels * 0.75) - 1;
  if (value <= limit) return limit === 0 ? 0 : Math.min(within, Math.floor((value / limit) * (within + 1)));
  const over = limit === 0 ? levels : Math.floor((value / limit - 1) * 2);
  return Math.min(levels - 1, within + 1 + over);
}
