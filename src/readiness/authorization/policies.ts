import { canonical, type Reach, reachOf, type Side } from '../arms.ts';
import type { AuthorizationPolicy, LabelSelector } from '../objects.ts';
import { nameOf } from '../select.ts';

export type Action = 'ALLOW' | 'DENY' | 'CUSTOM' | 'AUDIT';
const actions: readonly Action[] = ['ALLOW', 'DENY', 'CUSTOM', 'AUDIT'];

/** Null for an action that is not one of Istio's. Absent is ALLOW. */
export function actionOf({ spec }: AuthorizationPolicy): Action | null {
  return actions.find((action) => action === (spec?.action ?? 'ALLOW')) ?? null;
}

/**
 * True for a policy that is only logged. The values are those that Go reads as true.
 * Source: https://istio.io/latest/docs/tasks/security/authorization/authz-dry-run/
 */
export function isDryRun({ metadata }: AuthorizationPolicy): boolean {
  return ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(metadata.annotations?.['istio.io/dry-run'] ?? '');
}

export type Rule = NonNullable<NonNullable<AuthorizationPolicy['spec']>['rules']>[number];

export function rulesOf({ spec }: AuthorizationPolicy): Rule[] {
  return spec?.rules ?? [];
}

/** True for a rule that every request meets. */
export function isForEverything({ from, to, when }: Rule): boolean {
  return [from, to, when].every((conditions) => (conditions ?? []).length === 0);
}

export function targetsOf({ spec }: AuthorizationPolicy): { kind: string; name: string }[] {
  const targets = spec?.targetRefs ?? [];
  return targets.length === 0 && spec?.targetRef ? [spec.targetRef] : targets;
}

/** True for a policy of a waypoint or gateway: the proxies of pods do not look at it. */
export function isTargeted(policy: AuthorizationPolicy): boolean {
  return targetsOf(policy).length > 0;
}

/**
 * What these policies reach of an arm. A policy counts in its own namespace, or everywhere when that is the root one;
 * no selector is everything; one with targets counts for an arm when it names its Service, and else treats both alike.
 * Source: https://istio.io/latest/docs/reference/config/security/authorization-policy/#AuthorizationPolicy
 */
export function policyReach(
  policies: readonly AuthorizationPolicy[],
  side: Side,
  rootNamespace: string,
): Reach {
  return reachOf(
    side,
    policies.flatMap((policy) => selectorsFor(policy, side, rootNamespace)),
  );
}

function selectorsFor(policy: AuthorizationPolicy, side: Side, rootNamespace: string): LabelSelector[] {
  const { namespace } = policy.metadata;
  if (isTargeted(policy)) {
    const isNamed = targetsOf(policy).some(({ kind, name }) => kind === 'Service' && name === side.service);
    return isNamed && namespace === side.namespace ? [{}] : [];
  }
  if (namespace !== side.namespace && namespace !== rootNamespace) return [];
  return [{ matchLabels: policy.spec?.selector?.matchLabels }];
}

/** Policies that do the same to whatever they select: what one leaves out, another of them may reach. */
export type Group = {
  /** Null for an action that is not one of Istio's. */
  action: Action | null;
  first: AuthorizationPolicy;
  policies: readonly AuthorizationPolicy[];
};

/** The policies that are in force, by what they do, in the order of their names. */
export function groupsOf(policies: readonly AuthorizationPolicy[]): Group[] {
  const groups = new Map<string, Group>();
  for (const policy of sorted(policies).filter((one) => !isDryRun(one))) {
    const { selector: _selector, targetRef: _ref, targetRefs: _refs, ...does } = policy.spec ?? {};
    const action = actionOf(policy);
    const key = canonical({ ...does, action, rules: rulesOf(policy), targeted: isTargeted(policy) });
    const group = groups.get(key) ?? { action, first: policy, policies: [] };
    groups.set(key, { ...group, policies: [...group.policies, policy] });
  }
  return [...groups.values()];
}

export function sorted<Item extends { metadata: { namespace?: string | undefined; name: string } }>(
  items: readonly Item[],
): Item[] {
  return items.toSorted((one, other) => (nameOf(one.metadata) < nameOf(other.metadata) ? -1 : 1));
}

/** The policies by name, such as `payment-prod/a and payment-prod/b`. */
export function namesOf(policies: readonly AuthorizationPolicy[]): string {
  return policies.map(({ metadata }) => nameOf(metadata)).join(' and ');
}
