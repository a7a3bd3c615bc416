import { textWidth } from '../screen/text-width.ts';

const control = '\u001b[';

/** Alternate screen, hidden cursor, no wrapping at the right edge (xterm's private modes 1049, 25 and 7). */
export const enter = `${control}?1049h${control}?25l${control}?7l${control}2J`;
export const leave = `${control}?7h${control}?25h${control}?1049l`;

/**
 * One picture of the screen, drawn over the last one: from the top left, each line cleared behind its end, what is
 * left below cleared too. Nothing is erased before it is drawn, so nothing flickers.
 */
export function frame(lines: string[], columns: number): string {
  const drawn = lines.map((line) => (visibleWidth(line) < columns ? `${line}${control}K` : line));
  return `${control}H${drawn.join('\r\n')}${control}J`;
}

/** Columns of a line without its colours. */
function visibleWidth(line: string): number {
  return textWidth(line.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), ''));
}

const sequence = new RegExp(
  `${String.fromCharCode(27)}(?:\\[[0-9;?<=>]*[ -/]*[@-~]|O.)|${String.fromCharCode(27)}`,
  'g',
);

/** The keys in what a terminal sent: letters in lower case, Ctrl-C as `q`; arrows and the like are nothing. */
export function keysIn(input: string): string[] {
  const typed = input.replaceAll(sequence, '').replaceAll('\u0003', 'q').toLowerCase();
  return [...typed].filter((key) => /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(key));
}
