import { compare, labelWords, reachWords, type Sides, sidesOf, withoutPods } from '../arms.ts';
import { defineCheck } from '../check.ts';
import type { Judgement } from '../finding.ts';
import { bounded, orPass, refTo, skip, unknown } from '../judgement.ts';
import type { AuthorizationPolicy } from '../objects.ts';
import { selectBoth } from '../selector-mend.ts';
import { meaningOf } from './left-out.ts';
import { type Group, groupsOf, isTargeted, namesOf, policyReach, targetsOf } from './policies.ts';
import { isReached } from './standing.ts';

type Seen = { sides: Sides; groups: readonly Group[]; rootNamespace: string };

/**
 * Each policy on the labels of both versions, in both directions. Policies of the same action and rules count as one,
 * so that one a version is no fault; a policy that changes nothing is said and blocks nothing.
 * Source: https://istio.io/latest/docs/reference/config/security/authorization-policy/
 */
export const bothArms = defineCheck({
  id: 'PF-AZ-02',
  title: 'Every AuthorizationPolicy that selects one version selects the other',
  family: 'authorization',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['authorizationPolicies', 'pods', 'meshConfig'],
  judge: ({ authorizationPolicies, pods, meshConfig: { rootNamespace } }, subject) => {
    const sides = sidesOf(subject, pods);
    if (sides === null) return [skip(withoutPods(subject))];
    const groups = groupsOf(authorizationPolicies.filter((one) => reachesAny(one, sides, rootNamespace)));
    const seen = { sides, groups, rootNamespace };
    const judged = seen.groups.map((group) => judge(group, seen));
    const failures = judged.flatMap((one) => (one?.result === 'fail' ? [one] : []));
    const unsure = judged.flatMap((one) => (one?.result === 'unknown' ? [one] : []));
    return orPass([...bounded(failures), ...unsure], allAlike(seen));
  },
});

function allAlike({ sides, groups, rootNamespace }: Seen): string {
  const { stable, canary } = sides;
  const selecting = groups.filter(({ policies }) => isReached(policyReach(policies, canary, rootNamespace)));
  const names = selecting.map(({ policies }) => namesOf(policies)).join(', ');
  const both = `both ${stable.version} and ${canary.version}`;
  return names === ''
    ? `no AuthorizationPolicy selects ${both}`
    : `${names} select ${both}, and none only one`;
}

function reachesAny(policy: AuthorizationPolicy, { stable, canary }: Sides, rootNamespace: string): boolean {
  return [stable, canary].some((side) => policyReach([policy], side, rootNamespace) !== 'none');
}

function judge(group: Group, seen: Seen): Judgement | null {
  const { sides, rootNamespace } = seen;
  const reach = {
    stable: policyReach(group.policies, sides.stable, rootNamespace),
    canary: policyReach(group.policies, sides.canary, rootNamespace),
  };
  const comparison = compare(sides, reach);
  if (comparison.kind === 'alike') return null;
  const read = `${saying(group)}: ${reachWords(sides, reach)}`;
  if (comparison.kind === 'unsure') return notYet(read);
  if (group.action === null) return otherAction(read);
  return {
    result: 'fail',
    ...meaningOf({ ...group, action: group.action }, comparison, seen.groups, rootNamespace),
    read,
    mend: `${mendOf(group, sides)}; if a rule for one version is meant, waive PF-AZ-02 with the reason`,
    object: refTo('AuthorizationPolicy', group.first.metadata),
    path: isTargeted(group.first) ? 'spec.targetRefs' : 'spec.selector.matchLabels',
  };
}

/** Such as `AuthorizationPolicy payment-prod/allow-orders (ALLOW) selects app=payment-service,version=v1`. */
function saying({ first, policies }: Group): string {
  const kind = policies.length === 1 ? 'AuthorizationPolicy' : 'AuthorizationPolicies';
  const targets = targetsOf(first).map((target) => `${target.kind} ${target.name}`);
  const what = isTargeted(first) ? targets.join(', ') : labelWords(first.spec?.selector?.matchLabels ?? {});
  const verb = policies.length === 1 ? 'selects' : 'select';
  return `${kind} ${namesOf(policies)} (${first.spec?.action ?? 'ALLOW'}) ${verb} ${what}`;
}

function notYet(read: string): Judgement {
  return unknown(
    `${read}; a version without pods shows only the labels that its subset selects by`,
    'start one pod of each version and ask again',
  );
}

function otherAction(read: string): Judgement {
  return unknown(`${read}; canaryd does not know this action`, 'ask those who run the mesh what it does');
}

function mendOf({ first }: Group, sides: Sides): string {
  const { namespace, name } = first.metadata;
  const where = `kubectl -n ${namespace ?? 'default'}`;
  if (isTargeted(first))
    return `name the Services of both versions in spec.targetRefs: ${where} edit authorizationpolicy ${name}`;
  const labels = first.spec?.selector?.matchLabels ?? {};
  if (Object.keys(labels).length > 0) {
    const path = ['spec', 'selector', 'matchLabels'];
    return selectBoth({ resource: 'authorizationpolicy', metadata: first.metadata, path, labels }, sides);
  }
  const other = [sides.stable, sides.canary].find((side) => side.namespace !== namespace);
  return `apply the same policy in ${other?.namespace ?? 'the other namespace'}: ${where} get authorizationpolicy ${name} -o yaml`;
}
