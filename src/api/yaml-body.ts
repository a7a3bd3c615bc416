import { CST, type Document, isScalar, Lexer, parseAllDocuments, visit } from 'yaml';
import { placeAt, type TextPlace } from './json-fault.ts';
import { ProblemError } from './problem.ts';
import { clip } from './wire-parts.ts';

const deepestIndent = 100;
const deepestFlow = 50;
const mostIndicatorsInLine = 150;

const options = {
  version: '1.2',
  schema: 'core',
  strict: true,
  stringKeys: true,
  merge: false,
  prettyErrors: false,
  // Comparing every key with every other one takes too long in a large file; `refuseKeys` does it in one pass.
  uniqueKeys: false,
  logLevel: 'silent',
} as const;

/** Why a text is not taken as YAML: a sentence, and where. */
type YamlFault = { why: string; at: TextPlace | null; slug: 'malformed-request' | 'forbidden-key' };

/**
 * Reads one YAML 1.2 document with what JSON can hold and no more: anchors, aliases, tags, directives, repeated keys
 * and further documents are refused. Throws a problem that names line and column.
 */
export function parseYaml(text: string, forbiddenKeys: ReadonlySet<string>): unknown {
  refuseDepth(text);
  const documents = parseAllDocuments(text, options);
  const [document, second] = Array.isArray(documents) ? documents : [];
  if (document === undefined) throw new ProblemError('malformed-request', 'The body has no YAML in it.');
  refuseFault(syntaxFault(document, text));
  if (second !== undefined) {
    refuseFault(faultAt('a second document begins: send one', text, second.range?.[0]));
  }
  refuseFault(extraFault(document, text, forbiddenKeys));
  const value: unknown = document.toJS({ maxAliasCount: 0 });
  return value;
}

/** The parser calls itself for each level; too many end the process, so they are counted before it sees them. */
function refuseDepth(text: string): void {
  const at = deepFlow(text) ?? deepBlock(text);
  if (at === null) return;
  refuseFault({ why: 'nested too deeply: a plan needs four levels', at, slug: 'malformed-request' });
}

/**
 * Where brackets are open too deep, or null. Counted by the tokens that the parser gets, because a bracket in a comment
 * or in quotes closes nothing.
 */
function deepFlow(text: string): TextPlace | null {
  let depth = 0;
  let offset = 0;
  let last = '';
  for (const token of new Lexer().lex(text)) {
    // What follows this mark is text, also when it is a bracket.
    if (last !== CST.SCALAR) depth = Math.max(0, depth + (steps.get(token) ?? 0));
    if (depth > deepestFlow) return { line: placeAt(text, offset).line, column: 1 };
    if (!marks.has(token)) offset += token.length;
    last = token;
  }
  return null;
}

const steps = new Map([
  ['[', 1],
  ['{', 1],
  [']', -1],
  ['}', -1],
]);

/** Tokens that stand for nothing in the text. */
const marks = new Set<string>([CST.DOCUMENT, CST.FLOW_END, CST.SCALAR]);

function deepBlock(text: string): TextPlace | null {
  for (const [index, line] of text.split('\n').entries()) {
    const indent = /^[ \t]*/.exec(line)?.[0].length ?? 0;
    const indicators = count(line, /[-?:](?=[ \t\r]|$)/g);
    const isDeep = indent > deepestIndent || indicators > mostIndicatorsInLine;
    if (isDeep && line.trim() !== '') return { line: index + 1, column: 1 };
  }
  return null;
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

function syntaxFault(document: Document.Parsed, text: string): YamlFault | null {
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault !== undefined) return faultAt(clip(fault.message), text, fault.pos[0]);
  if (document.directives.yaml.explicit === true) return faultAt('a directive (%): leave it out', text, 0);
  return null;
}

/** What YAML can say and JSON cannot, and keys that may not stand in any body. */
function extraFault(
  document: Document.Parsed,
  text: string,
  forbiddenKeys: ReadonlySet<string>,
): YamlFault | null {
  const found: { fault: YamlFault | null } = { fault: null };
  function stop(fault: YamlFault): symbol {
    found.fault = fault;
    return visit.BREAK;
  }
  visit(document, {
    Alias: (_key, { range }) => stop(faultAt('an alias (*): write the value out', text, range?.[0])),
    Node: (_key, node) => {
      const what = 'anchor' in node && node.anchor !== undefined ? 'an anchor (&)' : tagOf(node.tag);
      if (what === null) return undefined;
      return stop(faultAt(`${what}: leave it out`, text, node.range?.[0]));
    },
    Map: (_key, { items }) => {
      const fault = keyFault(items, text, forbiddenKeys);
      return fault === null ? undefined : stop(fault);
    },
  });
  return found.fault;
}

function tagOf(tag: string | undefined): string | null {
  return tag === undefined ? null : 'a tag (!)';
}

function keyFault(
  items: readonly { key: unknown }[],
  text: string,
  forbiddenKeys: ReadonlySet<string>,
): YamlFault | null {
  const seen = new Set<string>();
  for (const { key } of items) {
    if (!isScalar(key)) continue;
    const name = String(key.value);
    const at = key.range?.[0];
    if (forbiddenKeys.has(name)) {
      return { ...faultAt(`the key "${name}" is not allowed`, text, at), slug: 'forbidden-key' };
    }
    if (seen.has(name)) {
      return { ...faultAt('a key is written twice in one object', text, at), slug: 'forbidden-key' };
    }
    seen.add(name);
  }
  return null;
}

function faultAt(why: string, text: string, offset: number | undefined): YamlFault {
  return { why, at: offset === undefined ? null : placeAt(text, offset), slug: 'malformed-request' };
}

function refuseFault(fault: YamlFault | null): void {
  if (fault === null) return;
  const where = fault.at === null ? '' : `line ${fault.at.line}, column ${fault.at.column}: `;
  const errors = [{ pointer: '', code: 'yaml', detail: `${where}${fault.why}` }];
  throw new ProblemError(fault.slug, `The body is not taken as YAML: ${where}${fault.why}.`, { errors });
}
