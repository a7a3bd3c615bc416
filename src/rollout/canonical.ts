/**
 * JSON with the keys of every object in the order of their code units and no spaces, so that the same content gives
 * the same text and the same digest (as RFC 8785 orders them; numbers are written as JavaScript writes them).
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (isPlain(part) ? sorted(part) : part));
}

function isPlain(part: unknown): part is Record<string, unknown> {
  return typeof part === 'object' && part !== null && !Array.isArray(part);
}

function sorted(part: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries);
}
