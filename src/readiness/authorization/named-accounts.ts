import type { Failure } from '../finding.ts';
import { refTo, warn } from '../judgement.ts';
import { nameOf } from '../select.ts';
import type { Caller, ServiceAccount } from '../snapshot.ts';
import { isOwnDomain, type Trust } from './identities.ts';
import { editing, emptyName, fieldPair, type Named, ruleWords } from './named.ts';
import type { Rule } from './policies.ts';

export type Accounts = {
  accounts: readonly ServiceAccount[];
  callers: readonly Caller[];
  trust: Trust;
  versions: string;
};

/** Whether an account is there. `elsewhere`: its namespace has none here, so that only another cluster could tell. */
export type Looked =
  | { kind: 'found' | 'elsewhere'; name: string }
  /** Another authority's, or not in the form that Istio gives. */
  | { kind: 'foreign' }
  | { kind: 'failure'; failure: Failure };

/** The fields in which a rule names callers by their principals. */
export function principalFields({ from, when }: Rule) {
  const sources = (from ?? []).flatMap(({ source }, index) =>
    fieldPair(`from[${index}].source.principals`, [source?.principals, source?.notPrincipals]),
  );
  return [...sources, ...conditions(when, 'source.principal')];
}

/** The fields in which a rule names callers by their ServiceAccounts. */
export function accountFields({ from, when }: Rule) {
  const sources = (from ?? []).flatMap(({ source }, index) =>
    fieldPair(`from[${index}].source.serviceAccounts`, [source?.serviceAccounts, source?.notServiceAccounts]),
  );
  return [...sources, ...conditions(when, 'source.serviceAccount')];
}

function conditions(when: Rule['when'], wanted: string) {
  return (when ?? []).flatMap(({ key, values, notValues }, index) =>
    key === wanted ? fieldPair(`when[${index}].values`, [values, notValues]) : [],
  );
}

const scheme = 'spiffe://';

/**
 * A principal is `trust-domain/ns/namespace/sa/account`, without the scheme of its SPIFFE id.
 * Source: https://istio.io/latest/docs/reference/config/security/authorization-policy/#Source (principals)
 */
export function lookForPrincipal(named: Named, known: Accounts): Looked {
  const { value } = named;
  if (value.startsWith(scheme)) return { kind: 'failure', failure: withScheme(named, known) };
  const [domain = '', ns, namespace = '', sa, account = '', ...more] = value.split('/');
  const isIstios = ns === 'ns' && sa === 'sa' && account !== '' && more.length === 0;
  if (!isIstios || !isOwnDomain(domain, known.trust)) return { kind: 'foreign' };
  return lookFor({ namespace, name: account }, named, known);
}

/** `namespace/account`, or the account of the policy's own namespace. */
export function lookForAccount(named: Named, known: Accounts): Looked {
  const [first = '', second] = named.value.split('/');
  const account =
    second === undefined
      ? { namespace: named.policy.metadata.namespace ?? '', name: first }
      : { namespace: first, name: second };
  return lookFor(account, named, known);
}

/**
 * Kubernetes gives every namespace the account `default`, so that one without any is not of this cluster. Whoever calls
 * by a principal exists, in whatever cluster of the mesh.
 * Source: https://kubernetes.io/docs/concepts/security/service-accounts/#default-service-accounts
 */
function lookFor(account: ServiceAccount, named: Named, { accounts, callers, versions }: Accounts): Looked {
  const name = nameOf(account);
  if (accounts.some((one) => nameOf(one) === name)) return { kind: 'found', name };
  const ending = `/ns/${account.namespace}/sa/${account.name}`;
  if (callers.some(({ principal }) => principal?.endsWith(ending))) return { kind: 'found', name };
  if (!accounts.some(({ namespace }) => namespace === account.namespace)) return { kind: 'elsewhere', name };
  const failure = warn({
    read: `${ruleWords(named)} names ${named.value}, and ${account.namespace} has no ServiceAccount ${account.name}`,
    means: emptyName(named, versions),
    mend: `write the name of one that there is (kubectl -n ${account.namespace} get serviceaccounts): ${editing(named)}; if it is one of another cluster of the mesh, waive PF-AZ-04 with the reason`,
    object: refTo('AuthorizationPolicy', named.policy.metadata),
    path: named.path,
  });
  return { kind: 'failure', failure };
}

function withScheme(named: Named, { versions }: Accounts): Failure {
  return warn({
    read: `${ruleWords(named)} names ${named.value}, and Istio compares principals without ${scheme}`,
    means: emptyName(named, versions),
    mend: `write ${named.value.slice(scheme.length)}: ${editing(named)}`,
    object: refTo('AuthorizationPolicy', named.policy.metadata),
    path: named.path,
  });
}
