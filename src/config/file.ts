import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import type { Path } from './settings.ts';
import { mappingAt, type Tree } from './tree.ts';

/** A configuration file: what stands in it, and where. */
export type ConfigFile = {
  path: string;
  tree: Tree;
  /** The line, from 1, of what stands at a path, or of what it is missing from. */
  lineOf(path: Path): number | null;
  /** A path in the file is relative to the file. */
  resolve(path: string): string;
};

export type FileRead = { kind: 'file'; file: ConfigFile } | { kind: 'faults'; faults: string[] };

/** Reads YAML, of which JSON is a part. Faults name lines and never quote the text, which may hold secrets. */
export function parseConfigFile(path: string, text: string): FileRead {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const faults = document.errors.map(
    ({ code, pos }) => `line ${lines.linePos(pos[0]).line}: ${wordsOf(code)}`,
  );
  if (faults.length > 0) return { kind: 'faults', faults };
  const tree: unknown = document.toJS({ maxAliasCount: 100 });
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) {
    return { kind: 'faults', faults: ['line 1: write keys and values, such as `databaseUrlFile: db-url`'] };
  }
  const lineOf = (at: Path): number | null => {
    for (let length = at.length; length > 0; length -= 1) {
      const node: unknown = document.getIn(at.slice(0, length), true);
      const offset = offsetOf(node);
      if (offset !== null) return lines.linePos(offset).line;
    }
    return null;
  };
  return {
    kind: 'file',
    file: { path, tree: mappingAt(tree, []), lineOf, resolve: (to) => resolve(dirname(path), to) },
  };
}

function wordsOf(code: string): string {
  if (code === 'DUPLICATE_KEY') return 'a key is written twice: write it once';
  if (code === 'TAB_AS_INDENT') return 'a tab indents the line: use spaces';
  return `this is no YAML (${code.toLowerCase().replaceAll('_', ' ')}): mend the indentation or the quotes`;
}

function offsetOf(node: unknown): number | null {
  if (typeof node !== 'object' || node === null || !('range' in node)) return null;
  const { range } = node;
  return Array.isArray(range) && typeof range[0] === 'number' ? range[0] : null;
}
