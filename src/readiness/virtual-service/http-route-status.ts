import type { HttpRoute } from '../objects.ts';

type Told = NonNullable<NonNullable<HttpRoute['status']>['parents']>[number];
type Conditions = NonNullable<Told['conditions']>;

/** `isRefused`: no parent of those that count takes the route as it stands now. */
export type RouteStatus = { words: string; isRefused: boolean };

/**
 * What the parents say of a route. A condition that was written for an older form of it says nothing of this one.
 * Source: https://gateway-api.sigs.k8s.io/reference/spec/#routeparentstatus
 */
export function routeStatus(
  { metadata, status }: HttpRoute,
  counts: (parent: Told['parentRef']) => boolean,
): RouteStatus {
  const told = (status?.parents ?? []).filter(({ parentRef }) => counts(parentRef));
  if (told.length === 0) return { words: 'no controller says whether it is accepted', isRefused: false };
  const generation = metadata.generation ?? null;
  const words = told.map(({ parentRef, conditions }) => {
    const said = ['Accepted', 'ResolvedRefs'].map((type) => wordOf(type, conditions ?? [], generation));
    return `${parentRef.name}: ${said.join(', ')}`;
  });
  const isRefused = told.every(({ conditions }) =>
    (conditions ?? []).some(
      (one) => one.type === 'Accepted' && one.status === 'False' && isCurrent(one, generation),
    ),
  );
  return { words: words.join('; '), isRefused };
}

function wordOf(type: string, conditions: Conditions, generation: number | null): string {
  const condition = conditions.find((one) => one.type === type);
  if (condition === undefined) return `${type} not told`;
  const reason = condition.status === 'True' || !condition.reason ? '' : ` (${condition.reason})`;
  const age = isCurrent(condition, generation)
    ? ''
    : ` of generation ${condition.observedGeneration}, not ${generation}`;
  return `${type} ${condition.status}${reason}${age}`;
}

function isCurrent({ observedGeneration }: Conditions[number], generation: number | null): boolean {
  return generation === null || observedGeneration == null || observedGeneration >= generation;
}
