import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callersUseMutualTls } from '../../src/readiness/mutual-tls/callers.ts';
import { identityIsTheSame } from '../../src/readiness/mutual-tls/identity.ts';
import { modeIsAsRequired } from '../../src/readiness/mutual-tls/mode.ts';
import * as objects from '../../src/readiness/objects.ts';
import { effectiveMode } from '../../src/readiness/peer-authentication.ts';
import * as bank from './bank-objects.ts';
import { healthy, judged, parsed, read, subjectWith, unread } from './healthy.ts';

const [meshWide] = bank.peerAuthentications;

/** A policy like the bank's own, elsewhere and of another mode. */
function policy(namespace: string, name: string, spec: object, at = '2026-10-01T08:00:00Z') {
  return { ...meshWide, metadata: { ...meshWide?.metadata, namespace, name, creationTimestamp: at }, spec };
}

function policies(...values: object[]) {
  return parsed(objects.PeerAuthentication, values);
}

const strict = { mtls: { mode: 'STRICT' } };
const permissive = { mtls: { mode: 'PERMISSIVE' } };
const ofPayments = { selector: { matchLabels: { app: 'payment-service' } } };
const workload = {
  labels: { app: 'payment-service', version: 'v2' },
  namespace: 'payment-prod',
  ports: [8080],
};
const modeWith = (...values: object[]) => effectiveMode(workload, policies(...values), 'istio-system');

describe('the effective mutual TLS mode', () => {
  it('is PERMISSIVE when nothing says one', () => {
    expect(modeWith()).toEqual({
      mode: 'PERMISSIVE',
      level: 'default',
      decidedBy: null,
      ports: [{ port: 8080, mode: 'PERMISSIVE', level: 'default', decidedBy: null }],
    });
  });

  it.each([
    [
      'the namespace goes before the root namespace',
      [policy('payment-prod', 'default', permissive)],
      'PERMISSIVE',
    ],
    [
      'the workload goes before the namespace',
      [
        policy('payment-prod', 'default', permissive),
        policy('payment-prod', 'own', { ...ofPayments, ...strict }),
      ],
      'STRICT',
    ],
    ['UNSET inherits', [policy('payment-prod', 'default', { mtls: { mode: 'UNSET' } })], 'STRICT'],
    ['a policy without mtls inherits', [policy('payment-prod', 'default', {})], 'STRICT'],
    [
      'a policy that sets nothing inherits',
      [policy('payment-prod', 'default', { selector: null, mtls: null })],
      'STRICT',
    ],
    ['other namespaces say nothing', [policy('order-prod', 'default', permissive)], 'STRICT'],
    [
      'a selector in the root namespace selects nothing',
      [policy('istio-system', 'own', { ...ofPayments, ...permissive })],
      'STRICT',
    ],
    [
      'a selector of other labels selects nothing',
      [policy('payment-prod', 'own', { selector: { matchLabels: { version: 'v1' } }, ...permissive })],
      'STRICT',
    ],
    [
      'the older of two policies of a namespace wins',
      [
        policy('payment-prod', 'younger', strict, '2026-11-01T08:00:00Z'),
        policy('payment-prod', 'older', permissive, '2026-10-01T08:00:00Z'),
      ],
      'PERMISSIVE',
    ],
  ])('%s', (_name, own, mode) => {
    expect(modeWith(...bank.peerAuthentications, ...own).mode).toBe(mode);
  });

  it('of a port is what the policy that selects the workload says for the port of the pods', () => {
    const own = policy('payment-prod', 'own', {
      ...ofPayments,
      portLevelMtls: { 8080: { mode: 'DISABLE' } },
    });
    const decidedBy = { kind: 'PeerAuthentication', namespace: 'payment-prod', name: 'own' };
    const found = modeWith(...bank.peerAuthentications, own);
    expect(found.mode).toBe('STRICT');
    expect(found.ports).toEqual([{ port: 8080, mode: 'DISABLE', level: 'port', decidedBy }]);
  });

  it('of a port inherits when it is UNSET there, and without a selector ports say nothing', () => {
    const unset = { ...ofPayments, ...permissive, portLevelMtls: { 8080: { mode: 'UNSET' } } };
    const wide = { ...strict, portLevelMtls: { 8080: { mode: 'DISABLE' } } };
    expect(modeWith(policy('payment-prod', 'own', unset)).ports[0]?.mode).toBe('PERMISSIVE');
    expect(modeWith(policy('payment-prod', 'wide', wide)).ports[0]?.mode).toBe('STRICT');
  });

  it('never depends on the order in which policies are read', () => {
    const spec = fc.record({
      mtls: fc.record({ mode: fc.constantFrom('STRICT', 'PERMISSIVE', 'DISABLE', 'UNSET') }),
      selector: fc.constantFrom(null, ofPayments.selector),
    });
    const one = fc.record({
      namespace: fc.constantFrom('payment-prod', 'istio-system'),
      spec,
      at: fc.constantFrom('2026-10-01T08:00:00Z', '2026-10-02T08:00:00Z'),
    });
    const some = fc.array(one, { maxLength: 6 });
    const made = some.map((all) =>
      all.map((each, at) => policy(each.namespace, `p${at}`, each.spec, each.at)),
    );
    const shuffled = made.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(shuffled, ([all, mixed]) => {
        expect(modeWith(...mixed)).toEqual(modeWith(...all));
      }),
      { numRuns: 100 },
    );
  });
});

describe('PF-MT-01: the mode of the canary', () => {
  const check = (changes: Parameters<typeof healthy>[0]) => judged(modeIsAsRequired, healthy(changes));
  const withPolicies = (...values: object[]) => check({ peerAuthentications: read(policies(...values)) });

  it('passes when the root namespace says STRICT, probes or not', () => {
    expect(check({})).toMatchObject([
      { result: 'pass', read: 'canary v2: port 8080 STRICT by PeerAuthentication istio-system/default' },
    ]);
  });

  it('fails when the namespace says PERMISSIVE, and says by which object and how to mend it', () => {
    expect(withPolicies(policy('payment-prod', 'default', permissive))).toMatchObject([
      {
        result: 'fail',
        severity: 'error',
        read: 'canary v2 port 8080 has mode PERMISSIVE by PeerAuthentication payment-prod/default; required is STRICT',
        means:
          'the canary answers plaintext too: whoever reaches its pods without a proxy is served, unencrypted and without an identity that a policy could ask for',
        mend: `when all callers can do with it: kubectl -n payment-prod patch peerauthentication default --type merge -p '{"spec":{"mtls":{"mode":"STRICT"}}}'`,
        object: { kind: 'PeerAuthentication', namespace: 'payment-prod', name: 'default' },
        path: 'spec.mtls.mode',
      },
    ]);
  });

  it('fails on a port that takes plaintext under a STRICT workload, though the Service has another number', () => {
    const services = structuredClone(bank.services).map((one) => ({
      ...one,
      spec: { ...one.spec, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
    }));
    const own = { ...ofPayments, ...strict, portLevelMtls: { 8080: { mode: 'DISABLE' } } };
    const found = check({
      services: read(parsed(objects.Service, services)),
      peerAuthentications: read(policies(policy('payment-prod', 'own', own))),
    });
    expect(found).toMatchObject([{ result: 'fail', severity: 'error', path: 'spec.portLevelMtls' }]);
  });

  it('passes when only a port that the Service does not send to takes plaintext, such as one for metrics', () => {
    const own = { ...ofPayments, ...strict, portLevelMtls: { 9090: { mode: 'DISABLE' } } };
    expect(withPolicies(policy('payment-prod', 'own', own))).toMatchObject([{ result: 'pass' }]);
  });

  it('passes when UNSET inherits STRICT, and when the older of two says STRICT', () => {
    const unset = policy('payment-prod', 'default', { mtls: { mode: 'UNSET' } });
    const older = policy('payment-prod', 'older', strict, '2026-09-01T08:00:00Z');
    expect(withPolicies(...bank.peerAuthentications, unset)).toMatchObject([{ result: 'pass' }]);
    expect(withPolicies(policy('payment-prod', 'a', permissive), older)).toMatchObject([{ result: 'pass' }]);
  });

  it('only warns in ambient, where calls between captured pods are encrypted all the same', () => {
    const pods = structuredClone(bank.pods).map((pod) => ({
      ...pod,
      metadata: { ...pod.metadata, annotations: { 'ambient.istio.io/redirection': 'enabled' } },
      spec: { ...pod.spec, initContainers: [], containers: pod.spec.containers.slice(0, 1) },
    }));
    const found = check({ pods: read(parsed(objects.Pod, pods)), peerAuthentications: read([]) });
    expect(found).toMatchObject([{ result: 'fail', severity: 'warn' }]);
  });

  it('is unknown when policies were not read, when a pod has no proxy, and when the port is not known', () => {
    const bare = structuredClone(bank.pods).map((pod) => ({
      ...pod,
      spec: { ...pod.spec, containers: pod.spec.containers.slice(0, 1) },
    }));
    expect(check({ peerAuthentications: unread('forbidden') })).toMatchObject([{ result: 'unknown' }]);
    expect(check({ pods: read(parsed(objects.Pod, bare)) })).toMatchObject([{ result: 'unknown' }]);
    expect(check({ services: read([]) })).toMatchObject([{ result: 'unknown' }]);
  });

  it('fails when PERMISSIVE is required and the canary refuses plaintext', () => {
    const requirements = { ...subjectWith().requirements, mutualTls: 'PERMISSIVE' as const };
    expect(check({ subject: subjectWith({ requirements }) })).toMatchObject([
      { result: 'fail', severity: 'error', object: { namespace: 'istio-system', name: 'default' } },
    ]);
  });
});

describe('PF-MT-02: callers in plaintext', () => {
  const check = (changes: Parameters<typeof healthy>[0]) => judged(callersUseMutualTls, healthy(changes));
  const order = {
    workload: 'order-service',
    namespace: 'order-prod',
    principal: 'spiffe://cluster.local/ns/order-prod/sa/order-service',
    requestsPerSecond: 600,
    plaintextPerSecond: 0,
  };
  const batch = { ...order, workload: 'batch', namespace: 'legacy', principal: null };
  const callers = (...some: (typeof order | typeof batch)[]) => check({ callers: read(some) });

  it('passes when all come by mutual TLS', () => {
    expect(check({})).toMatchObject([
      { result: 'pass', read: '600 requests/s from order-prod/order-service, none of them in plaintext' },
    ]);
  });

  it('fails above one request in a thousand, naming the callers', () => {
    expect(callers(order, { ...batch, requestsPerSecond: 6, plaintextPerSecond: 6 })).toMatchObject([
      {
        result: 'fail',
        severity: 'error',
        read: '0.99 % of the requests come in plaintext, 6 requests/s of 606 requests/s: legacy/batch 6 requests/s; the limit is 0.1 %',
        means:
          'these callers have no proxy that obeys the weights: kube-proxy gives them v2 by its number of pods, from the moment its pods are ready, and going back to v1 does not take them off it',
        mend: 'bring the callers into the mesh, or let them come by a gateway: kubectl label namespace legacy istio-injection=enabled, then kubectl -n legacy rollout restart deployment batch',
      },
    ]);
  });

  it.each([
    [1, 'warn'],
    [1.01, 'error'],
  ])('of 1000 requests %d in plaintext is an %s', (plaintext, severity) => {
    const plain = { ...batch, requestsPerSecond: plaintext, plaintextPerSecond: plaintext };
    const rest = { ...order, requestsPerSecond: 1000 - plaintext };
    expect(callers(rest, plain)).toMatchObject([{ result: 'fail', severity }]);
  });

  it('passes for an ingress gateway of another mesh, which comes by mutual TLS', () => {
    const far = {
      ...order,
      workload: 'unknown',
      namespace: 'unknown',
      principal: 'spiffe://other.example.com/ns/istio-ingress/sa/gateway',
    };
    expect(callers(order, far)).toMatchObject([{ result: 'pass' }]);
  });

  it("passes for the kubelet's own probes, where the agent does not take them", () => {
    const pods = structuredClone(bank.pods).map((pod) => ({
      ...pod,
      metadata: {
        ...pod.metadata,
        annotations: { ...pod.metadata.annotations, 'sidecar.istio.io/rewriteAppHTTPProbers': 'false' },
      },
    }));
    // 6 pods, each with 2 probes every 10 seconds.
    const kubelet = { ...batch, workload: 'unknown', namespace: 'unknown', requestsPerSecond: 1.2 };
    const plain = { ...kubelet, plaintextPerSecond: 1.2 };
    const more = { ...kubelet, requestsPerSecond: 3, plaintextPerSecond: 3 };
    const probed = read(parsed(objects.Pod, pods));
    expect(check({ pods: probed, callers: read([order, plain]) })).toMatchObject([{ result: 'pass' }]);
    expect(check({ pods: probed, callers: read([order, more]) })).toMatchObject([{ result: 'fail' }]);
    expect(check({ callers: read([order, plain]) })).toMatchObject([{ result: 'fail' }]);
  });

  it('is unknown when Telemetry drops the label, when nobody calls, and when callers were not read', () => {
    expect(check({ metricLabels: read(['reporter', 'le']) })).toMatchObject([{ result: 'unknown' }]);
    expect(callers()).toMatchObject([{ result: 'unknown' }]);
    expect(check({ callers: unread('no metrics') })).toMatchObject([{ result: 'unknown' }]);
  });
});

describe('PF-MT-03: one identity', () => {
  const check = (changes: Parameters<typeof healthy>[0]) => judged(identityIsTheSame, healthy(changes));

  it('passes when both versions have one ServiceAccount', () => {
    expect(check({})).toMatchObject([
      { result: 'pass', read: 'both versions are ServiceAccount payment-prod/payment-service' },
    ]);
  });

  it('warns of another one, and says what to do when it is the change itself', () => {
    const other = (spec: object) => ({ ...spec, serviceAccountName: 'payment-v2' });
    const deployments = structuredClone(bank.deployments).map((one) => {
      if (!one.metadata.name.endsWith('v2')) return one;
      const { template } = one.spec;
      return { ...one, spec: { ...one.spec, template: { ...template, spec: other(template.spec) } } };
    });
    const pods = structuredClone(bank.pods).map((pod) =>
      pod.metadata.name.includes('-v2-') ? { ...pod, spec: other(pod.spec) } : pod,
    );
    const changes = {
      deployments: read(parsed(objects.Deployment, deployments)),
      pods: read(parsed(objects.Pod, pods)),
    };
    expect(check(changes)).toMatchObject([
      {
        result: 'fail',
        severity: 'warn',
        read: 'v2 runs as ServiceAccount payment-prod/payment-v2, v1 as ServiceAccount payment-prod/payment-service',
        means:
          "to those that it calls the canary is somebody else: policies that allow stable's principal refuse it, so its requests fail with 403",
        mend: 'kubectl -n payment-prod set serviceaccount deployment/payment-service-v2 payment-service; when the new identity is the change itself, see to it that PF-AZ-03 passes and waive this check',
        object: { kind: 'Deployment', namespace: 'payment-prod', name: 'payment-service-v2' },
        path: 'spec.template.spec.serviceAccountName',
      },
    ]);
  });

  it('is unknown when there is no workload to look at, or none was read', () => {
    expect(check({ deployments: read([]), pods: read([]) })).toMatchObject([{ result: 'unknown' }]);
    expect(check({ pods: unread('forbidden') })).toMatchObject([{ result: 'unknown' }]);
  });
});
