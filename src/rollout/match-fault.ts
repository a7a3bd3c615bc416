import type { RequestMatch, TextMatch } from './managed-route.ts';

/** What no VirtualService can say of requests: where it stands in the match, and a sentence without a subject. */
export type MatchFault = { path: string[]; why: string };

/** Every order of cookies is an alternative of its own, so the expression grows fast. */
const mostCookies = 3;

/** Istio's reference says of header matches with these names that they are ignored: such a route would match all. */
const ignoredHeaders = ['uri', 'scheme', 'method', 'authority'];

/** Why no route could match requests like this, whatever it stands before; null when nothing speaks against it. */
export function matchFault(match: RequestMatch): MatchFault | null {
  const { headers = {}, cookies = {} } = match;
  const ignored = Object.keys(headers).find((name) => ignoredHeaders.includes(name));
  if (ignored !== undefined) {
    const why = `matches a header named ${ignored}, which Istio ignores: match by another header`;
    return { path: ['headers', ignored], why };
  }
  const count = Object.keys(cookies).length;
  if (count > 0 && headers['cookie'] !== undefined) {
    const why = 'matches the header cookie and cookies as well: write one of them';
    return { path: ['headers', 'cookie'], why };
  }
  if (count > mostCookies) {
    const why = `matches ${count} cookies at once: name at most ${mostCookies} in one match`;
    return { path: ['cookies'], why };
  }
  const faults = textsIn(match).map(([path, text]) => regexFault(path, text));
  return faults.find((one) => one !== null) ?? null;
}

function textsIn({ headers = {}, cookies = {}, method, uri }: RequestMatch): [string[], TextMatch][] {
  const all: [string[], TextMatch | undefined][] = [
    ...Object.entries(headers).map(([name, text]): [string[], TextMatch] => [['headers', name], text]),
    ...Object.entries(cookies).map(([name, text]): [string[], TextMatch] => [['cookies', name], text]),
    [['method'], method],
    [['uri'], uri],
  ];
  return all.flatMap(([path, text]): [string[], TextMatch][] => (text === undefined ? [] : [[path, text]]));
}

function regexFault(path: string[], text: TextMatch): MatchFault | null {
  const fault = 'regex' in text ? faultInRegex(text.regex) : null;
  if (fault === null || !('regex' in text)) return null;
  return { path: [...path, 'regex'], why: `matches by the regular expression "${text.regex}", but ${fault}` };
}

/**
 * Why RE2 would refuse a regular expression, or why it could not stand inside of another one; null when nothing speaks
 * against it. It looks at what people get wrong (groups and sets that stay open, lookarounds, back-references), not at
 * the whole grammar: https://github.com/google/re2/wiki/Syntax
 */
function faultInRegex(regex: string): string | null {
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
