/** A text as a regular expression (RE2) that matches nothing else. */
export function quoted(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}

/**
 * Why RE2 would refuse a regular expression, or why it could not stand inside of another one; null when nothing speaks
 * against it. It looks at what people get wrong (groups and sets that stay open, lookarounds, back-references), not at
 * the whole grammar: https://github.com/google/re2/wiki/Syntax
 */
export function faultInRegex(regex: string): string | null {
  const parts = partsOf(regex);
  if (parts === null) return 'a set or an escape in it stays open: close it';
  const fault = parts.map(faultInPart).find((one) => one !== null);
  return fault ?? faultInGroups(parts);
}

function faultInPart(part: string): string | null {
  if (/^\\[1-9]$/.test(part)) return 'RE2 knows no back-references: write it without';
  if (part === '\\Q') return 'canaryd reads no \\Q: write \\ before each sign instead';
  return /^\(\?(?:=|!|<=|<!)$/.test(part)
    ? `RE2 cannot look ahead or behind: write it without ${part}`
    : null;
}

function faultInGroups(parts: readonly string[]): string | null {
  let open = 0;
  for (const part of parts) {
    if (part.startsWith('(')) open += 1;
    if (part === ')') open -= 1;
    if (open < 0) return 'it closes a group that is not open: write \\) for the sign itself';
  }
  return open === 0 ? null : 'a group in it stays open: close it, or write \\( for the sign itself';
}

/** The signs, escapes, sets and begins of groups in their order; null when one of them does not end. */
function partsOf(regex: string): string[] | null {
  const parts: string[] = [];
  for (let at = 0; at < regex.length; at += parts.at(-1)?.length ?? 1) {
    const part = partAt(regex, at);
    if (part === null) return null;
    parts.push(part);
  }
  return parts;
}

function partAt(regex: string, at: number): string | null {
  const rest = regex.slice(at);
  const [part = null] =
    /^(?:\\[\s\S]|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\[\s\S]|[^\]\\])*\]|\(\?(?:=|!|<=|<!)|[^\\[])/.exec(rest) ?? [];
  return part;
}
