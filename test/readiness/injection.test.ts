import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { injectionOf } from '../../src/readiness/injection/injection-labels.ts';
import { injectionLabelsAgree } from '../../src/readiness/injection/labels-agree.ts';
import { everyPodHasProxy } from '../../src/readiness/injection/proxied.ts';
import { injectionChecks } from '../../src/readiness/injection.ts';
import * as objects from '../../src/readiness/objects.ts';
import { runChecks } from '../../src/readiness/run-checks.ts';
import * as bank from './bank-objects.ts';
import {
  asking,
  labelled,
  namespaceLabelled,
  podsWith,
  templatesWith,
  withoutProxy,
} from './changed-objects.ts';
import { healthy, judged, parsed, read, subjectWith, unread } from './healthy.ts';

const nowhere = subjectWith({
  canary: { ...subjectWith().canary, podLabels: null, host: 'cards.example.com' },
});

it('finds nothing wrong with a healthy target', () => {
  const findings = runChecks(injectionChecks, healthy());
  expect(findings.map(({ id, result }) => `${id} ${result}`)).toEqual([
    ...['01', '02', '03', '04', '05', '06', '07'].map((id) => `PF-SC-${id} pass`),
    'PF-SC-08 skip',
  ]);
});

it('says the same whatever the order of pods', () => {
  for (const pods of [parsed(objects.Pod, bank.pods), podsWith('both', withoutProxy).value]) {
    const usual = runChecks(injectionChecks, healthy({ pods: read(pods) }));
    const orders = fc.shuffledSubarray(pods, { minLength: pods.length, maxLength: pods.length });
    fc.assert(
      fc.property(orders, (order) => {
        expect(runChecks(injectionChecks, healthy({ pods: read(order) }))).toEqual(usual);
      }),
      { numRuns: 25 },
    );
  }
});

describe('a proxy for every pod of the canary (PF-SC-01)', () => {
  it('counts the pods that have one', () => {
    expect(judged(everyPodHasProxy, healthy())).toMatchObject([
      { result: 'pass', read: '3 of 3 pods of v2 have a proxy: 3 by sidecar' },
    ]);
  });

  it('names each pod without one, what that means and how to mend it', () => {
    const findings = judged(everyPodHasProxy, healthy({ pods: podsWith('v2', withoutProxy) }));
    expect(findings).toHaveLength(3);
    expect(findings[0]).toMatchObject({
      result: 'fail',
      severity: 'error',
      read: 'Pod payment-prod/payment-service-v2-7d9c5b6f4-v2001 has no istio-proxy container: it has payment-service',
      means:
        'users of the canary would reach it in plain text and past every AuthorizationPolicy, and no proxy of its own counts its errors and latency',
      mend: 'let the labels of PF-SC-02 ask for injection, then make the pods anew: kubectl -n payment-prod rollout restart deployment/payment-service-v2',
      object: { kind: 'Pod', namespace: 'payment-prod', name: 'payment-service-v2-7d9c5b6f4-v2001' },
      path: 'spec.containers',
    });
  });

  it('names five of many pods, and says how many more there are', () => {
    const many = podsWith('v2', withoutProxy).value.flatMap((pod) =>
      [1, 2, 3].map((copy) => ({
        ...pod,
        metadata: { ...pod.metadata, name: `${pod.metadata.name}-${copy}` },
      })),
    );
    const findings = judged(everyPodHasProxy, healthy({ pods: read(many) }));
    expect(findings).toHaveLength(5);
    expect(findings[4]?.['read']).toContain('(and 4 more like it)');
  });

  it('does not look at the pods of stable', () => {
    const findings = judged(everyPodHasProxy, healthy({ pods: podsWith('v1', withoutProxy) }));
    expect(findings).toMatchObject([{ result: 'pass' }]);
  });

  it('takes a native sidecar for a proxy', () => {
    const proxy = { name: 'istio-proxy', image: 'istio/proxyv2:1.26.1', restartPolicy: 'Always' };
    const native = (pod: objects.Pod) => ({
      ...pod,
      spec: { ...withoutProxy(pod).spec, initContainers: [proxy] },
    });
    expect(judged(everyPodHasProxy, healthy({ pods: podsWith('v2', native) }))).toMatchObject([
      { result: 'pass', read: '3 of 3 pods of v2 have a proxy: 3 by native sidecar' },
    ]);
  });

  it('does not take an init container that ends for a proxy', () => {
    const proxy = { name: 'istio-proxy', image: 'istio/proxyv2:1.26.1' };
    const ended = (pod: objects.Pod) => ({
      ...pod,
      spec: { ...withoutProxy(pod).spec, initContainers: [proxy] },
    });
    expect(judged(everyPodHasProxy, healthy({ pods: podsWith('v2', ended) }))[0]).toMatchObject({
      severity: 'error',
    });
  });

  it('takes ztunnel for a proxy where it captures the pod', () => {
    const captured = labelled(
      { 'istio.io/dataplane-mode': 'ambient' },
      { 'ambient.istio.io/redirection': 'enabled' },
    );
    const pods = podsWith('v2', (pod) => captured(withoutProxy(pod)));
    expect(judged(everyPodHasProxy, healthy({ pods }))).toMatchObject([
      { result: 'pass', read: '3 of 3 pods of v2 have a proxy: 3 by ztunnel (ambient)' },
    ]);
  });

  it('says of a pod that asks for ambient mode that ztunnel does not capture it', () => {
    const pods = podsWith('v2', (pod) =>
      labelled({ 'istio.io/dataplane-mode': 'ambient' })(withoutProxy(pod)),
    );
    const [finding] = judged(everyPodHasProxy, healthy({ pods }));
    expect(finding).toMatchObject({ severity: 'error', path: 'metadata.annotations' });
    expect(finding?.['read']).toContain('ztunnel does not capture it');
  });

  it('takes a gRPC library that Istio configures for a proxy', () => {
    const pods = podsWith('v2', labelled({}, { 'inject.istio.io/templates': 'grpc-agent' }));
    expect(judged(everyPodHasProxy, healthy({ pods }))).toMatchObject([
      { result: 'pass', read: '3 of 3 pods of v2 have a proxy: 3 within gRPC itself (proxyless)' },
    ]);
  });

  it('does not believe an annotation for proxyless gRPC that nobody acted on', () => {
    const pods = podsWith('v2', (pod) =>
      labelled({}, { 'inject.istio.io/templates': 'grpc-agent' })(withoutProxy(pod)),
    );
    expect(judged(everyPodHasProxy, healthy({ pods }))[0]).toMatchObject({ result: 'fail' });
  });

  const onHost = (pod: objects.Pod) => ({
    ...withoutProxy(pod),
    spec: { ...withoutProxy(pod).spec, hostNetwork: true },
  });

  it('refuses a canary on the network of its nodes', () => {
    const [finding] = judged(everyPodHasProxy, healthy({ pods: podsWith('v2', onHost) }));
    expect(finding).toMatchObject({ severity: 'error', path: 'spec.hostNetwork' });
    expect(finding?.['read']).toContain('hostNetwork: true');
  });

  it('only warns where stable lives on the network of its nodes too', () => {
    const [finding] = judged(everyPodHasProxy, healthy({ pods: podsWith('both', onHost) }));
    expect(finding).toMatchObject({ severity: 'warn' });
    expect(finding?.['means']).toContain('stable runs the same way');
  });

  it('says that a pod itself refuses injection', () => {
    const pods = podsWith('v2', (pod) => labelled({ 'sidecar.istio.io/inject': 'false' })(withoutProxy(pod)));
    const [finding] = judged(everyPodHasProxy, healthy({ pods }));
    expect(finding?.['read']).toContain('says sidecar.istio.io/inject=false');
  });

  it('does not mind evicted pods and those that are going away', () => {
    const { value } = podsWith('v2', withoutProxy);
    const [, , , evicted, leaving, fine] = value;
    const pods = [
      ...value.slice(0, 3),
      ...(evicted === undefined ? [] : [{ ...evicted, status: { phase: 'Failed' } }]),
      ...(leaving === undefined
        ? []
        : [{ ...leaving, metadata: { ...leaving.metadata, deletionTimestamp: '2026-11-23T11:59:00Z' } }]),
      ...podsWith('v1', (pod) => pod).value.filter(({ metadata }) => metadata.name === fine?.metadata.name),
    ];
    expect(judged(everyPodHasProxy, healthy({ pods: read(pods) }))).toMatchObject([
      { result: 'pass', read: '1 of 1 pods of v2 have a proxy: 1 by sidecar' },
    ]);
  });

  it('knows nothing of a canary without pods, or when pods may not be read', () => {
    const none = read(parsed(objects.Pod, bank.pods).slice(0, 3));
    expect(judged(everyPodHasProxy, healthy({ pods: none }))).toMatchObject([{ result: 'unknown' }]);
    expect(judged(everyPodHasProxy, healthy({ pods: unread('403') }))).toMatchObject([{ result: 'unknown' }]);
  });

  it('has nothing to say of a host outside the cluster', () => {
    expect(judged(everyPodHasProxy, healthy({ subject: nowhere }))).toMatchObject([{ result: 'skip' }]);
  });
});

describe('one voice on injection (PF-SC-02)', () => {
  const meshConfig = (injectsByDefault: boolean) => {
    const fact = healthy().meshConfig;
    return fact.kind === 'read' ? read({ ...fact.value, injectsByDefault }) : fact;
  };

  it('says what decides', () => {
    expect(judged(injectionLabelsAgree, healthy())).toMatchObject([
      {
        result: 'pass',
        read: 'new pods of v2 are injected by the label istio-injection=enabled of the namespace',
      },
    ]);
  });

  it('warns of a pod template that refuses what its namespace wants', () => {
    const deployments = templatesWith('v2', asking({ 'sidecar.istio.io/inject': 'false' }));
    expect(judged(injectionLabelsAgree, healthy({ deployments }))).toMatchObject([
      {
        result: 'fail',
        severity: 'warn',
        read: 'new pods of v2 are not injected: what decides is the label sidecar.istio.io/inject=false of the pod template',
        means:
          'a pod of v2 that is made during the rollout, such as by an autoscaler, would serve users without a proxy',
        mend: 'take sidecar.istio.io/inject out of the pod template where it says no, and: kubectl label namespace payment-prod istio-injection=enabled --overwrite',
        object: { kind: 'Namespace', namespace: null, name: 'payment-prod' },
      },
    ]);
  });

  it('warns of a namespace that nobody labelled', () => {
    const namespaces = namespaceLabelled({ 'istio-injection': undefined });
    const [finding] = judged(injectionLabelsAgree, healthy({ namespaces }));
    expect(finding?.['read']).toContain('no label that asks for injection');
  });

  it('does not mind that where namespaces are injected by default', () => {
    const namespaces = namespaceLabelled({ 'istio-injection': undefined });
    expect(judged(injectionLabelsAgree, healthy({ namespaces, meshConfig: meshConfig(true) }))).toMatchObject(
      [{ result: 'pass', read: 'new pods of v2 are injected by the default of this mesh' }],
    );
  });

  it('does not mind it in ambient mode, and warns of a sidecar there', () => {
    const ambient = namespaceLabelled({ 'istio-injection': undefined, 'istio.io/dataplane-mode': 'ambient' });
    expect(judged(injectionLabelsAgree, healthy({ namespaces: ambient }))).toMatchObject([
      { result: 'pass' },
    ]);
    const both = namespaceLabelled({ 'istio.io/dataplane-mode': 'ambient' });
    const [finding] = judged(injectionLabelsAgree, healthy({ namespaces: both }));
    expect(finding?.['read']).toContain('is in ambient mode, and');
  });

  it('warns of two labels, of which Istio obeys one', () => {
    const namespaces = namespaceLabelled({ 'istio.io/rev': '1-26' });
    const [finding] = judged(injectionLabelsAgree, healthy({ namespaces }));
    expect(finding?.['read']).toBe(
      'Namespace payment-prod has both istio-injection=enabled and istio.io/rev=1-26',
    );
    expect(finding?.['means']).toBe(
      'Istio obeys istio-injection alone, and what it stands for is the revision behind the tag default: the next pods of the canary come from 1-26 only where that is the same',
    );
  });

  it('warns of a revision that the namespace outweighs, and of versions from two revisions', () => {
    const outweighed = templatesWith('v2', asking({ 'istio.io/rev': '1-27' }));
    const [first] = judged(injectionLabelsAgree, healthy({ deployments: outweighed }));
    expect(first?.['read']).toContain('asks for istio.io/rev=1-27');
    const namespaces = namespaceLabelled({ 'istio-injection': undefined });
    const one = templatesWith('v1', asking({ 'istio.io/rev': '1-26' })).value.slice(0, 1);
    const deployments = read([...one, ...outweighed.value.slice(1)]);
    const [second] = judged(injectionLabelsAgree, healthy({ namespaces, deployments }));
    expect(second?.['read']).toBe("stable's proxies come from revision 1-26, the canary's from 1-27");
  });

  it('takes the revision default for what istio-injection=enabled stands for', () => {
    const deployments = templatesWith('v2', asking({ 'istio.io/rev': 'default' }));
    expect(judged(injectionLabelsAgree, healthy({ deployments }))).toMatchObject([{ result: 'pass' }]);
    const namespaces = namespaceLabelled({ 'istio-injection': undefined });
    const one = templatesWith('v1', asking({ 'sidecar.istio.io/inject': 'true' })).value.slice(0, 1);
    const both = read([...one, ...deployments.value.slice(1)]);
    expect(judged(injectionLabelsAgree, healthy({ namespaces, deployments: both }))).toMatchObject([
      { result: 'pass' },
    ]);
  });

  it('does not take the revision that the injector wrote on a pod for what people asked', () => {
    expect(judged(injectionLabelsAgree, healthy({ deployments: read([]) }))).toMatchObject([
      { result: 'pass' },
    ]);
  });

  it('knows nothing without the namespace', () => {
    expect(judged(injectionLabelsAgree, healthy({ namespaces: read([]) }))).toMatchObject([
      { result: 'unknown' },
    ]);
    expect(judged(injectionLabelsAgree, healthy({ namespaces: unread('403') }))).toMatchObject([
      { result: 'unknown' },
    ]);
  });

  it('has nothing to say of a host outside the cluster', () => {
    expect(judged(injectionLabelsAgree, healthy({ subject: nowhere }))).toMatchObject([{ result: 'skip' }]);
  });

  it('never injects a pod that says no, whatever else is set', () => {
    const maybe = (...values: string[]) => fc.option(fc.constantFrom(...values), { nil: undefined });
    const set = (labels: Record<string, string | undefined>) =>
      Object.fromEntries(
        Object.entries(labels).flatMap(([key, value]) =>
          value === undefined ? [] : [[key, value] as const],
        ),
      );
    const namespace = fc.record({
      'istio-injection': maybe('enabled', 'disabled'),
      'istio.io/rev': maybe('1-26', 'default'),
    });
    fc.assert(
      fc.property(
        namespace,
        maybe('1-27'),
        fc.boolean(),
        fc.boolean(),
        (asked, revision, byDefault, byLabel) => {
          const no = { 'sidecar.istio.io/inject': 'false' };
          const labels = { ...set({ 'istio.io/rev': revision }), ...(byLabel ? no : {}) };
          const annotations = byLabel ? { 'sidecar.istio.io/inject': 'true' } : no;
          expect(injectionOf({ namespace: set(asked), labels, annotations, byDefault }).isOn).toBe(false);
        },
      ),
      { numRuns: 200 },
    );
  });
});
