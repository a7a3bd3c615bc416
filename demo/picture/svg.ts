import type { Line, Style } from '../screen/line.ts';
import { textWidth } from '../screen/text-width.ts';

const fontSize = 14;
const columnWidth = 8.4;
const rowHeight = 19;
const margin = 16;
const barHeight = 30;

/** Dark on its own, so that it reads the same on light and dark pages. */
const paper = '#0d1117';
const frameColour = '#30363d';
const colours: Record<Style, string> = {
  plain: '#e6edf3',
  bold: '#ffffff',
  dim: '#8b949e',
  good: '#3fb950',
  bad: '#ff7b72',
  warn: '#e3b341',
  accent: '#79c0ff',
};

/**
 * Lines of the screen as an SVG image: text as text, in whatever monospaced font the reader has. Each piece is
 * stretched to its columns, so that columns stay columns in every font. `title` is what a screen reader says.
 */
export function svgOf(lines: readonly Line[], columns: number, title: string): string {
  const width = Math.ceil(columns * columnWidth + 2 * margin);
  const height = lines.length * rowHeight + 2 * margin + barHeight;
  const classes = Object.entries(colours).map(([style, fill]) => `.${style}{fill:${fill}}`);
  const style = `text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:${fontSize}px;white-space:pre}${classes.join('')}.bold,.bad{font-weight:bold}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${style}</style>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${paper}" stroke="${frameColour}"/>`,
    ...['#ff5f57', '#febc2e', '#28c840'].map(
      (fill, index) => `<circle cx="${margin + 6 + index * 20}" cy="20" r="6" fill="${fill}"/>`,
    ),
    ...lines.flatMap((line, row) => texts(line, barHeight + margin + row * rowHeight + fontSize)),
    '</svg>',
    '',
  ].join('\n');
}

/** One element for each piece that can be seen. */
function texts(line: Line, y: number): string[] {
  let column = 0;
  const elements: string[] = [];
  for (const { text, style } of line) {
    for (const run of runs(text)) {
      const width = textWidth(run.text);
      const x = rounded(margin + (column + run.offset) * columnWidth);
      const length = rounded(width * columnWidth);
      elements.push(
        `<text x="${x}" y="${y}" class="${style}" textLength="${length}" lengthAdjust="spacingAndGlyphs">${escaped(run.text)}</text>`,
      );
    }
    column += textWidth(text);
  }
  return elements;
}

/** What stands between two or more blanks, and where it begins: blanks need not be drawn. */
function runs(text: string): { text: string; offset: number }[] {
  const found: { text: string; offset: number }[] = [];
  for (const match of text.matchAll(/\S+(?: \S+)*/g)) {
    found.push({ text: match[0], offset: textWidth(text.slice(0, match.index)) });
  }
  return found;
}

/** Text as it may stand in an element or an attribute; what XML 1.0 cannot hold is a question mark. */
function escaped(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '?')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function rounded(value: number): string {
  return String(Number(value.toFixed(1)));
}
