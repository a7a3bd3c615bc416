/** What a command sees of the outside: where it writes, and its environment. */
export type Terminal = {
  env: Record<string, string | undefined>;
  out: (text: string) => void;
  err: (text: string) => void;
  /** True where a person reads what goes out; left out where nobody knows. */
  isTerminal?: boolean;
};

const columns = 80;

/** A paragraph in lines of at most 80 columns; those after the first begin with `indent` spaces. */
export function wrapped(text: string, indent = 0): string {
  const lines: string[] = [];
  let line = /^ */.exec(text)?.[0] ?? '';
  let isBegun = false;
  for (const word of text.trimStart().split(' ')) {
    const longer = isBegun ? `${line} ${word}` : `${line}${word}`;
    if (isBegun && longer.length > columns) {
      lines.push(line.trimEnd());
      line = ' '.repeat(indent) + word;
    } else {
      line = longer;
    }
    isBegun = true;
  }
  return [...lines, line].join('\n');
}

/** Says on the error channel what went wrong, and what to type next. */
export function complain(terminal: Terminal, what: string, next: string | null = null): void {
  terminal.err(`${wrapped(`canaryd: ${what}`, 2)}\n`);
  if (next !== null) sayNext(terminal, next);
}

/** What whoever typed a command can type now. */
export function sayNext(terminal: Terminal, next: string): void {
  terminal.err(`${wrapped(`  next: ${next}`, 8)}\n`);
}
