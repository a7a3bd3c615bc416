import { type Line, lineWidth, type Segment, type Style } from './line.ts';

/** Select Graphic Rendition (ECMA-48, 8.3.117). Not `styleText`, which looks at the environment by itself. */
const codes: Record<Style, string> = {
  plain: '',
  bold: '1',
  dim: '2',
  good: '32',
  bad: '1;31',
  warn: '33',
  accent: '36',
};

/** A line as text for a terminal, with or without colours; as ASCII every other character is a question mark. */
export function paint(line: Line, { colour, ascii }: { colour: boolean; ascii: boolean }): string {
  const shown = ascii ? line.map(asAscii) : line;
  return shown.map(({ text, style }) => (colour ? coloured(text, codes[style]) : text)).join('');
}

function coloured(text: string, code: string): string {
  return code === '' || text === '' ? text : `\u001b[${code}m${text}\u001b[0m`;
}

function asAscii(segment: Segment): Segment {
  if (/^[\x20-\x7e]*$/.test(segment.text)) return segment;
  const text = segment.text.replaceAll(/[^\x20-\x7e]/gu, '?');
  // Two columns stay two columns, and a mark that stands on its letter goes with it.
  const columns = lineWidth([segment]);
  return { ...segment, text: text.slice(0, columns).padEnd(columns, '?') };
}
