/** A place in a text for people, counted from 1. */
export type TextPlace = { line: number; column: number };

const space = /[ \t\n\r]*/y;
const token =
  /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\]:,]/uy;

/** What may come next: a value, the first part of an array or object, a key, a colon, or what follows a value. */
type Awaited = 'value' | 'item' | 'key' | 'firstKey' | 'colon' | 'after';
type Reader = { awaited: Awaited; open: ('{' | '[')[] };

/**
 * Where a text stops being JSON (RFC 8259); null when it is JSON. The parser of the platform says it in the words of
 * its version, or not at all.
 */
export function jsonFault(text: string): TextPlace | null {
  const reader: Reader = { awaited: 'value', open: [] };
  let at = endOf(space, text, 0) ?? 0;
  while (at < text.length) {
    const end = endOf(token, text, at);
    if (end === null || !takes(reader, text.slice(at, end))) return placeAt(text, at);
    at = endOf(space, text, end) ?? end;
  }
  const isWhole = reader.awaited === 'after' && reader.open.length === 0;
  return isWhole ? null : placeAt(text, at);
}

/** The place of an offset in a text. */
export function placeAt(text: string, offset: number): TextPlace {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}

function endOf(pattern: RegExp, text: string, from: number): number | null {
  pattern.lastIndex = from;
  const found = pattern.exec(text);
  return found === null ? null : from + found[0].length;
}

/** Moves on by one token; false when it may not stand there. */
function takes(reader: Reader, part: string): boolean {
  const next = isClosing(part) ? close(reader, part) : (tables[reader.awaited](part) ?? null);
  if (next === null) return false;
  if (part === '{' || part === '[') reader.open.push(part);
  reader.awaited = next === 'next' ? (reader.open.at(-1) === '{' ? 'key' : 'value') : next;
  return true;
}

function isClosing(part: string): part is '}' | ']' {
  return part === '}' || part === ']';
}

function close({ awaited, open }: Reader, part: '}' | ']'): Awaited | null {
  const isEmpty = awaited === (part === '}' ? 'firstKey' : 'item');
  if (awaited !== 'after' && !isEmpty) return null;
  return open.pop() === (part === '}' ? '{' : '[') ? 'after' : null;
}

const tables: Record<Awaited, (part: string) => Awaited | 'next' | null> = {
  value: afterValue,
  item: afterValue,
  firstKey: (part) => (part.startsWith('"') ? 'colon' : null),
  key: (part) => (part.startsWith('"') ? 'colon' : null),
  colon: (part) => (part === ':' ? 'value' : null),
  after: (part) => (part === ',' ? 'next' : null),
};

function afterValue(part: string): Awaited | null {
  if (part === '{') return 'firstKey';
  if (part === '[') return 'item';
  return part === ':' || part === ',' ? null : 'after';
}
