import { characters, clean, textWidth } from './text-width.ts';

export type Style = 'plain' | 'bold' | 'dim' | 'good' | 'bad' | 'warn' | 'accent';
export type Segment = { text: string; style: Style };
/** One line of the screen: pieces of text, each in one style. */
export type Line = readonly Segment[];

/** A piece of a line; whatever could steer a terminal is taken out of it. */
export function piece(text: string, style: Style = 'plain'): Segment {
  return { text: clean(text), style };
}

/** Columns that a line takes. */
export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + textWidth(text), 0);
}

/** The line with at most this many columns; what is cut ends with the ellipsis. */
export function clipped(line: Line, columns: number, ellipsis: string): Line {
  if (lineWidth(line) <= columns) return line;
  const kept: Segment[] = [];
  let room = columns - textWidth(ellipsis);
  for (const { text, style } of line) {
    const fitting = firstColumns(text, room);
    kept.push({ text: fitting, style });
    room -= textWidth(fitting);
    if (fitting !== text) break;
  }
  return [...kept, { text: ellipsis, style: 'dim' }];
}

/** The line with blanks behind it up to this many columns. */
export function padded(line: Line, columns: number): Line {
  const missing = columns - lineWidth(line);
  return missing > 0 ? [...line, piece(' '.repeat(missing))] : line;
}

/** A text broken at its blanks into lines of at most this many columns; a longer word is broken anywhere. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of clean(text)
    .split(' ')
    .flatMap((whole) => broken(whole, columns))) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (textWidth(longer) > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/** Pieces that belong together, laid out in lines of at most this many columns. */
export function flowed(groups: Line[], between: Segment, columns: number): Line[] {
  const lines: Line[] = [];
  let line: Line = [];
  for (const group of groups) {
    const longer = line.length === 0 ? group : [...line, between, ...group];
    if (lineWidth(longer) > columns && line.length > 0) {
      lines.push(line);
      line = group;
    } else line = longer;
  }
  return line.length === 0 ? lines : [...lines, line];
}

function broken(word: string, columns: number): string[] {
  const parts: string[] = [];
  let rest = word;
  while (textWidth(rest) > columns) {
    const part = firstColumns(rest, columns);
    if (part === '') break;
    parts.push(part);
    rest = rest.slice(part.length);
  }
  return [...parts, rest];
}

function firstColumns(text: string, columns: number): string {
  let taken = '';
  let room = columns;
  for (const { text: character, width } of characters(text)) {
    if (width > room) break;
    taken += character;
    room -= width;
  }
  return taken;
}
