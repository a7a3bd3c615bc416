import { isLike, type Wildcard } from '../wildcards.ts';

/** What a label must be, as Prometheus and Alertmanager write it. */
export type Matcher = { name: string; value: string; isRegex: boolean; isEqual: boolean };

/** Of an expression, in characters. */
const longest = 4096;

/**
 * Whether one of these values meets a matcher, or none is what it excludes; null where that cannot be said. Other
 * people wrote the expression, and JavaScript may take for ever over one: only names, alternatives, `.`, `.*` and `.+`
 * are understood, and none of them is run as an expression.
 * Both sides are anchored: https://prometheus.io/docs/prometheus/latest/querying/basics/#instant-vector-selectors
 */
export function isMet({ value, isRegex, isEqual }: Matcher, values: ReadonlySet<string>): boolean | null {
  if (!isRegex) return values.has(value) === isEqual;
  const patterns = alternativesOf(value);
  if (patterns === null) return null;
  return [...values].some((one) => patterns.some((pattern) => isLike(pattern, one))) === isEqual;
}

function alternativesOf(source: string): Wildcard[][] | null {
  if (source.length > longest) return null;
  const inner =
    /^\^?\((?:\?:)?([^()]*)\)\$?$/.exec(source)?.[1] ?? source.replace(/^\^/, '').replace(/\$$/, '');
  const patterns = inner.split('|').map(wildcards);
  const known = patterns.filter((pattern) => pattern !== null);
  return known.length === patterns.length ? known : null;
}

/** Names with `.*`, `.+` and `.` in them; null for all else that an expression may be. */
function wildcards(alternative: string): Wildcard[] | null {
  const parts = alternative.match(/\\[.\-/]|\[\.\]|\.[*+]|[\w.\-/:@ ]|[\s\S]/g) ?? [];
  const isKnown = parts.every((part) => part.length > 1 || /[\w.\-/:@ ]/.test(part));
  return isKnown ? parts.flatMap(wildcardsOf) : null;
}

function wildcardsOf(part: string): Wildcard[] {
  if (part === '.') return [{ kind: 'one' }];
  if (part === '.*') return [{ kind: 'run' }];
  if (part === '.+') return [{ kind: 'one' }, { kind: 'run' }];
  return [{ kind: 'is', character: part.replaceAll(/[\\[\]]/g, '') }];
}
