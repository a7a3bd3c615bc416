/** What the screen draws with. Every symbol but the arrow and `atMost` is one column wide. */
export type Symbols = {
  done: string;
  now: string;
  toCome: string;
  failed: string;
  waiting: string;
  full: string;
  moving: string;
  empty: string;
  line: string;
  limit: string;
  side: string;
  dot: string;
  arrow: string;
  atMost: string;
  /** From low to high. */
  sparks: readonly string[];
  missing: string;
  ellipsis: string;
};

const unicode: Symbols = {
  done: '✓',
  now: '◐',
  toCome: '○',
  failed: '✗',
  waiting: '‖',
  full: '█',
  moving: '▒',
  empty: '░',
  line: '─',
  limit: '┄',
  side: '│',
  dot: '·',
  arrow: '→',
  atMost: '≤',
  sparks: [...'▁▂▃▄▅▆▇█'],
  missing: '?',
  ellipsis: '…',
};

const ascii: Symbols = {
  done: '+',
  now: '>',
  toCome: '.',
  failed: 'X',
  waiting: '"',
  full: '#',
  moving: '=',
  empty: '-',
  line: '-',
  limit: '-',
  side: '|',
  dot: '-',
  arrow: '->',
  atMost: '<=',
  sparks: [...'_.:-=+*#'],
  missing: '?',
  ellipsis: '~',
};

export function symbolsOf({ ascii: isAscii }: { ascii: boolean }): Symbols {
  return isAscii ? ascii : unicode;
}
