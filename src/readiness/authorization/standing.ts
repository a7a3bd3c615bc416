import type { Side } from '../arms.ts';
import { type Group, isForEverything, isTargeted, namesOf, policyReach, rulesOf } from './policies.ts';

/**
 * What happens to a request that no rule names: with an ALLOW policy on the workload it is denied, without one it is
 * let in. Source: https://istio.io/latest/docs/concepts/security/#implicit-enablement
 */
export type Standing =
  | { kind: 'closed'; by: string }
  /** `by`: the policy that allows everything, or null where no ALLOW policy selects the arm. */
  | { kind: 'open'; by: string | null };

export function standingOf(side: Side, groups: readonly Group[], rootNamespace: string): Standing {
  const allowing = groups.filter(
    ({ action, first, policies }) =>
      action === 'ALLOW' && !isTargeted(first) && isReached(policyReach(policies, side, rootNamespace)),
  );
  const open = allowing.find(
    (group) => allowsAll(group) && policyReach(group.policies, side, rootNamespace) === 'all',
  );
  if (open !== undefined) return { kind: 'open', by: namesOf(open.policies) };
  const [first] = allowing;
  return first === undefined ? { kind: 'open', by: null } : { kind: 'closed', by: namesOf(first.policies) };
}

export function isReached(reach: string): boolean {
  return reach === 'all' || reach === 'some';
}

function allowsAll({ first }: Group): boolean {
  return rulesOf(first).some(isForEverything);
}

export function allowsNothing({ first }: Group): boolean {
  return rulesOf(first).length === 0;
}
