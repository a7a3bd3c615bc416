import type { RolloutSeen } from '../client.ts';
import { bakeBar, weightBar } from './bars.ts';
import { checksTable } from './checks.ts';
import { header } from './header.ts';
import { keyBar } from './key-bar.ts';
import { clipped, type Line, padded, piece, wrapped } from './line.ts';
import { paint } from './paint.ts';
import { rail } from './rail.ts';
import { sidePane } from './side-pane.ts';
import type { ScreenState, Size } from './state.ts';
import { symbolsOf } from './symbols.ts';
import { explanation, lastDecisions } from './words.ts';

const mainColumns = 80;
const twoPaneColumns = 140;
const fewestDecisionRows = 4;

/** The live view as lines of text for a terminal of this size: never more rows, never wider. */
export function screen(state: ScreenState, columns: number, rows: number): string[] {
  return screenLines(state, { columns, rows }).map((line) => paint(line, state));
}

/** The live view as lines of styled pieces. */
export function screenLines(state: ScreenState, size: Size): Line[] {
  const { ellipsis } = symbolsOf(state);
  const lines = size.columns < twoPaneColumns ? mainPane(state, size) : twoPanes(state, size);
  return lines.slice(0, size.rows).map((line) => clipped(line, size.columns, ellipsis));
}

function twoPanes(state: ScreenState, { columns, rows }: Size): Line[] {
  if (state.release === null) return mainPane(state, { columns, rows });
  const left = mainPane(state, { columns: mainColumns, rows });
  const right = sidePane(state, state.release, { columns: columns - mainColumns - 3, rows });
  const side = piece(` ${symbolsOf(state).side} `, 'dim');
  return Array.from({ length: rows }, (_, index) => [
    ...padded(left[index] ?? [], mainColumns),
    side,
    ...(right[index] ?? []),
  ]);
}

/** From the top: header, bars, checks, words, decisions; the keys always stand at the bottom. */
function mainPane(state: ScreenState, { columns, rows }: Size): Line[] {
  const keys = keyBar(state, columns).slice(0, rows);
  // A blank line before the keys, where there is one to spare.
  const room = rows - keys.length - (rows > 24 ? 1 : 0);
  const top = topOf(state, columns, room);
  const left = room - top.length - 1;
  const decisions = left > 0 ? lastDecisions(state, columns, left) : [];
  const titled = decisions.length > 0 ? [[piece('LAST DECISIONS', 'dim')], ...decisions] : [];
  const body = [...top, ...titled].slice(0, room);
  return [...body, ...Array.from({ length: rows - keys.length - body.length }, () => []), ...keys];
}

function topOf(state: ScreenState, columns: number, room: number): Line[] {
  const notice = asides(state, columns);
  const { release } = state;
  if (release === null) return [[piece('canaryd demo', 'bold')], [], ...notice, []];
  const withBlanks = joined(sections(state, release, { columns, most: 8 }), notice, true);
  if (withBlanks.length + 1 + fewestDecisionRows <= room) return withBlanks;
  const tight = joined(sections(state, release, { columns, most: 3 }), notice, false);
  if (tight.length + 1 + fewestDecisionRows <= room) return tight;
  return joined(sections(state, release, { columns, most: 2 }), notice, false);
}

/** What stands beside the release: what is awaited, and how to reach canaryd. */
function asides({ notice, access }: ScreenState, columns: number): Line[] {
  const said = notice === null ? [] : wrapped(notice, columns).map((line) => [piece(line, 'warn')]);
  return [
    ...said,
    ...access.flatMap((command) => wrapped(command, columns).map((line) => [piece(line, 'bold')])),
  ];
}

function sections(
  state: ScreenState,
  release: RolloutSeen,
  room: { columns: number; most: number },
): Line[][] {
  const { columns } = room;
  return [
    header(state, release, columns),
    [
      ...weightBar(state, release, columns),
      ...bakeBar(state, release, columns),
      ...rail(state, release, columns),
    ],
    checksTable(state, release, columns),
    explanation(state, release, room),
  ];
}

function joined(parts: Line[][], notice: Line[], blanks: boolean): Line[] {
  const all = notice.length === 0 ? parts : [...parts, notice];
  return all.flatMap((part) => (blanks ? [...part, []] : part));
}
