import { z } from 'zod';
import type { TextMatch } from '../rollout/managed-route.ts';
import { isSameJson } from './same-json.ts';

/** How Istio matches a text; a header without a condition, or with the regex "*", has to be there, whatever it says. */
export type Condition =
  | { kind: 'exact' | 'prefix' | 'regex'; text: string }
  | { kind: 'present' }
  | { kind: 'unreadable' };

/**
 * How the texts that match one condition lie to those that match another. `unknown` where a regular expression, or what
 * cannot be read, would have to be understood.
 */
export type Relation = 'same' | 'firstNarrower' | 'secondNarrower' | 'disjoint' | 'unknown';

const StringMatch = z.strictObject({
  exact: z.string().optional(),
  prefix: z.string().optional(),
  regex: z.string().optional(),
});

/** Reads a StringMatch of Istio. */
export function conditionOf(match: unknown): Condition {
  const parsed = StringMatch.safeParse(match);
  if (!parsed.success) return { kind: 'unreadable' };
  const { exact, prefix, regex } = parsed.data;
  if (exact !== undefined) return { kind: 'exact', text: exact };
  if (prefix !== undefined) return { kind: 'prefix', text: prefix };
  return regex === undefined || regex === '*' ? { kind: 'present' } : { kind: 'regex', text: regex };
}

/** Which of two conditions on the same text is the narrower one. */
export function relate(first: Condition, second: Condition): Relation {
  const kinds = [first.kind, second.kind];
  if (kinds.includes('unreadable')) return 'unknown';
  if (isSameJson(first, second)) return 'same';
  if (first.kind === 'present') return 'secondNarrower';
  if (second.kind === 'present') return 'firstNarrower';
  return kinds.includes('regex') ? 'unknown' : relateTexts(first, second);
}

function relateTexts(first: Condition, second: Condition): Relation {
  if (isWithin(first, second)) return 'firstNarrower';
  return isWithin(second, first) ? 'secondNarrower' : 'disjoint';
}

function isWithin(one: Condition, other: Condition): boolean {
  return 'text' in one && other.kind === 'prefix' && one.text.startsWith(other.text);
}

/**
 * The same for a text whose letters may be small or capital for the first condition, and not for the second; regular
 * expressions know no such thing.
 */
export function relateIgnoringCase(first: Condition, second: Condition): Relation {
  if (first.kind === 'regex') return relate(first, second);
  const relation = relate(inSmallLetters(first), inSmallLetters(second));
  if (relation === 'same') return isWithoutLetters(second) ? 'same' : 'secondNarrower';
  return relation === 'firstNarrower' && !isWithoutLetters(second) ? 'unknown' : relation;
}

function inSmallLetters(condition: Condition): Condition {
  return 'text' in condition && condition.kind !== 'regex'
    ? { ...condition, text: condition.text.toLowerCase() }
    : condition;
}

function isWithoutLetters(condition: Condition): boolean {
  return 'text' in condition && condition.text.toLowerCase() === condition.text.toUpperCase();
}

/** A condition in words: `exact "/pay"`. */
export function conditionInWords(match: TextMatch | Condition): string {
  const condition = 'kind' in match ? match : conditionOf(match);
  if (condition.kind === 'present') return 'any value';
  return condition.kind === 'unreadable'
    ? 'what canaryd cannot read'
    : `${condition.kind} "${condition.text}"`;
}
