import type { TextMatch } from '../rollout/managed-route.ts';
import { quoted } from './regex.ts';

/**
 * The regular expression (RE2, for the whole value of the header `cookie`) that finds all of these cookies in any order
 * among others. RFC 6265, section 4.2.1, separates cookies by "; "; RE2 has no lookahead, so that several cookies are
 * the alternatives of their orders.
 */
export function cookieRegex(cookies: readonly (readonly [name: string, match: TextMatch])[]): string {
  const pairs = cookies.map(([name, match]) => `${quoted(name)}=${valueRegex(match)}`);
  const orders = ordersOf(pairs).map((order) => order.join('(;.*)?;\\s*'));
  const wanted = orders.length === 1 ? orders.join('') : `(${orders.join('|')})`;
  return `^(.*?;\\s*)?${wanted}(;.*)?$`;
}

function valueRegex(match: TextMatch): string {
  if ('exact' in match) return quoted(match.exact);
  return 'prefix' in match ? `${quoted(match.prefix)}[^;]*` : `(?:${unanchored(match.regex)})`;
}

/** It matches the whole text in any case, and inside of another expression its anchors would match nothing. */
function unanchored(regex: string): string {
  return regex.replace(/^\^/, '').replace(/(?<!\\)((?:\\\\)*)\$$/, '$1');
}

function ordersOf(items: readonly string[]): string[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((first, index) =>
    ordersOf(items.filter((_, other) => other !== index)).map((rest) => [first, ...rest]),
  );
}
