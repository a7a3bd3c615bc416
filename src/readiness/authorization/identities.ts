import type { Deployment, Pod } from '../objects.ts';
import { hasLabels, podsOf } from '../select.ts';
import type { Arm, MeshConfig } from '../snapshot.ts';
import type { Rule } from './policies.ts';

/** Who a workload is to others: `trustDomain/ns/namespace/sa/account`. */
export type Identity = { trustDomain: string; namespace: string; account: string };

export type Trust = Pick<MeshConfig, 'trustDomain' | 'trustDomainAliases'>;

type Source = NonNullable<NonNullable<Rule['from']>[number]['source']>;

/** The identities of an arm by its pods, or by its Deployments where it has no pod yet. */
export function identitiesOf(
  arm: Arm,
  pods: readonly Pod[],
  deployments: readonly Deployment[],
  { trustDomain }: Trust,
): Identity[] {
  const planned = deployments.filter(
    ({ metadata, spec }) =>
      arm.podLabels !== null &&
      metadata.namespace === arm.service.namespace &&
      hasLabels(spec.template.metadata?.labels, arm.podLabels),
  );
  const running = podsOf(arm, pods).map(({ spec }) => spec);
  const specs = running.length > 0 ? running : planned.map(({ spec }) => spec.template.spec);
  const accounts = new Set(specs.map(({ serviceAccountName }) => serviceAccountName || 'default'));
  return [...accounts]
    .toSorted()
    .map((account) => ({ trustDomain, namespace: arm.service.namespace, account }));
}

export function principalOf({ trustDomain, namespace, account }: Identity): string {
  return `${trustDomain}/ns/${namespace}/sa/${account}`;
}

/**
 * True where a rule's sources admit this identity. What does not name identities, such as addresses and headers, is
 * the same for both versions and admits. Source: https://istio.io/latest/docs/reference/config/security/authorization-policy/#Source
 */
export function admits(rule: Rule, identity: Identity, policyNamespace: string, trust: Trust): boolean {
  const from = rule.from ?? [];
  const isFrom = from.some(({ source }) => isOf(source ?? {}, identity, policyNamespace, trust));
  return (from.length === 0 || isFrom) && (rule.when ?? []).every((when) => meets(when, identity, trust));
}

type Condition = NonNullable<Rule['when']>[number];

function meets({ key, values, notValues }: Condition, identity: Identity, trust: Trust): boolean {
  if (key === 'source.principal') {
    return isListed(values, notValues, (value) => isPrincipal(value, identity, trust));
  }
  if (key === 'source.namespace') {
    return isListed(values, notValues, (value) => isNamespace(value, identity));
  }
  return true;
}

/** True for a condition that tells identities apart. */
export function isOfIdentity({ key }: Condition): boolean {
  return key === 'source.principal' || key === 'source.namespace';
}

function isOf(source: Source, identity: Identity, policyNamespace: string, trust: Trust): boolean {
  return (
    isListed(source.principals, source.notPrincipals, (value) => isPrincipal(value, identity, trust)) &&
    isListed(source.namespaces, source.notNamespaces, (value) => isNamespace(value, identity)) &&
    isListed(source.serviceAccounts, source.notServiceAccounts, (value) =>
      isAccount(value, identity, policyNamespace),
    )
  );
}

type Values = readonly string[] | null | undefined;

/** An empty list asks nothing. */
function isListed(values: Values, notValues: Values, matches: (value: string) => boolean): boolean {
  const wanted = values ?? [];
  return (wanted.length === 0 || wanted.some(matches)) && !(notValues ?? []).some(matches);
}

/**
 * A trust domain of the mesh stands for all of its names, and `cluster.local` for whatever they are; with fewer or more
 * than five parts the value is compared as it stands.
 * Source: https://istio.io/latest/docs/tasks/security/authorization/authz-td-migration/
 */
function isPrincipal(value: string, identity: Identity, trust: Trust): boolean {
  const [domain, ...rest] = value.split('/');
  const own = principalOf(identity);
  const isWhole = domain !== undefined && domain !== '*' && rest.length === 4;
  if (!isWhole || !isOwnDomain(domain, trust)) return isLike(value, own);
  return isLike([identity.trustDomain, ...rest].join('/'), own);
}

/** True for a name of this mesh's trust domain. */
export function isOwnDomain(domain: string, { trustDomain, trustDomainAliases }: Trust): boolean {
  const names = [trustDomain, ...trustDomainAliases];
  return domain === 'cluster.local' || names.some((name) => isLike(domain, name));
}

/** `*` at one end stands for anything there. */
export function isLike(value: string, text: string): boolean {
  if (value === '*') return text !== '';
  if (value.startsWith('*')) return text.endsWith(value.slice(1));
  return value.endsWith('*') ? text.startsWith(value.slice(0, -1)) : text === value;
}

/** Here `*` stands for anything at any place. */
function isNamespace(value: string, { namespace }: Identity): boolean {
  const [first = '', ...rest] = value.split('*');
  const last = rest.pop();
  if (last === undefined) return namespace === value;
  if (!namespace.startsWith(first)) return false;
  let position = first.length;
  for (const part of rest) {
    const found = namespace.indexOf(part, position);
    if (found < 0) return false;
    position = found + part.length;
  }
  return namespace.length - last.length >= position && namespace.endsWith(last);
}

/** `namespace/account`, or the account of the policy's own namespace. */
function isAccount(value: string, identity: Identity, policyNamespace: string): boolean {
  const wanted = value.includes('/') ? value : `${policyNamespace}/${value}`;
  return wanted === `${identity.namespace}/${identity.account}`;
}
