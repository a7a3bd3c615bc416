import { describe, expect, it } from 'vitest';
import { downstream } from '../../src/readiness/authorization/downstream.ts';
import * as objects from '../../src/readiness/objects.ts';
import type { MeshConfig, Snapshot } from '../../src/readiness/snapshot.ts';
import * as bank from './bank-objects.ts';
import { healthy, judged, parsed, read } from './healthy.ts';

const severities = (snapshot: Snapshot) =>
  judged(downstream, snapshot).map((one) => (one.result === 'fail' ? one['severity'] : one.result));

/** The pods of v2 under an account of their own. */
const pods = read(
  parsed(objects.Pod, bank.pods).map((pod) =>
    pod.metadata.labels?.['version'] === 'v2'
      ? { ...pod, spec: { ...pod.spec, serviceAccountName: 'payment-v2' } }
      : pod,
  ),
);
const stableOnly = { principals: ['cluster.local/ns/payment-prod/sa/payment-service'] };

const mesh: MeshConfig = {
  rootNamespace: 'istio-system',
  istiodNamespace: 'istio-system',
  outboundTrafficPolicyMode: 'REGISTRY_ONLY',
  trustDomain: 'cluster.local',
  trustDomainAliases: [],
  enableAutoMtls: true,
  injectsByDefault: false,
  clusterDomain: 'cluster.local',
};

function ledger(rules: object[], action = 'ALLOW', changes: Partial<Snapshot> = {}): Snapshot {
  const policies = bank.authorizationPolicies.map((one) =>
    one.metadata.name === 'allow-payments' ? { ...one, spec: { ...one.spec, action, rules } } : one,
  );
  return healthy({
    pods,
    authorizationPolicies: read(parsed(objects.AuthorizationPolicy, policies)),
    ...changes,
  });
}
const from = (...sources: object[]) => ({ from: sources.map((source) => ({ source })) });

describe('A canary under a ServiceAccount of its own', () => {
  it('is refused where a service that stable calls allows the principal of stable only', () => {
    expect(judged(downstream, ledger([from(stableOnly)]))).toMatchObject([
      {
        severity: 'error',
        read: 'rule 1 of AuthorizationPolicy ledger-prod/allow-payments (ALLOW) names cluster.local/ns/payment-prod/sa/payment-service and not cluster.local/ns/payment-prod/sa/payment-v2',
        means:
          'what v2 calls in ledger-prod answers 403 "RBAC: access denied" where it answers v1: v2 fails on each request that needs it',
        mend: 'add "cluster.local/ns/payment-prod/sa/payment-v2" beside it: kubectl -n ledger-prod edit authorizationpolicy allow-payments; or run both versions under one ServiceAccount',
        object: { kind: 'AuthorizationPolicy', namespace: 'ledger-prod', name: 'allow-payments' },
        path: 'spec.rules[0]',
      },
    ]);
  });

  it.each([
    ['a prefix', { principals: ['cluster.local/ns/payment-prod/*'] }, 'pass'],
    ['a suffix', { principals: ['*/sa/payment-service'] }, 'error'],
    ['any', { principals: ['*'] }, 'pass'],
    ['its namespace', { namespaces: ['payment-*'] }, 'pass'],
    ['a ServiceAccount of another namespace', { serviceAccounts: ['payment-prod/payment-service'] }, 'error'],
    [
      'both ServiceAccounts',
      { serviceAccounts: ['payment-prod/payment-service', 'payment-prod/payment-v2'] },
      'pass',
    ],
    ['all but the canary', { notPrincipals: ['*/ns/payment-prod/sa/payment-v2'] }, 'error'],
    ['a foreign trust domain', { principals: ['other.example/ns/payment-prod/sa/payment-service'] }, 'pass'],
  ])('is judged by %s as Istio does', (_name, source, expected) => {
    expect(severities(ledger([from(source)]))).toEqual([expected]);
  });

  it('is found by a condition as by a source', () => {
    const when = [{ key: 'source.principal', values: stableOnly.principals }];
    expect(severities(ledger([{ when }]))).toEqual(['error']);
  });

  it('is no fault where a wider rule, another policy or the root namespace allows it', () => {
    const to = [{ operation: { methods: ['POST'] } }];
    const wide = from({ namespaces: ['payment-prod'] });
    expect(severities(ledger([{ ...from(stableOnly), to }, wide]))).toEqual(['pass']);
    expect(severities(ledger([from(stableOnly), { ...wide, to }]))).toEqual(['error']);
  });

  it('is known by the aliases of the trust domain', () => {
    const both = [
      'old.example/ns/payment-prod/sa/payment-service',
      'cluster.local/ns/payment-prod/sa/payment-v2',
    ];
    const meshConfig = { ...mesh, trustDomain: 'bank.example', trustDomainAliases: ['old.example'] };
    const principals = both.slice(0, 1);
    expect(
      severities(ledger([from({ principals: both })], 'ALLOW', { meshConfig: read(meshConfig) })),
    ).toEqual(['pass']);
    expect(severities(ledger([from({ principals })], 'ALLOW', { meshConfig: read(meshConfig) }))).toEqual([
      'error',
    ]);
  });

  it('is refused by a DENY of the canary alone, and warned of by one of stable alone', () => {
    const canaryOnly = { principals: ['cluster.local/ns/payment-prod/sa/payment-v2'] };
    expect(severities(ledger([from(canaryOnly)], 'DENY'))).toEqual(['error']);
    expect(severities(ledger([from(stableOnly)], 'DENY'))).toEqual(['warn']);
  });

  it('is unknown without pods and Deployments, and when what stable calls is not known', () => {
    const v1 = read(
      parsed(objects.Pod, bank.pods).filter((pod) => pod.metadata.labels?.['version'] === 'v1'),
    );
    expect(severities(healthy({ pods: v1, deployments: read([]) }))).toEqual(['unknown']);
    expect(severities(healthy({ callees: { kind: 'unread', why: 'no metrics', mend: 'ask' } }))).toEqual([
      'unknown',
    ]);
  });

  it('does not matter where stable calls nothing of the mesh', () => {
    expect(severities(healthy({ pods, callees: read([]) }))).toEqual(['skip']);
  });
});
