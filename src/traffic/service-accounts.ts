import type { AuthorizationPolicy } from '../readiness/objects.ts';
import type { Fact, ServiceAccount } from '../readiness/snapshot.ts';
import { type Asking, listAmong } from './list-facts.ts';
import { readFact } from './merge-facts.ts';
import { kinds } from './surroundings-kinds.ts';

/** Each costs a call. */
const mostNamespaces = 20;

/**
 * The ServiceAccounts of these namespaces and of those that the policies name; a namespace in which canaryd may not list
 * them is a gap.
 */
export async function readServiceAccounts(
  asking: Asking,
  namespaces: readonly string[],
  policies: Fact<AuthorizationPolicy[]>,
): Promise<Fact<ServiceAccount[]>> {
  const named = policies.kind === 'read' ? policies.value.flatMap(namespacesNamedBy) : [];
  const all = [...new Set([...namespaces, ...named])];
  const fact = await listAmong(asking, kinds.serviceAccounts, all.slice(0, mostNamespaces));
  if (fact.kind === 'unread') return fact;
  const rest = all.slice(mostNamespaces);
  const unasked =
    rest.length === 0
      ? []
      : [`ServiceAccounts of ${rest.length} more namespaces that policies name were not listed`];
  const accounts = fact.value.map(({ metadata }) => ({
    name: metadata.name,
    namespace: metadata.namespace ?? '',
  }));
  return readFact(accounts, [...(fact.gaps ?? []), ...unasked]);
}

type Rule = NonNullable<NonNullable<NonNullable<AuthorizationPolicy['spec']>['rules']>[number]>;

function namespacesNamedBy({ metadata, spec }: AuthorizationPolicy): string[] {
  const rules = spec?.rules ?? [];
  const own = metadata.namespace ?? '';
  const named = [
    ...rules.flatMap(principalsIn).flatMap(namespaceIn),
    ...rules.flatMap(accountsIn).map((one) => (one.includes('/') ? (one.split('/')[0] ?? '') : own)),
  ];
  return named.filter((one) => one !== '' && !one.includes('*'));
}

function principalsIn(rule: Rule): string[] {
  const sources = sourcesOf(rule).flatMap(({ principals, notPrincipals }) => both(principals, notPrincipals));
  return [...sources, ...conditionsIn(rule, 'source.principal')];
}

function accountsIn(rule: Rule): string[] {
  const sources = sourcesOf(rule).flatMap(({ serviceAccounts, notServiceAccounts }) =>
    both(serviceAccounts, notServiceAccounts),
  );
  return [...sources, ...conditionsIn(rule, 'source.serviceAccount')];
}

function sourcesOf({ from }: Rule) {
  return (from ?? []).flatMap(({ source }) => (source ? [source] : []));
}

function conditionsIn({ when }: Rule, wanted: string): string[] {
  return (when ?? []).flatMap(({ key, values, notValues }) =>
    key === wanted ? both(values, notValues) : [],
  );
}

type Names = readonly string[] | null | undefined;

function both(names: Names, notNames: Names): string[] {
  return [...(names ?? []), ...(notNames ?? [])];
}

/**
 * `<trust domain>/ns/<namespace>/sa/<account>`.
 * Source: https://istio.io/latest/docs/reference/config/security/authorization-policy/#Source
 */
function namespaceIn(principal: string): string[] {
  const namespace = /\/ns\/([^/]+)\/sa\//.exec(principal)?.[1];
  return namespace === undefined ? [] : [namespace];
}
