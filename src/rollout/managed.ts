import type { ManagedRoute, RequestMatch, TextMatch } from './managed-route.ts';
import type { Rollout } from './rollout.ts';

type Managed = Rollout['traffic']['managed'];

/** True when the same routes stand there under the same names, in the same order. */
export function isSameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index]);
}

/** The names of managed routes, in their order. */
export function namesOf(routes: readonly ManagedRoute[]): string[] {
  return routes.map(({ name }) => name);
}

/** True when what is wanted stands there, as it was last read back. */
export function isManagedApplied({ managed }: Rollout['traffic']): boolean {
  return managed.changed === undefined && isSameNames(namesOf(managed.desired), managed.applied);
}

/** With these routes as those read back; `changed` are those of them that do not do what is wanted. */
export function withManagedFound(
  { desired }: Managed,
  applied: string[],
  changed: readonly string[] = [],
): Managed {
  return { desired, applied, ...(changed.length === 0 ? {} : { changed: [...changed] }) };
}

/** True when a route is wanted that did not stand there when it was last read back. */
export function addsRoute({ traffic: { managed } }: Pick<Rollout, 'traffic'>): boolean {
  return managed.desired.some(({ name }) => !managed.applied.includes(name));
}

/** True when some requests go to the canary whatever the weights: the routes may stand, or may have landed. */
export function isPreviewed({ traffic: { managed, intent } }: Pick<Rollout, 'traffic'>): boolean {
  const mayHaveLanded = intent !== null && managed.desired.some(({ kind }) => kind === 'header');
  return mayHaveLanded || managed.applied.some((name) => kindOf(managed, name) === 'header');
}

/**
 * True when the canary gets copies of requests at any time of the plan: what is asked about it then must leave them out
 * from first to last, since a window still holds those from before their route was taken away.
 */
export function isMirroring({ plan }: Pick<Rollout, 'plan'>): boolean {
  return plan.steps.some(({ type }) => type === 'setMirrorRoute');
}

/** True when requests divide by the weights alone, so that their numbers show the share. */
export function isShareObservable(rollout: Rollout): boolean {
  return !isPreviewed(rollout);
}

/** One that nobody wanted may bring anybody to the canary. */
function kindOf({ desired }: Managed, name: string): ManagedRoute['kind'] {
  return desired.find((route) => route.name === name)?.kind ?? 'header';
}

/** What a managed route does, in words: `requests with x-canary: true go to v2 (canary)`. */
export function managedInWords(route: ManagedRoute, canary: string): string {
  const matching = route.match === null ? 'all requests' : `requests with ${matchesInWords(route.match)}`;
  if (route.kind === 'header') return `${matching} go to ${canary} (canary)`;
  return `copies of ${route.percentage} % of ${matching} go to ${canary} (canary)`;
}

/** Which requests match, in words. */
export function matchesInWords(matches: readonly RequestMatch[]): string {
  return matches.map(matchInWords).join(', or ');
}

function matchInWords({ headers = {}, cookies = {}, method, uri }: RequestMatch): string {
  const named = (kind: string, matches: Record<string, TextMatch>) =>
    Object.entries(matches).map(([name, match]) => `${kind}${name}${textInWords(match)}`);
  const parts = [
    ...named('', headers),
    ...named('the cookie ', cookies),
    ...(method === undefined ? [] : [`the method${textInWords(method)}`]),
    ...(uri === undefined ? [] : [`the uri${textInWords(uri)}`]),
  ];
  return parts.join(' and ');
}

function textInWords(match: TextMatch): string {
  if ('exact' in match) return `: ${match.exact}`;
  return 'prefix' in match ? `: ${match.prefix}...` : ` like ${match.regex}`;
}
