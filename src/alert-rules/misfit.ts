import { isLike } from './pattern.ts';
import type { RuleSubject } from './recognise.ts';
import { matcherText, type ServedLabel, type ServedMatcher } from './selection.ts';

/** What the canary's own series say in these labels, as far as that is known. */
export type CanaryLabels = { readonly [label in ServedLabel]?: string | undefined };

/**
 * Why a rule cannot be about this canary: it names another service, workload, namespace or version, or one by a label
 * whose value on the canary is not known. Null where every label fits.
 */
export function misfitOf({ served }: RuleSubject, canary: CanaryLabels): string | null {
  return served.map((matcher) => misfit(matcher, canary[matcher.label])).find((why) => why !== null) ?? null;
}

function misfit(matcher: ServedMatcher, value: string | undefined): string | null {
  const { label, operator } = matcher;
  const text = matcherText(matcher);
  if (value === undefined) return `it has ${text}, and which ${label} the canary has is not known`;
  const isMet =
    operator === '=' || operator === '!=' ? matcher.value === value : isLike(matcher.value, value);
  if (isMet === null)
    return `it has ${text}, a pattern that canaryd does not read: write names with | between`;
  const isWanted = operator === '=' || operator === '=~';
  if (isMet === isWanted) return null;
  return `it has ${text}, and the canary's ${label} is ${JSON.stringify(value)}: it is a rule for others`;
}
