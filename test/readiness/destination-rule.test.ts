import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Check } from '../../src/readiness/check.ts';
import { clientTlsFits } from '../../src/readiness/destination-rule/client-tls.ts';
import { oneRuleDecides } from '../../src/readiness/destination-rule/deciding.ts';
import { originationHasAuthority } from '../../src/readiness/destination-rule/origination.ts';
import { ejectionLeavesPods, policiesAreEqual } from '../../src/readiness/destination-rule/policies.ts';
import {
  subsetsAreDisjoint,
  subsetsHaveReadyPods,
} from '../../src/readiness/destination-rule/subset-pods.ts';
import { destinationRuleChecks } from '../../src/readiness/destination-rule.ts';
import * as objects from '../../src/readiness/objects.ts';
import type { Fact } from '../../src/readiness/snapshot.ts';
import * as bank from './bank-objects.ts';
import { healthy, judged, parsed, read, subjectWith, unread } from './healthy.ts';

const [base] = bank.destinationRules;
const host = 'payment-service.payment-prod.svc.cluster.local';
const both = [
  { name: 'v1', labels: { version: 'v1' } },
  { name: 'v2', labels: { version: 'v2' } },
];
const ref = { kind: 'DestinationRule', namespace: 'payment-prod', name: 'payment-service' };

/** A rule like the bank's own with another spec, and perhaps elsewhere or later. */
function rule(spec: object, metadata: object = {}) {
  return { ...base, metadata: { ...base?.metadata, ...metadata }, spec: { host, subsets: both, ...spec } };
}

function rules(...values: object[]) {
  return read(parsed(objects.DestinationRule, values));
}

function podsWith(change: (pod: (typeof bank.pods)[number]) => object) {
  return read(parsed(objects.Pod, structuredClone(bank.pods).map(change)));
}

/** The endpoints of the bank, without these pods or with them not ready. */
function endpointsWhere(keep: (name: string) => 'ready' | 'not ready' | 'gone') {
  const slices = structuredClone(bank.endpoints).map((slice) => ({
    ...slice,
    endpoints: slice.endpoints
      .filter(({ targetRef }) => keep(targetRef.name) !== 'gone')
      .map((one) => ({ ...one, conditions: { ready: keep(one.targetRef.name) === 'ready' } })),
  }));
  return read(parsed(objects.EndpointSlice, slices));
}

const isV2 = (name: string) => name.includes('-v2-');
type Changes = Parameters<typeof healthy>[0];
const asked = (check: Check) => (changes?: Changes) => judged(check, healthy(changes));

describe('PF-DR-01: ready pods in each subset', () => {
  const check = asked(subsetsHaveReadyPods);

  it('passes with the pods that are ready behind the Service', () => {
    expect(check()).toMatchObject([
      {
        result: 'pass',
        read: 'subset v1 of payment-prod/payment-service has 3 of 3 pods ready; subset v2 of payment-prod/payment-service has 3 of 3 pods ready',
      },
    ]);
    const one = endpointsWhere((name) => (isV2(name) && !name.endsWith('1') ? 'not ready' : 'ready'));
    expect(check({ endpoints: one })).toMatchObject([{ result: 'pass' }]);
  });

  describe('where something could not be read', () => {
    const none = endpointsWhere((name) => (isV2(name) ? 'not ready' : 'ready'));
    const gaps = ['DestinationRule tools/other: spec.host is not understood'];
    const within = <Value>(fact: Fact<Value>): Fact<Value> =>
      fact.kind === 'read' ? { ...fact, gaps } : fact;
    const partly = within(rules(base ?? {}));

    it('still fails when no pod of the canary is ready, whoever wrote rules elsewhere', () => {
      const found = check({ endpoints: none, destinationRules: partly });
      expect(found).toMatchObject([
        { result: 'fail', severity: 'error', read: expect.stringContaining('none is ready') },
        { result: 'unknown', read: `not everything could be read: DestinationRules: ${gaps[0]}` },
      ]);
      expect(found[0]).not.toHaveProperty('undoneBy');
    });

    it('does not fail for want of what may stand there: a pod, a subset, other labels of the subset', () => {
      const unknown = [{ result: 'unknown', read: expect.stringMatching(/^as far as it could be read, /) }];
      expect(check({ endpoints: within(none) })).toMatchObject(unknown);
      const sole = rules(rule({ subsets: both.slice(0, 1) }));
      expect(check({ destinationRules: within(sole) })).toMatchObject(unknown);
      const mislabelled = rules(rule({ subsets: [both[0], { name: 'v2', labels: { version: 'two' } }] }));
      expect(check({ destinationRules: within(mislabelled) })).toMatchObject(unknown);
      expect(check({ destinationRules: mislabelled })).toMatchObject([{ result: 'fail' }]);
    });
  });

  it('fails when none of the canary is ready', () => {
    const endpoints = endpointsWhere((name) => (isV2(name) ? 'not ready' : 'ready'));
    expect(check({ endpoints })).toMatchObject([
      {
        result: 'fail',
        severity: 'error',
        read: 'subset v2 of payment-prod/payment-service selects version=v2: 3 pods behind payment-prod/payment-service and none is ready; at least 1 ready pod is needed',
        means: 'requests that go to v2 are answered 503, for there is nobody to take them',
        mend: 'compare the labels and see why no pod is ready: kubectl -n payment-prod get pods -l version=v2 --show-labels; kubectl -n payment-prod get endpointslices -l kubernetes.io/service-name=payment-service',
        object: ref,
        path: 'spec.subsets[v2].labels',
      },
    ]);
  });

  it('fails when the labels select nobody, and when the pods are not behind the Service', () => {
    const typo = rule({ subsets: [both[0], { name: 'v2', labels: { version: 'v02' } }] });
    const endpoints = endpointsWhere((name) => (isV2(name) ? 'gone' : 'ready'));
    expect(check({ destinationRules: rules(typo) })).toMatchObject([
      { result: 'fail', read: expect.stringContaining('0 pods of the namespace') },
    ]);
    expect(check({ endpoints })).toMatchObject([
      { result: 'fail', read: expect.stringContaining('3 pods of the namespace') },
    ]);
  });

  it('fails when no DestinationRule has the subset', () => {
    expect(check({ destinationRules: rules(rule({ subsets: [both[0]] })) })).toMatchObject([
      { result: 'fail', severity: 'error', object: ref, path: 'spec.subsets' },
    ]);
  });

  it('passes for subsets that Argo Rollouts made, which select by the hash of the template', () => {
    const hash = (name: string) => ({
      'rollouts-pod-template-hash': isV2(name) ? '5c9f8d7b64' : '7d9c5b6f48',
    });
    const pods = podsWith((pod) => ({
      ...pod,
      metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, ...hash(pod.metadata.name) } },
    }));
    const subsets = [
      { name: 'v1', labels: hash('-v1-') },
      { name: 'v2', labels: hash('-v2-') },
    ];
    const changes = { pods, destinationRules: rules(rule({ subsets })) };
    expect(check(changes)).toMatchObject([{ result: 'pass' }]);
    expect(asked(subsetsAreDisjoint)(changes)).toMatchObject([{ result: 'pass' }]);
  });

  it('is asked again at every step', () => {
    expect(subsetsHaveReadyPods.again).toBe(true);
  });
});

describe('PF-DR-02: no pod is both, none is neither', () => {
  const check = asked(subsetsAreDisjoint);

  it('passes with two sets of pods that are all behind the Service', () => {
    expect(check()).toMatchObject([
      { result: 'pass', read: '3 pods of v1 and 3 pods of v2 behind the Service, none of them both' },
    ]);
  });

  it('fails when a subset selects the pods of both', () => {
    const wide = rule({ subsets: [{ name: 'v1', labels: { app: 'payment-service' } }, both[1]] });
    expect(check({ destinationRules: rules(wide) })).toMatchObject([
      {
        result: 'fail',
        severity: 'error',
        read: `both subset v1 of payment-prod/payment-service and subset v2 of payment-prod/payment-service select 3 pods: ${bank.podNames('v2').join(', ')}`,
        means:
          'the weight does not choose the version: users who should stay on v1 reach v2 or the reverse, and going back would not take them off it',
        mend: 'give each subset a label that only its own pods have, such as version: kubectl -n payment-prod edit destinationrule payment-service',
        object: ref,
        path: 'spec.subsets',
      },
    ]);
  });

  const [first = ''] = bank.podNames('v1');
  const withThird = podsWith((pod) =>
    pod.metadata.name === first
      ? { ...pod, metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, version: 'v0' } } }
      : pod,
  );

  it('warns of a pod behind the Service that no subset selects', () => {
    expect(check({ pods: withThird })).toMatchObject([
      { result: 'fail', severity: 'warn', object: { kind: 'Pod', namespace: 'payment-prod', name: first } },
    ]);
  });

  it('passes when a third subset, such as one of an experiment, has that pod', () => {
    const third = rule({ subsets: [...both, { name: 'experiment', labels: { version: 'v0' } }] });
    expect(check({ pods: withThird, destinationRules: rules(third) })).toMatchObject([{ result: 'pass' }]);
  });
});

describe('PF-DR-03: one rule decides', () => {
  const check = asked(oneRuleDecides);
  const callers = 'for clients in payment-prod, order-prod';

  it('passes with one rule beside the Service', () => {
    expect(check()).toMatchObject([
      {
        result: 'pass',
        read: `payment-prod/payment-service decides for payment-prod/payment-service, ${callers}`,
      },
    ]);
  });

  it('warns of a younger rule whose subset is lost, whatever the order', () => {
    const younger = rule(
      { subsets: [{ name: 'v2', labels: { version: 'v3' } }] },
      { name: 'payments-new', creationTimestamp: '2026-11-01T08:00:00Z' },
    );
    const expected = [
      {
        result: 'fail',
        severity: 'warn',
        read: `payment-prod/payments-new and payment-prod/payment-service are both for ${host}: subset v2 of payment-prod/payments-new is ignored, for it is the younger`,
        means:
          'who changes payment-prod/payments-new in the rollout changes nothing, and deleting the other one changes where requests for the subsets go',
        mend: 'merge both into one: kubectl -n payment-prod get destinationrule -o yaml, then kubectl -n payment-prod delete destinationrule payments-new',
        object: { ...ref, name: 'payments-new' },
        path: 'spec.subsets',
      },
    ];
    expect(check({ destinationRules: rules(rule({}), younger) })).toMatchObject(expected);
    expect(check({ destinationRules: rules(younger, rule({})) })).toMatchObject(expected);
  });

  it('passes for two rules that Istio merges without loss', () => {
    const policy = rule(
      { subsets: [], trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } } },
      { name: 'policy' },
    );
    expect(check({ destinationRules: rules(rule({}), policy) })).toMatchObject([{ result: 'pass' }]);
  });

  it("warns of a rule in a caller's namespace, which those callers obey instead", () => {
    const own = rule({ subsets: [both[0]] }, { namespace: 'order-prod', name: 'payments' });
    const found = check({ destinationRules: rules(rule({}), own) });
    expect(found).toMatchObject([{ result: 'fail', severity: 'warn', object: { namespace: 'order-prod' } }]);
    expect(found[0]?.['means']).toContain('it has no subset v2');
  });

  it('passes with wildcard rules of the root namespace, which only decide where no other does', () => {
    const mesh = rule(
      { host: '*.local', subsets: [], trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } } },
      { namespace: 'istio-system', name: 'default', creationTimestamp: '2025-01-01T08:00:00Z' },
    );
    expect(check({ destinationRules: rules(mesh, rule({})) })).toMatchObject([{ result: 'pass' }]);
  });

  it('passes with a rule of another namespace that nobody calls from, or that is not exported', () => {
    const elsewhere = rule({}, { namespace: 'test', name: 'payments' });
    expect(check({ destinationRules: rules(rule({}), elsewhere) })).toMatchObject([{ result: 'pass' }]);
  });

  it('warns of a rule for some pods of a caller', () => {
    const some = rule(
      { workloadSelector: { matchLabels: { app: 'batch' } } },
      { namespace: 'order-prod', name: 'batch' },
    );
    expect(check({ destinationRules: rules(rule({}), some) })).toMatchObject([
      { result: 'fail', severity: 'warn', path: 'spec.workloadSelector' },
    ]);
  });
});

describe('PF-DR-04: what callers send fits', () => {
  const check = asked(clientTlsFits);
  const withTls = (mode: string) =>
    check({ destinationRules: rules(rule({ trafficPolicy: { tls: { mode } } })) });

  it('passes with ISTIO_MUTUAL to STRICT, and without a tls block', () => {
    expect(check()).toMatchObject([
      { result: 'pass', read: 'callers send ISTIO_MUTUAL to STRICT, for both versions' },
    ]);
    expect(check({ destinationRules: rules(rule({})) })).toMatchObject([
      { result: 'pass', read: 'callers send auto mTLS to STRICT, for both versions' },
    ]);
  });

  it('fails when the subset of the canary turns TLS off and its pods are STRICT', () => {
    const off = rule({ subsets: [both[0], { ...both[1], trafficPolicy: { tls: { mode: 'DISABLE' } } }] });
    expect(check({ destinationRules: rules(off) })).toMatchObject([
      {
        result: 'fail',
        severity: 'error',
        read: 'callers send DISABLE to subset v2 of payment-prod/payment-service port 8080, by payment-prod/payment-service; its pods have STRICT by PeerAuthentication istio-system/default',
        means: 'every request to v2 fails in the TLS handshake and is answered 503',
        mend: 'let callers find the mode themselves: remove tls, or set it to ISTIO_MUTUAL: kubectl -n payment-prod edit destinationrule payment-service',
        object: ref,
        path: 'trafficPolicy.tls.mode',
      },
    ]);
  });

  it('fails for one port alone, where what the port says goes before the rest', () => {
    const portLevelSettings = [{ port: { number: 8080 }, tls: { mode: 'SIMPLE' } }];
    const own = rule({ trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' }, portLevelSettings } });
    expect(check({ destinationRules: rules(own) })).toMatchObject([
      { result: 'fail', read: expect.stringContaining('SIMPLE to subset v1') },
      { result: 'fail', read: expect.stringContaining('SIMPLE to subset v2') },
    ]);
  });

  it('fails when ISTIO_MUTUAL meets pods that take plaintext only', () => {
    const [meshWide] = bank.peerAuthentications;
    const off = parsed(objects.PeerAuthentication, [{ ...meshWide, spec: { mtls: { mode: 'DISABLE' } } }]);
    expect(check({ peerAuthentications: read(off) })).toMatchObject([{ result: 'fail' }, { result: 'fail' }]);
  });

  it('fails without a tls block when the mesh has auto mTLS off', () => {
    const { meshConfig } = healthy();
    const mesh = meshConfig.kind === 'read' ? { ...meshConfig.value, enableAutoMtls: false } : null;
    expect(mesh).not.toBeNull();
    const changes = {
      destinationRules: rules(rule({})),
      ...(mesh === null ? {} : { meshConfig: read(mesh) }),
    };
    expect(check(changes)).toMatchObject([{ result: 'fail' }, { result: 'fail' }]);
  });

  it("is unknown for a certificate that is not the mesh's, and when the Service was not found", () => {
    expect(withTls('MUTUAL')).toMatchObject([{ result: 'unknown' }, { result: 'unknown' }]);
    expect(check({ services: read([]) })).toMatchObject([{ result: 'unknown' }, { result: 'unknown' }]);
  });
});

describe('PF-DR-05: equal policies', () => {
  const check = asked(policiesAreEqual);
  const pool = { connectionPool: { http: { http1MaxPendingRequests: 10 } } };

  it('passes when both get the same, however it is written down', () => {
    expect(check()).toMatchObject([{ result: 'pass' }]);
    const written = rule({ trafficPolicy: pool, subsets: [both[0], { ...both[1], trafficPolicy: pool }] });
    expect(check({ destinationRules: rules(written) })).toMatchObject([{ result: 'pass' }]);
  });

  it('warns of a smaller pool for the canary; a deliberate one is waived, for it is never an error', () => {
    const small = rule({ subsets: [both[0], { ...both[1], trafficPolicy: pool }] });
    expect(check({ destinationRules: rules(small) })).toMatchObject([
      {
        result: 'fail',
        severity: 'warn',
        read: 'connectionPool of v1 is not set, of v2 {"http":{"http1MaxPendingRequests":10}}',
        means:
          'callers treat both versions differently, so a difference in P99 or errors may come from connectionPool and not from v2',
        mend: 'make them equal, or waive this check when it is meant: kubectl -n payment-prod edit destinationrule payment-service',
        object: ref,
        path: 'spec.subsets[v2].trafficPolicy.connectionPool',
      },
    ]);
  });
});

describe('PF-DR-06: ejection', () => {
  const check = asked(ejectionLeavesPods);
  const withDetection = (outlierDetection: object, changes: Changes = {}) =>
    check({ destinationRules: rules(rule({ trafficPolicy: { outlierDetection } })), ...changes });
  const onePod = endpointsWhere((name) => (isV2(name) && !name.endsWith('1') ? 'gone' : 'ready'));

  it('does not apply without outlier detection, or where it is turned off', () => {
    expect(check()).toMatchObject([{ result: 'skip' }]);
    expect(withDetection({ consecutive5xxErrors: 0 })).toMatchObject([{ result: 'skip' }]);
  });

  it('passes with three pods and a limit below all of them', () => {
    expect(withDetection({ consecutive5xxErrors: 5, maxEjectionPercent: 50 })).toMatchObject([
      { result: 'pass', read: 'at most 50 % of 3 ready pods of v2 can be ejected' },
    ]);
  });

  it('warns when all pods can be ejected', () => {
    expect(withDetection({ maxEjectionPercent: 100 }, { endpoints: onePod })).toMatchObject([
      {
        result: 'fail',
        severity: 'warn',
        read: '1 ready pod of v2, and maxEjectionPercent is 100 %: all of them can be ejected',
        means:
          "a few errors in a row and callers send the canary nothing and answer 503 themselves: the canary's error rate jumps, and the rollout goes back for what may be one bad minute",
        mend: 'run more pods of v2, or let ejected pods be used when too few are left: kubectl -n payment-prod edit destinationrule payment-service, outlierDetection.minHealthPercent: 50',
        object: ref,
        path: 'spec.trafficPolicy.outlierDetection',
      },
    ]);
  });

  it('warns of one pod under the default limit only where proxies may be old enough to eject it', () => {
    const old = { endpoints: onePod, proxyVersions: read({ istiod: '1.22.3' }) };
    expect(withDetection({}, old)).toMatchObject([{ result: 'fail' }]);
    expect(withDetection({}, { endpoints: onePod, proxyVersions: read({ istiod: null }) })).toMatchObject([
      { result: 'fail' },
    ]);
    expect(withDetection({}, { endpoints: onePod })).toMatchObject([{ result: 'pass' }]);
  });

  it('passes where ejected pods are used when too few are left', () => {
    const detection = { maxEjectionPercent: 100, minHealthPercent: 50 };
    expect(withDetection(detection, { endpoints: onePod })).toMatchObject([{ result: 'pass' }]);
  });
});

describe('PF-DR-07: origination', () => {
  const check = asked(originationHasAuthority);
  const cards = (tls: object) =>
    rules(rule({ host: 'api.cards.example.com', subsets: [], trafficPolicy: { tls } }, { name: 'cards' }));
  const old = read({ istiod: '1.19.2' });

  it('does not apply when nothing opens TLS itself', () => {
    expect(check()).toMatchObject([{ result: 'skip' }]);
  });

  it('passes when the authority is named', () => {
    const tls = { mode: 'SIMPLE', caCertificates: '/etc/ssl/bank-ca.pem' };
    expect(check({ destinationRules: cards(tls), proxyVersions: old })).toMatchObject([
      { result: 'pass', read: 'payment-prod/cards verify servers by named authorities' },
    ]);
  });

  it("passes without one since Istio 1.21, where the mesh uses the system's", () => {
    expect(check({ destinationRules: cards({ mode: 'SIMPLE' }) })).toMatchObject([{ result: 'pass' }]);
  });

  it('warns without one before that, and of insecureSkipVerify always', () => {
    expect(check({ destinationRules: cards({ mode: 'SIMPLE' }), proxyVersions: old })).toMatchObject([
      {
        result: 'fail',
        severity: 'warn',
        read: "payment-prod/cards opens TLS SIMPLE to api.cards.example.com and names neither caCertificates nor credentialName: the server's certificate is not verified",
        means:
          'both versions would talk to whoever answers for api.cards.example.com, and no check of the rollout would notice',
        mend: 'name the authority, such as caCertificates: system: kubectl -n payment-prod edit destinationrule cards',
        object: { ...ref, name: 'cards' },
        path: 'spec.trafficPolicy.tls',
      },
    ]);
    const skipping = cards({ mode: 'SIMPLE', insecureSkipVerify: true });
    expect(check({ destinationRules: skipping })).toMatchObject([{ result: 'fail', severity: 'warn' }]);
  });

  it('is unknown without one when the version of istiod is', () => {
    const changes = { destinationRules: cards({ mode: 'SIMPLE' }), proxyVersions: read({ istiod: null }) };
    expect(check(changes)).toMatchObject([{ result: 'unknown' }]);
  });
});

describe('all checks of DestinationRules', () => {
  it.each(
    destinationRuleChecks.map((check) => [check.id, check] as const),
  )('%s is unknown when DestinationRules could not be read', (_id, check) => {
    expect(judged(check, healthy({ destinationRules: unread('forbidden') }))).toMatchObject([
      { result: 'unknown' },
    ]);
  });

  it('never depend on the order in which objects are read', () => {
    const some = [
      rule({}),
      rule({ subsets: [both[1]], trafficPolicy: { tls: { mode: 'DISABLE' } } }, { name: 'other' }),
      rule({ subsets: [both[0]] }, { namespace: 'order-prod', name: 'payments' }),
      rule({ host: '*.local', subsets: [] }, { namespace: 'istio-system', name: 'default' }),
    ];
    const all = (order: object[]) =>
      destinationRuleChecks.flatMap((check) => judged(check, healthy({ destinationRules: rules(...order) })));
    const expected = all(some);
    fc.assert(
      fc.property(fc.shuffledSubarray(some, { minLength: some.length }), (order) => {
        expect(all(order)).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });

  it('do not look for pods of hosts outside of the cluster', () => {
    const outside = { ...subjectWith().stable, podLabels: null, subset: null };
    const subject = subjectWith({ stable: outside, canary: outside });
    for (const check of [subsetsHaveReadyPods, subsetsAreDisjoint, clientTlsFits, ejectionLeavesPods]) {
      expect(judged(check, healthy({ subject }))).toMatchObject([{ result: 'skip' }]);
    }
  });
});
