import type { RolloutSeen } from '../client.ts';
import { labelColumns } from './bars.ts';
import { type Line, piece, type Style, wrapped } from './line.ts';
import { timeOfDay } from './numbers.ts';
import type { Decision, ScreenState } from './state.ts';
import { symbolsOf } from './symbols.ts';

/** What happened, where traffic is, what comes next and when, each in at most `most` lines. */
export function explanation(
  state: ScreenState,
  { explanation: said }: RolloutSeen,
  { columns, most }: { columns: number; most: number },
): Line[] {
  const paragraph = (label: string, text: string, style: Style = 'plain') =>
    shortened(wrapped(text, Math.max(8, columns - labelColumns)), most, symbolsOf(state).ellipsis).map(
      (line, index) => [piece((index === 0 ? label : '').padEnd(labelColumns), 'dim'), piece(line, style)],
    );
  return [
    ...state.broken.flatMap((text) => paragraph('Broken', text, 'warn')),
    ...paragraph('Now', said.what),
    ...paragraph('Traffic', said.traffic),
    ...paragraph('Next', said.next),
  ];
}

/** The last decisions that fit into so many rows, newest last; of the oldest one maybe only its beginning. */
export function lastDecisions(state: ScreenState, columns: number, rows: number): Line[] {
  const { ellipsis } = symbolsOf(state);
  let lines: Line[] = [];
  for (const decision of state.decisions.toReversed()) {
    const room = rows - lines.length;
    if (room <= 0) break;
    lines = [...inWords(decision, { columns, most: room, ellipsis }), ...lines];
  }
  return lines;
}

type Room = { columns: number; most: number; ellipsis: string };

function inWords({ at, by, text }: Decision, { columns, most, ellipsis }: Room): Line[] {
  const head = `${timeOfDay(at)}  `;
  const lines = shortened(wrapped(text, Math.max(8, columns - head.length)), most, ellipsis);
  return lines.map((line, index) => [
    piece(index === 0 ? head : ' '.repeat(head.length), 'dim'),
    piece(line, by === 'you' ? 'accent' : 'plain'),
  ]);
}

function shortened(lines: string[], most: number, ellipsis: string): string[] {
  if (lines.length <= most) return lines;
  const kept = lines.slice(0, most);
  return kept.map((line, index) =>
    index === most - 1 ? `${[...line].slice(0, -1).join('')}${ellipsis}` : line,
  );
}
