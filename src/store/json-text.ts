/**
 * JSON that PostgreSQL stores and zod reads back. What JSON or PostgreSQL cannot hold is replaced by its nearest
 * neighbour, because a turn that cannot be written down could not go back either: infinity becomes the largest
 * number (still above every limit), NUL and lone surrogates become U+FFFD.
 */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'string') return storable(part);
    if (typeof part === 'number') return finite(part);
    return part;
  });
}

/** Text without what PostgreSQL refuses (NUL) or would replace on its own (lone surrogates). */
export function storable(text: string): string {
  return text.replaceAll('\0', '\u{FFFD}').replaceAll(/\p{Surrogate}/gu, '\u{FFFD}');
}

function finite(number: number): number {
  if (number === Number.POSITIVE_INFINITY) return Number.MAX_VALUE;
  return number === Number.NEGATIVE_INFINITY ? -Number.MAX_VALUE : number;
}
