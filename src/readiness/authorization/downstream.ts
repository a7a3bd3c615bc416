import { canonical } from '../arms.ts';
import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, error, orPass, pass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { AuthorizationPolicy } from '../objects.ts';
import { hasLabels, nameOf } from '../select.ts';
import type { Callee, Subject } from '../snapshot.ts';
import { admits, type Identity, identitiesOf, isOfIdentity, principalOf, type Trust } from './identities.ts';
import { type Action, actionOf, isDryRun, type Rule, rulesOf, sorted, targetsOf } from './policies.ts';

/** One rule of a policy that stands before something that stable calls. */
type Placed = { policy: AuthorizationPolicy; action: Action; rule: Rule; index: number };
type Names = { stable: string; canary: string };
type Seen = {
  stable: readonly Identity[];
  canary: readonly Identity[];
  rules: readonly Placed[];
  trust: Trust;
  rootNamespace: string;
};

/**
 * What admits stable's identity admits the canary's, in the namespaces that stable calls and in the root namespace. A
 * rule that leaves one out is no fault where another, at least as wide, takes it in.
 */
export const downstream = defineCheck({
  id: 'PF-AZ-03',
  title: 'The policies of what stable calls treat the canary as they treat stable',
  family: 'authorization',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['authorizationPolicies', 'callees', 'pods', 'deployments', 'meshConfig'],
  failsByAbsence: true,
  judge: ({ authorizationPolicies, callees, pods, deployments, meshConfig }, subject) => {
    const stable = identitiesOf(subject.stable, pods, deployments, meshConfig);
    const canary = identitiesOf(subject.canary, pods, deployments, meshConfig);
    const missing = withoutIdentity(subject, stable, canary);
    if (missing !== null) return missing;
    const namespaces = namespacesOf(callees);
    if (namespaces.length === 0) return [skip('stable calls no service of the mesh')];
    const words = `${subject.stable.version} and ${subject.canary.version}`;
    if (canonical(stable) === canonical(canary)) {
      return [pass(`${words} both call as ${principals(canary)}, so no policy downstream tells them apart`)];
    }
    const { rootNamespace } = meshConfig;
    const rules = rulesIn(authorizationPolicies, [...namespaces, rootNamespace]);
    const seen = { stable, canary, rules, trust: meshConfig, rootNamespace };
    const read = `${rules.length} rules in ${namespaces.join(', ')} admit or deny ${principals(canary)} as they do ${principals(stable)}`;
    return orPass(bounded(failuresOf(seen, subject)), read);
  },
});

function withoutIdentity(
  { stable, canary }: Subject,
  ofStable: readonly Identity[],
  ofCanary: readonly Identity[],
): Judgement[] | null {
  if (ofStable.length > 0 && ofCanary.length > 0) return null;
  const arm = ofCanary.length === 0 ? canary : stable;
  if (arm.podLabels === null) return [skip(`${arm.version} (${arm.host}) has no pods in this cluster`)];
  const read = `${arm.version} has neither pods nor a Deployment, so nobody knows as whom it will call`;
  return [unknown(read, `deploy ${arm.version} in ${arm.service.namespace} and ask again`)];
}

function namespacesOf(callees: readonly Callee[]): string[] {
  const found = callees.flatMap(({ service }) => (service === null ? [] : [service.namespace]));
  return [...new Set(found)].toSorted();
}

function principals(identities: readonly Identity[]): string {
  return identities.map(principalOf).join(', ');
}

function rulesIn(policies: readonly AuthorizationPolicy[], namespaces: readonly string[]): Placed[] {
  const here = policies.filter(
    (policy) => namespaces.includes(policy.metadata.namespace ?? '') && !isDryRun(policy),
  );
  return sorted(here).flatMap((policy) => {
    const action = actionOf(policy);
    return action === null ? [] : rulesOf(policy).map((rule, index) => ({ policy, action, rule, index }));
  });
}

function failuresOf(seen: Seen, { stable, canary }: Subject): Failure[] {
  const names = { stable: stable.version, canary: canary.version };
  return seen.rules.flatMap((placed) => {
    const reaches = (identity: Identity) => isMet(placed, identity, seen.trust);
    const missed = (one: readonly Identity[], other: readonly Identity[]) =>
      one.some(reaches)
        ? other.filter((identity) => !reaches(identity) && !isMetElsewhere(placed, identity, seen))
        : [];
    return [
      ...leftOut(placed, missed(seen.stable, seen.canary), names, seen),
      ...singledOut(placed, missed(seen.canary, seen.stable), names, seen),
    ];
  });
}

function isMet({ rule, policy }: Placed, identity: Identity, trust: Trust): boolean {
  return admits(rule, identity, policy.metadata.namespace ?? '', trust);
}

function isMetElsewhere(placed: Placed, identity: Identity, { rules, trust, rootNamespace }: Seen): boolean {
  return rules.some((other) => isAsWide(other, placed, rootNamespace) && isMet(other, identity, trust));
}

function isAsWide(wide: Placed, narrow: Placed, rootNamespace: string): boolean {
  const { namespace } = wide.policy.metadata;
  const conditions = (rule: Rule) => (rule.when ?? []).filter((when) => !isOfIdentity(when));
  const isNarrowed = (one: readonly unknown[], other: readonly unknown[]) =>
    one.length > 0 && canonical(one) !== canonical(other);
  return (
    wide.action === narrow.action &&
    (namespace === narrow.policy.metadata.namespace || namespace === rootNamespace) &&
    hasLabels(narrow.policy.spec?.selector?.matchLabels, wide.policy.spec?.selector?.matchLabels) &&
    canonical(targetsOf(wide.policy)) === canonical(targetsOf(narrow.policy)) &&
    !isNarrowed(wide.rule.to ?? [], narrow.rule.to ?? []) &&
    !isNarrowed(conditions(wide.rule), conditions(narrow.rule))
  );
}

type Missed = readonly Identity[];

/** Stable meets the rule and the canary does not. */
function leftOut(placed: Placed, missed: Missed, names: Names, seen: Seen): Failure[] {
  if (missed.length === 0) return [];
  const { policy, action } = placed;
  const where = policy.metadata.namespace ?? '';
  const read = `${ruleName(placed)} names ${principals(seen.stable)} and not ${principals(missed)}`;
  if (action === 'ALLOW') {
    return [
      error({
        ...atFault(placed),
        read,
        means: `what ${names.canary} calls in ${where} answers 403 "RBAC: access denied" where it answers ${names.stable}: ${names.canary} fails on each request that needs it`,
        mend: `add ${missed.map((one) => `"${principalOf(one)}"`).join(', ')} beside it: ${edit(policy)}; or run both versions under one ServiceAccount`,
      }),
    ];
  }
  return [
    warn({
      ...atFault(placed),
      read,
      means: `${verbs[action]} in ${where} holds for ${names.stable} and not for ${names.canary}`,
      mend: `name both identities: ${edit(policy)}; or run both versions under one ServiceAccount`,
    }),
  ];
}

/** The canary meets the rule and stable does not. An ALLOW for the canary alone is the preparation of the change. */
function singledOut(placed: Placed, missed: Missed, names: Names, seen: Seen): Failure[] {
  const { policy, action } = placed;
  if (missed.length === 0 || action === 'ALLOW') return [];
  const severe = action === 'DENY' || action === 'CUSTOM' ? error : warn;
  return [
    severe({
      ...atFault(placed),
      read: `${ruleName(placed)} names ${principals(seen.canary)} and not ${principals(missed)}`,
      means: `${verbs[action]} in ${policy.metadata.namespace ?? ''} holds for ${names.canary} and not for ${names.stable}: requests that need it may fail on each share moved`,
      mend: `treat both identities alike: ${edit(policy)}`,
    }),
  ];
}

const verbs: Record<Action, string> = {
  ALLOW: 'the permission',
  DENY: 'the denial',
  CUSTOM: 'the external authorization',
  AUDIT: 'the audit',
};

function ruleName({ policy, action, index }: Placed): string {
  return `rule ${index + 1} of AuthorizationPolicy ${nameOf(policy.metadata)} (${action})`;
}

function atFault({ policy, index }: Placed) {
  const object = refTo('AuthorizationPolicy', policy.metadata);
  // Another policy, at least as wide, may take in whom this one leaves out.
  return { object, path: `spec.rules[${index}]`, undoneBy: ['authorizationPolicies' as const] };
}

function edit({ metadata }: AuthorizationPolicy): string {
  return `kubectl -n ${metadata.namespace ?? 'default'} edit authorizationpolicy ${metadata.name}`;
}
