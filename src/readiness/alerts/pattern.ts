import { isLike, type Wildcard } from '../wildcards.ts';
import type { Work } from './work.ts';

/** What a label must be, as Prometheus and Alertmanager write it. */
export type Matcher = { name: string; value: string; isRegex: boolean; isEqual: boolean };

/**
 * Whether one of these values meets a matcher, or none is what it excludes; null where that cannot be said, because it
 * is not understood or the work for it is spent.
 */
type Meets = (values: ReadonlySet<string>) => boolean | null;

/** Of an expression, in characters. */
const longest = 32_768;
/** Steps that a character of an alternative takes which is no name: an object is made of it. */
const stepsToRead = 30;

/**
 * Reads a matcher, for all the values that it is compared with. Other people wrote the expression, and JavaScript may
 * take for ever over one: only names, alternatives, `.`, `.*` and `.+` are understood, and none of them is run as an
 * expression.
 * Both sides are anchored: https://prometheus.io/docs/prometheus/latest/querying/basics/#instant-vector-selectors
 */
export function readMatcher({ value, isRegex, isEqual }: Matcher, work: Work): Meets {
  if (!isRegex) return (values) => values.has(value) === isEqual;
  if (value.length > longest || !work.spend(value.length)) return () => null;
  const pattern = patternOf(value, work);
  if (pattern === null) return () => null;
  return (values) => {
    const isOne = hasOne(pattern, values, work);
    return isOne === null ? null : isOne === isEqual;
  };
}

/** What a matcher says of these values, where it is asked once. */
export function isMet(matcher: Matcher, values: ReadonlySet<string>, work: Work): boolean | null {
  return readMatcher(matcher, work)(values);
}

/** Alternatives: those that are names, and the others. `steps`: the most that a character of a text takes. */
type Pattern = { names: ReadonlySet<string>; others: readonly { parts: Wildcard[]; steps: number }[] };

function hasOne({ names, others }: Pattern, values: ReadonlySet<string>, work: Work): boolean | null {
  if (!work.spend(values.size)) return null;
  const all = [...values];
  if (all.some((value) => names.has(value))) return true;
  const isLikeOther = (value: string) =>
    others.some(({ parts, steps }) => work.spend(1 + value.length * steps) && isLike(parts, value));
  if (all.some(isLikeOther)) return true;
  return work.isSpent() ? null : false;
}

function patternOf(source: string, work: Work): Pattern | null {
  const inner =
    /^\^?\((?:\?:)?([^()]*)\)\$?$/.exec(source)?.[1] ?? source.replace(/^\^/, '').replace(/\$$/, '');
  const alternatives = inner.split('|');
  const isName = (alternative: string) => /^[\w\-/:@ ]*$/.test(alternative);
  const names = new Set(alternatives.filter(isName));
  const others: { parts: Wildcard[]; steps: number }[] = [];
  for (const alternative of alternatives.filter((one) => !isName(one))) {
    const parts = work.spend(alternative.length * stepsToRead) ? wildcards(alternative) : null;
    if (parts === null) return null;
    others.push({ parts, steps: 1 + longestAfterRun(parts) });
  }
  return { names, others };
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

/** What stands behind a run is tried at each place of the text. */
function longestAfterRun(parts: readonly Wildcard[]): number {
  let [longestYet, since] = [0, 0];
  let isAfterRun = false;
  for (const { kind } of parts) {
    isAfterRun ||= kind === 'run';
    since = kind === 'run' || !isAfterRun ? 0 : since + 1;
    longestYet = Math.max(longestYet, since);
  }
  return longestYet;
}
