import { type Sides, sidesOf, withoutPods } from '../arms.ts';
import { defineCheck } from '../check.ts';
import type { Judgement } from '../finding.ts';
import { bounded, orPass, skip, unknown } from '../judgement.ts';
import type { AuthorizationPolicy } from '../objects.ts';
import { httpRulesOnTcp, portsOf } from './http-rules.ts';
import { type Enforced, namedBy } from './named.ts';
import {
  type Accounts,
  accountFields,
  type Looked,
  lookForAccount,
  lookForPrincipal,
  principalFields,
} from './named-accounts.ts';
import { type Hosts, hostFields, lookForHost } from './named-hosts.ts';
import { actionOf, isDryRun, policyReach, sorted } from './policies.ts';

/**
 * Names of another trust domain, patterns and accounts of other clusters are nobody's fault here. Hosts are those that
 * the requests name, in every form that a caller may write.
 * Source: https://istio.io/latest/docs/reference/config/security/authorization-policy/
 */
export const namesExist = defineCheck({
  id: 'PF-AZ-04',
  title: 'What the policies of the service name exists, and no rule for HTTP stands on a TCP port',
  family: 'authorization',
  priority: 'P1',
  codes: ['KIA0104', 'KIA0106', 'IST0167'],
  again: false,
  severity: 'warn',
  needs: [
    'authorizationPolicies',
    'serviceAccounts',
    'services',
    'serviceEntries',
    'gateways',
    'virtualServices',
    'pods',
    'callers',
    'meshConfig',
  ],
  failsByAbsence: true,
  judge: ({ authorizationPolicies, serviceAccounts, callers, pods, meshConfig, ...lists }, subject) => {
    const sides = sidesOf(subject, pods);
    if (sides === null) return [skip(withoutPods(subject))];
    const enforced = enforcedOn(sides, authorizationPolicies, meshConfig.rootNamespace);
    if (enforced.length === 0) return [skip('no AuthorizationPolicy is enforced on the service')];
    const versions = `${subject.stable.version} and ${subject.canary.version}`;
    const accounts = { accounts: serviceAccounts, callers, trust: meshConfig, versions };
    const hosts = { ...lists, clusterDomain: meshConfig.clusterDomain, versions };
    const named = [...accountsIn(enforced, accounts), ...hostsIn(enforced, hosts)];
    const ports = ([sides.stable, sides.canary] as const).map((side) => ({
      side,
      ports: portsOf(subject[side.role], lists.services, pods),
    }));
    const onTcp = enforced.flatMap((one) => httpRulesOnTcp(one, ports));
    const failures = [...named.flatMap((one) => (one.kind === 'failure' ? [one.failure] : [])), ...onTcp];
    const found = new Set(named.flatMap((one) => (one.kind === 'found' ? [one.name] : [])));
    const read = `${enforced.length} policies select the service: ${found.size} accounts and hosts that they name exist, and no rule for HTTP stands on a TCP port`;
    return orPass([...bounded(failures), ...notSeen(named)], read);
  },
});

function enforcedOn(
  { stable, canary }: Sides,
  policies: readonly AuthorizationPolicy[],
  rootNamespace: string,
): Enforced[] {
  const reaching = sorted(policies).filter((policy) =>
    [stable, canary].some((side) => policyReach([policy], side, rootNamespace) !== 'none'),
  );
  return reaching.flatMap((policy) => {
    const action = actionOf(policy);
    return action === null || isDryRun(policy) ? [] : [{ policy, action }];
  });
}

function accountsIn(enforced: readonly Enforced[], known: Accounts): Looked[] {
  return enforced.flatMap((one) => [
    ...namedBy(one, principalFields).map((named) => lookForPrincipal(named, known)),
    ...namedBy(one, accountFields).map((named) => lookForAccount(named, known)),
  ]);
}

function hostsIn(enforced: readonly Enforced[], known: Hosts): Looked[] {
  const all = enforced.flatMap((one) => namedBy(one, hostFields));
  return all.map((named): Looked => {
    const looked = lookForHost(named, known);
    if (looked === 'found') return { kind: 'found', name: named.value };
    return looked === 'unread'
      ? { kind: 'elsewhere', name: named.value }
      : { kind: 'failure', failure: looked };
  });
}

/** What is perhaps in another cluster, or in a namespace that canaryd does not look at. */
function notSeen(named: readonly Looked[]): Judgement[] {
  const names = [...new Set(named.flatMap((one) => (one.kind === 'elsewhere' ? [one.name] : [])))].toSorted();
  if (names.length === 0) return [];
  const shown = names.slice(0, 5).join(', ');
  const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
  return [
    unknown(
      `whether there is ${shown}${more} could not be seen: nothing of its namespace was found in this cluster`,
      'look in the other clusters of the mesh, with kubectl get serviceaccounts,services -A; names that nothing bears should go from the policy',
    ),
  ];
}
