import { describe, expect, it } from 'vitest';
import * as objects from '../../src/readiness/objects.ts';
import { labelsTellVersions } from '../../src/readiness/workload/identity-labels.ts';
import { imagesAreFixed } from '../../src/readiness/workload/images.ts';
import { likeForLike } from '../../src/readiness/workload/like-for-like.ts';
import { noRestarts } from '../../src/readiness/workload/restarts.ts';
import * as bank from './bank-objects.ts';
import { container, labelled, podsWith, templatesWith } from './changed-objects.ts';
import { healthy, judged, noon, parsed, read, subjectWith, unread } from './healthy.ts';

const nowhere = subjectWith({
  canary: { ...subjectWith().canary, podLabels: null, host: 'cards.example.com' },
});
const noCanary = read(parsed(objects.Pod, bank.pods).slice(0, 3));

describe('like for like (PF-WL-02)', () => {
  type Spec = objects.PodSpec;
  const judge = (change: (spec: Spec) => Spec) =>
    judged(
      likeForLike,
      healthy({
        deployments: templatesWith('v2', (template) => ({ ...template, spec: change(template.spec) })),
      }),
    );
  const inContainer =
    (change: Partial<objects.Container>) =>
    (spec: Spec): Spec => ({ ...spec, containers: spec.containers.map((one) => ({ ...one, ...change })) });

  it('says what was compared', () => {
    expect(judged(likeForLike, healthy())).toMatchObject([
      {
        result: 'pass',
        read: 'Deployments payment-prod/payment-service-v1 and payment-prod/payment-service-v2 have the same requests, limits, probes, JVM flags, node pool and zone spread',
      },
    ]);
  });

  it('warns of other resources, with both values', () => {
    const resources = { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '2', memory: '1Gi' } };
    expect(judge(inContainer({ resources }))).toMatchObject([
      {
        result: 'fail',
        severity: 'warn',
        read: 'payment-service: requests of cpu: 1 in Deployment payment-prod/payment-service-v2, 500m in payment-prod/payment-service-v1',
        means:
          'the versions do not run alike: what differs in errors and latency may come from this and not from the new code',
        mend: 'make it the same, or waive this if it is the change itself: diff <(kubectl -n payment-prod get deployment payment-service-v1 -o yaml) <(kubectl -n payment-prod get deployment payment-service-v2 -o yaml)',
        object: { kind: 'Deployment', namespace: 'payment-prod', name: 'payment-service-v2' },
        path: 'spec.template.spec.containers[0].resources.requests',
      },
    ]);
  });

  it.each<[string, (spec: Spec) => Spec]>([
    [
      'payment-service: readinessProbe',
      inContainer({ readinessProbe: { httpGet: { path: '/', port: 8080 } } }),
    ],
    ['payment-service: livenessProbe', inContainer({ livenessProbe: undefined })],
    ['payment-service: JVM flags', inContainer({ env: [{ name: 'JAVA_TOOL_OPTIONS', value: '-Xmx900m' }] })],
    ['payment-service: JVM flags', inContainer({ args: ['-Xss2m', '-jar', 'payments.jar'] })],
    [
      'payment-service: limits of memory',
      inContainer({ resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { cpu: '2' } } }),
    ],
    ['node pool', (spec) => ({ ...spec, nodeSelector: { 'node.bank.example.com/pool': 'spot' } })],
    ['node affinity', (spec) => ({ ...spec, affinity: { nodeAffinity: { preferred: [] } } })],
    ['zone spread', (spec) => ({ ...spec, topologySpreadConstraints: [] })],
    ['container cache', (spec) => ({ ...spec, containers: [...spec.containers, { name: 'cache' }] })],
  ])('warns of another %s', (what, change) => {
    const findings = judge(change);
    expect(findings).toMatchObject([{ severity: 'warn' }]);
    expect(findings[0]?.['read']).toContain(`${what}: `);
  });

  it.each<[string, (spec: Spec) => Spec]>([
    ['image, which is the change', inContainer({ image: 'registry.bank.example.com/payments/other:2' })],
    [
      'way to write an amount',
      inContainer({
        resources: { requests: { cpu: 0.5, memory: '1024Mi' }, limits: { cpu: '2000m', memory: '1Gi' } },
      }),
    ],
    [
      'variable of the application itself',
      inContainer({
        env: [
          { name: 'FEATURE_X', value: 'on' },
          { name: 'JAVA_TOOL_OPTIONS', value: '-XX:MaxRAMPercentage=75' },
        ],
      }),
    ],
    [
      'label by which a spread finds its own pods',
      (spec) => ({
        ...spec,
        topologySpreadConstraints: (spec.topologySpreadConstraints ?? []).map((one) => ({
          ...one,
          labelSelector: { matchLabels: { version: 'v2' } },
        })),
      }),
    ],
  ])('does not mind another %s', (_what, change) =>
    expect(judge(change)).toMatchObject([{ result: 'pass' }]));

  it('knows nothing where a version is not one Deployment', () => {
    const [first, ...others] = parsed(objects.Deployment, bank.deployments);
    expect(judged(likeForLike, healthy({ deployments: read(others) }))).toMatchObject([
      { result: 'unknown' },
    ]);
    const twice = first === undefined ? [] : [first, first, ...others];
    expect(judged(likeForLike, healthy({ deployments: read(twice) }))).toMatchObject([{ result: 'unknown' }]);
    expect(judged(likeForLike, healthy({ deployments: unread('403') }))).toMatchObject([
      { result: 'unknown' },
    ]);
  });

  it('has nothing to compare with a host outside the cluster', () => {
    expect(judged(likeForLike, healthy({ subject: nowhere }))).toMatchObject([{ result: 'skip' }]);
  });
});

describe('images by digest (PF-WL-03)', () => {
  const tagged = container('payment-service', (one) => ({
    ...one,
    image: 'registry.bank.example.com:5000/payments/payment-service:2.4.0',
  }));

  it('says which image runs', () => {
    expect(judged(imagesAreFixed, healthy())).toMatchObject([
      {
        result: 'pass',
        read: `3 pods of v2 run registry.bank.example.com/payments/payment-service@sha256:${'b'.repeat(64)}`,
      },
    ]);
  });

  it('refuses a tag where the bank asks for digests, and says which digest runs', () => {
    expect(judged(imagesAreFixed, healthy({ pods: podsWith('v2', tagged) }))).toMatchObject([
      {
        result: 'fail',
        severity: 'error',
        read: 'container payment-service of Pod payment-prod/payment-service-v2-7d9c5b6f4-v2001 names its image by tag: registry.bank.example.com:5000/payments/payment-service:2.4.0',
        means:
          'a tag may be moved to another build at any time: a pod that is made during the rollout may run what nobody looked at or approved',
        mend: `name it by digest in the pod template, and compare the digest with the change record: registry.bank.example.com:5000/payments/payment-service@sha256:${'b'.repeat(64)} runs now`,
        object: { kind: 'Pod', namespace: 'payment-prod', name: 'payment-service-v2-7d9c5b6f4-v2001' },
      },
    ]);
  });

  it('warns of a tag where it does not', () => {
    const requirements = { ...subjectWith().requirements, imageDigests: false };
    const snapshot = healthy({ subject: subjectWith({ requirements }), pods: podsWith('v2', tagged) });
    expect(judged(imagesAreFixed, snapshot)).toMatchObject([{ severity: 'warn' }]);
  });

  it('refuses pods of one version that run different builds, behind one tag too', () => {
    const [first] = bank.podNames('v2');
    const other = container('payment-service', (one) => ({
      ...one,
      image: `payments@sha256:${'c'.repeat(64)}`,
    }));
    const mixed = podsWith('v2', (pod) => (pod.metadata.name === first ? other(pod) : pod));
    const findings = judged(imagesAreFixed, healthy({ pods: mixed }));
    expect(findings).toMatchObject([{ severity: 'error' }]);
    expect(findings[0]?.['read']).toContain('pods of v2 run 2 builds of container payment-service');
    const moved = podsWith('v2', (pod) => {
      const statuses = pod.status?.containerStatuses ?? [];
      const imageID = `payments@sha256:${'d'.repeat(64)}`;
      if (pod.metadata.name !== first) return tagged(pod);
      const status = { ...pod.status, containerStatuses: statuses.map((one) => ({ ...one, imageID })) };
      return { ...tagged(pod), status };
    });
    const reads = judged(imagesAreFixed, healthy({ pods: moved })).map((one) => one['read']);
    expect(reads.join()).toContain('run 2 builds');
  });

  const imageIds = (imageID: string | null, names: readonly string[]) => (pod: objects.Pod) => {
    if (!names.includes(pod.metadata.name)) return tagged(pod);
    const containerStatuses = (pod.status?.containerStatuses ?? []).map((one) => ({ ...one, imageID }));
    return { ...tagged(pod), status: { ...pod.status, containerStatuses } };
  };
  const byTagIsFine = subjectWith({
    requirements: { ...subjectWith().requirements, imageDigests: false },
  });
  const startingPods = (names: readonly string[], imageID: string | null = null) =>
    healthy({ subject: byTagIsFine, pods: podsWith('v2', imageIds(imageID, names)) });

  it.each(['', null])('does not take a pod that is still starting for another build (%j)', (imageID) => {
    const [first = ''] = bank.podNames('v2');
    const findings = judged(imagesAreFixed, startingPods([first], imageID));
    expect(findings).toMatchObject([{ result: 'fail', severity: 'warn' }]);
    expect(findings[0]?.['read']).toBe(
      'container payment-service of Pod payment-prod/payment-service-v2-7d9c5b6f4-v2001 names its image by tag: registry.bank.example.com:5000/payments/payment-service:2.4.0; which build 1 of 3 pods run is not known yet',
    );
  });

  it('does not know the build behind a tag while no pod runs it', () => {
    const findings = judged(imagesAreFixed, startingPods(bank.podNames('v2')));
    expect(findings).toMatchObject([
      { result: 'fail', severity: 'warn' },
      {
        result: 'unknown',
        read: 'no digest is known yet for container payment-service in any of 3 pods of v2: which build they run is not known',
      },
    ]);
  });

  it('knows what a starting pod will run when the pod itself names the digest', () => {
    const starting = podsWith('v2', (pod) => ({
      ...pod,
      status: { ...pod.status, containerStatuses: [] },
    }));
    expect(judged(imagesAreFixed, healthy({ pods: starting }))).toMatchObject([{ result: 'pass' }]);
  });

  it('takes one digest for one build, whichever names stand before it', () => {
    const [first] = bank.podNames('v2');
    const mirrored = container('payment-service', (one) => ({
      ...one,
      image: `mirror.bank.example.com/payments:2.4.0@sha256:${'b'.repeat(64)}`,
    }));
    const pods = podsWith('v2', (pod) => (pod.metadata.name === first ? mirrored(pod) : pod));
    expect(judged(imagesAreFixed, healthy({ pods }))).toMatchObject([{ result: 'pass' }]);
  });

  it("does not look at the mesh's own containers, nor at stable", () => {
    const snapshot = healthy({ pods: podsWith('v1', tagged) });
    expect(judged(imagesAreFixed, snapshot)).toMatchObject([{ result: 'pass' }]);
  });

  it('knows nothing without pods, and has nothing to say of a host outside the cluster', () => {
    expect(judged(imagesAreFixed, healthy({ pods: noCanary }))).toMatchObject([{ result: 'unknown' }]);
    expect(judged(imagesAreFixed, healthy({ pods: unread('403') }))).toMatchObject([{ result: 'unknown' }]);
    expect(judged(imagesAreFixed, healthy({ subject: nowhere }))).toMatchObject([{ result: 'skip' }]);
  });
});

describe('labels that tell versions (PF-WL-04)', () => {
  /** The canary is then found by another label, as by a subset of its own. */
  const canaryLabelled = (labels: Record<string, string>) =>
    healthy({
      subject: subjectWith({ canary: { ...subjectWith().canary, podLabels: { track: 'canary' } } }),
      pods: podsWith('v2', (pod) => ({
        ...pod,
        metadata: { ...pod.metadata, labels: { track: 'canary', ...labels } },
      })),
    });
  const judge = (labels: Record<string, string>) => judged(labelsTellVersions, canaryLabelled(labels));

  it('says what Istio calls both versions', () => {
    expect(judged(labelsTellVersions, healthy())).toMatchObject([
      { result: 'pass', read: '3 pods are payment-service v2, 3 are payment-service v1' },
    ]);
  });

  it('refuses pods that no label tells apart', () => {
    const findings = judge({});
    expect(findings).toHaveLength(3);
    expect(findings[0]).toMatchObject({
      severity: 'error',
      read: 'no label of Pod payment-prod/payment-service-v2-7d9c5b6f4-v2001 tells the application (app) or the version (version)',
      means:
        'its requests are not counted under the version that is judged: an unhealthy canary would not be seen in the metrics that decide',
      mend: 'give the pod template the labels app (the name of the application) and version: v2',
      object: { kind: 'Pod', namespace: 'payment-prod', name: 'payment-service-v2-7d9c5b6f4-v2001' },
      path: 'metadata.labels',
    });
  });

  it('does not take the revision that the injector writes for want of one for a version', () => {
    const written = { app: 'payment-service', 'service.istio.io/canonical-revision': 'latest' };
    expect(judge(written)[0]).toMatchObject({ severity: 'error' });
  });

  it('only warns of the canonical labels alone', () => {
    const canonical = {
      'service.istio.io/canonical-name': 'payment-service',
      'service.istio.io/canonical-revision': 'v2',
    };
    expect(judge(canonical)[0]).toMatchObject({ severity: 'warn' });
    expect(
      judge({ 'app.kubernetes.io/name': 'payment-service', 'app.kubernetes.io/version': 'v2' })[0],
    ).toMatchObject({
      severity: 'warn',
    });
  });

  it('needs no canonical labels beside app and version', () => {
    expect(judge({ app: 'payment-service', version: 'v2' })).toMatchObject([{ result: 'pass' }]);
  });

  it('refuses a version that is not the one the metrics are asked for', () => {
    const [finding] = judge({ app: 'payment-service', version: '2.4.0' });
    expect(finding).toMatchObject({ severity: 'error' });
    expect(finding?.['read']).toContain('is labelled version=2.4.0, and the rollout asks the metrics for v2');
  });

  it('refuses two versions that Istio takes for one', () => {
    const pods = podsWith('v2', labelled({ 'service.istio.io/canonical-revision': 'v1' }));
    const findings = judged(labelsTellVersions, healthy({ pods }));
    expect(findings).toMatchObject([{ severity: 'error' }]);
    expect(findings[0]?.['read']).toContain(
      'of the canary and pods of stable are both service.istio.io/canonical-name=payment-service, service.istio.io/canonical-revision=v1',
    );
  });

  it('knows nothing without pods, and has nothing to say of a host outside the cluster', () => {
    expect(judged(labelsTellVersions, healthy({ pods: noCanary }))).toMatchObject([{ result: 'unknown' }]);
    expect(judged(labelsTellVersions, healthy({ pods: unread('403') }))).toMatchObject([
      { result: 'unknown' },
    ]);
    expect(judged(labelsTellVersions, healthy({ subject: nowhere }))).toMatchObject([{ result: 'skip' }]);
  });
});

describe('labels of versions that are Services by themselves (PF-WL-04)', () => {
  const arm = (version: string) => ({
    ...subjectWith().canary,
    subset: null,
    host: `${version}.payment-prod.svc.cluster.local`,
    service: { name: version, namespace: 'payment-prod' },
    version,
    podLabels: { track: version },
  });
  const subject = subjectWith({ stable: arm('payments'), canary: arm('payments-next') });
  const judge = (labels: (track: string) => Record<string, string>) => {
    const pods = podsWith('both', (pod) => {
      const track = pod.metadata.labels?.['version'] === 'v2' ? 'payments-next' : 'payments';
      return { ...pod, metadata: { ...pod.metadata, labels: { track, ...labels(track) } } };
    });
    return judged(labelsTellVersions, healthy({ subject, pods }));
  };

  it('need not be the name of the Service', () => {
    const version = (track: string) => (track === 'payments' ? '2.3.0' : '2.4.0');
    expect(judge((track) => ({ app: 'payments', version: version(track) }))).toMatchObject([
      { result: 'pass', read: '3 pods are payments 2.4.0, 3 are payments 2.3.0' },
    ]);
  });

  it('are a warning at most where they are missing or alike, as the Service is counted', () => {
    const unlabelled = [() => ({ app: 'payments' }), () => ({}), () => ({ app: 'payments', version: '2' })];
    for (const findings of unlabelled.map(judge)) {
      expect(new Set(findings.map(({ severity }) => severity))).toEqual(new Set(['warn']));
    }
    const [finding] = judge(() => ({ app: 'payments' }));
    expect(finding).toMatchObject({
      read: 'no label of Pod payment-prod/payment-service-v2-7d9c5b6f4-v2001 tells the version (version)',
      means:
        'the rollout judges it by its Service and is not misled, but dashboards, traces and alerts by version do not tell it from others',
      mend: 'give the pod template the labels app (the name of the application) and version: payments-next',
    });
  });
});

describe('restarts (PF-WL-05)', () => {
  const startedAt = noon - 3_600_000;
  const started = subjectWith({ startedAt, stableReadyAtStart: 3 });
  type Ended = { reason?: string; minutesAgo?: number | null; count?: number; madeMinutesAgo?: number };
  const [first = ''] = bank.podNames('v2');
  const iso = (minutesAgo: number) => new Date(noon - minutesAgo * 60_000).toISOString();

  function ended({ reason = 'Error', minutesAgo = 10, count = 1, madeMinutesAgo = 50_000 }: Ended) {
    return (pod: objects.Pod): objects.Pod => {
      if (pod.metadata.name !== first) return pod;
      const terminated = { reason, finishedAt: minutesAgo === null ? null : iso(minutesAgo) };
      const containerStatuses = (pod.status?.containerStatuses ?? []).map((one) =>
        one.name === 'payment-service' ? { ...one, restartCount: count, lastState: { terminated } } : one,
      );
      const metadata = { ...pod.metadata, creationTimestamp: iso(madeMinutesAgo) };
      return { ...pod, metadata, status: { ...pod.status, containerStatuses } };
    };
  }

  const judge = (one: Ended, subject = started) =>
    judged(noRestarts, healthy({ subject, pods: podsWith('both', ended(one)) }));

  it('says since when nothing ended', () => {
    expect(judged(noRestarts, healthy({ subject: started }))).toMatchObject([
      { result: 'pass', read: 'no container of 3 pods of v2 ended since 2026-11-23 11:00 UTC' },
    ]);
  });

  it('warns of a container that ran out of memory', () => {
    expect(judge({ reason: 'OOMKilled', count: 2 })).toMatchObject([
      {
        result: 'fail',
        severity: 'warn',
        read: 'container payment-service of Pod payment-prod/payment-service-v2-7d9c5b6f4-v2001 ended at 2026-11-23 11:50 UTC (OOMKilled), after 2026-11-23 11:00 UTC: 2 restarts in all, 0 are expected',
        means:
          'it needs more memory than its limit: with a larger share it would end more often, and its open requests with it',
        mend: 'look for a leak before raising the limit: kubectl -n payment-prod top pod payment-service-v2-7d9c5b6f4-v2001 --containers, then kubectl -n payment-prod logs payment-service-v2-7d9c5b6f4-v2001 -c payment-service --previous',
        object: { kind: 'Pod', namespace: 'payment-prod', name: 'payment-service-v2-7d9c5b6f4-v2001' },
      },
    ]);
  });

  it('warns of a container that ended for another reason', () => {
    expect(judge({ reason: 'Error' })).toMatchObject([{ severity: 'warn' }]);
  });

  it('does not mind what ended before the rollout, or over an hour ago when none runs', () => {
    expect(judge({ minutesAgo: 61 })).toMatchObject([{ result: 'pass' }]);
    expect(judge({ minutesAgo: 61 }, subjectWith())).toMatchObject([{ result: 'pass' }]);
    expect(judge({ minutesAgo: 59 }, subjectWith())).toMatchObject([{ severity: 'warn' }]);
  });

  it('does not mind one new try while a pod comes up, unless it ran out of memory', () => {
    const early = { madeMinutesAgo: 14, minutesAgo: 10 };
    const [finding] = judge(early);
    expect(finding).toMatchObject({ result: 'pass' });
    expect(finding?.['read']).toContain('1 restarted once while their pod came up');
    expect(judge({ ...early, count: 2 })).toMatchObject([{ severity: 'warn' }]);
    expect(judge({ ...early, reason: 'OOMKilled' })).toMatchObject([{ severity: 'warn' }]);
    expect(judge({ ...early, madeMinutesAgo: 16 })).toMatchObject([{ severity: 'warn' }]);
  });

  it('does not take new tries of an init container for restarts, and a native sidecar is no such one', () => {
    const withInit = (restartPolicy: string | undefined) => (pod: objects.Pod) => {
      const one = { name: 'helper', restartPolicy };
      const terminated = { reason: 'Error', finishedAt: iso(10) };
      const initContainerStatuses = [{ name: 'helper', restartCount: 4, lastState: { terminated } }];
      return {
        ...pod,
        spec: { ...pod.spec, initContainers: [one] },
        status: { ...pod.status, initContainerStatuses },
      };
    };
    const run = (restartPolicy: string | undefined) =>
      judged(noRestarts, healthy({ subject: started, pods: podsWith('v2', withInit(restartPolicy)) }));
    expect(run(undefined)).toMatchObject([{ result: 'pass' }]);
    expect(run('Always')).toMatchObject([{ severity: 'warn' }, {}, {}]);
  });

  it('does not know what a restart without a time means', () => {
    expect(judge({ minutesAgo: null })).toMatchObject([{ result: 'unknown' }]);
  });

  it('knows nothing without pods, and has nothing to say of a host outside the cluster', () => {
    expect(judged(noRestarts, healthy({ pods: noCanary }))).toMatchObject([{ result: 'unknown' }]);
    expect(judged(noRestarts, healthy({ pods: unread('403') }))).toMatchObject([{ result: 'unknown' }]);
    expect(judged(noRestarts, healthy({ subject: nowhere }))).toMatchObject([{ result: 'skip' }]);
  });
});
