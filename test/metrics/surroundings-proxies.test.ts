import { describe, expect, it } from 'vitest';
import type { Answer, Row } from '../../src/metrics/answer.ts';
import {
  armPods,
  meshCertificatesFrom,
  proxyCertificatesFrom,
  throttlingFrom,
} from '../../src/metrics/surroundings-proxies.ts';
import { targetOf } from './requests.ts';

const target = targetOf('payments');
const row = (labels: Record<string, string>, value = 1): Row => ({ labels, value });
const rows = (...all: Row[]): Answer => ({ kind: 'rows', rows: all });
const failed: Answer = { kind: 'failed', why: 'Prometheus at p:9090 gave no answer in time', fault: 'time' };

const v1 = { namespace: 'bank', pod: 'payments-v1-a' };
const v2 = { namespace: 'bank', pod: 'payments-v2-a' };
const both = armPods(
  [
    row({ ...v1, app: 'payments', version: 'v1' }),
    row({ ...v2, label_app: 'payments', label_version: 'v2' }),
  ],
  target,
);

describe('the pods of both arms', () => {
  it('are told by their own labels, whoever wrote them, and by the requests that they served', () => {
    const served = armPods(
      [
        row({ kubernetes_pod_name: 'a', destination_version: 'v1' }),
        row({ pod: 'b', destination_version: 'v2' }),
      ],
      target,
    );
    expect([...both.pods.values(), ...served.pods.values()]).toEqual([
      { pod: 'payments-v1-a', arm: 'stable' },
      { pod: 'payments-v2-a', arm: 'canary' },
      { pod: 'a', arm: 'stable' },
      { pod: 'b', arm: 'canary' },
    ]);
    expect([both.gaps, served.gaps]).toEqual([[], []]);
  });

  it('are told by labels whose names Prometheus had to change', () => {
    const podLabels = (version: string) => ({ 'app.kubernetes.io/name': 'pay', version });
    const renamed = {
      ...target,
      stable: { ...target.stable, podLabels: podLabels('v1') },
      canary: { ...target.canary, podLabels: podLabels('v2') },
    };
    const { pods } = armPods([row({ ...v2, app_kubernetes_io_name: 'pay', version: 'v2' })], renamed);
    expect([...pods.values()]).toEqual([{ pod: v2.pod, arm: 'canary' }]);
  });

  it.each([
    ['have no version', { ...v2, app: 'payments' }],
    ['are of another namespace', { ...v2, namespace: 'shop', app: 'payments', version: 'v2' }],
    ['name no pod', { namespace: 'bank', app: 'payments', version: 'v2' }],
  ])('leave a gap when they %s', (_name, labels) => {
    const { pods, gaps } = armPods([row({ ...v1, app: 'payments', version: 'v1' }), row(labels)], target);
    expect([pods.size, gaps]).toEqual([
      1,
      ['no pod of the canary v2 can be told by the labels that the metrics carry'],
    ]);
  });
});

describe('the certificates of the proxies', () => {
  const left = [row(v1, 50_000), row(v2, -10), row({ namespace: 'bank', pod: 'other' }, 5)];

  it('are those of the pods of both arms, with how long they live', () => {
    expect(proxyCertificatesFrom(left, rows(row({}, 86_398.7)), both)).toEqual({
      kind: 'read',
      value: {
        ttl: 86_399,
        pods: [
          { pod: v1.pod, arm: 'stable', secondsLeft: 50_000 },
          { pod: v2.pod, arm: 'canary', secondsLeft: -10 },
        ],
      },
    });
  });

  it('are unknown and not expired when no agent is scraped', () => {
    expect(proxyCertificatesFrom([], rows(), both)).toMatchObject({
      kind: 'unread',
      why: "no series of istio_agent_cert_expiry_seconds: the agents' metrics are not scraped",
    });
  });

  it('leave a gap for a pod that tells nothing, and for a life that nobody told', () => {
    expect(proxyCertificatesFrom([row(v1, 50_000)], failed, both)).toMatchObject({
      value: { ttl: 86_400 },
      gaps: [
        'no istio_agent_cert_expiry_seconds of payments-v2-a',
        "how long certificates live is not told: taken as Istio's 24 h by default",
      ],
    });
  });
});

describe('the throttling of the proxies', () => {
  const known = { target, known: both };

  it('is a ratio by pod, without those that had no period', () => {
    expect(throttlingFrom([row(v1, 0.25), row(v2, Number.NaN)], rows(row({}, 2)), known)).toEqual({
      kind: 'read',
      value: [{ pod: v1.pod, arm: 'stable', ratio: 0.25 }],
    });
  });

  it('is none where CPU is measured and no proxy has a limit', () => {
    expect(throttlingFrom([], rows(row({}, 2)), known)).toEqual({ kind: 'read', value: [] });
  });

  it.each([
    [
      'nobody measures CPU',
      rows(),
      'no series of container_cpu_cfs_periods_total for istio-proxy in bank: the kubelets',
    ],
    ['that cannot be asked', failed, 'Prometheus at p:9090 gave no answer in time'],
  ])('is unknown where %s', (_name, measured, why) => {
    expect(throttlingFrom([], measured, known)).toMatchObject({
      kind: 'unread',
      why: expect.stringContaining(why),
    });
  });
});

describe('the certificates of istiod', () => {
  const whole = {
    root: rows(row({}, 2_000_000_000)),
    chain: rows(row({}, 1_900_000_000.5)),
    changed: rows(row({}, 1_767_225_600)),
    errors: rows(row({}, 0.4)),
  };

  it('are told by when they end, and a part of a failure to sign is one', () => {
    expect(meshCertificatesFrom(whole)).toEqual({
      kind: 'read',
      value: {
        rootNotAfter: 2_000_000_000_000,
        chainNotAfter: 1_900_000_000_500,
        rootChangedAt: 1_767_225_600_000,
        signingErrors: 1,
      },
    });
  });

  it('are unknown where istiod is not scraped, and when it cannot be asked', () => {
    const why =
      'no series of citadel_server_root_cert_expiry_seconds: istiod is not scraped, or another authority signs';
    expect(meshCertificatesFrom({ ...whole, root: rows(), chain: rows() })).toMatchObject({
      kind: 'unread',
      why,
    });
    expect(meshCertificatesFrom({ ...whole, chain: failed })).toMatchObject({
      kind: 'unread',
      why: failed.why,
    });
  });

  it('stay known in part when the rest cannot be asked', () => {
    expect(meshCertificatesFrom({ ...whole, chain: rows(), changed: failed, errors: rows() })).toEqual({
      kind: 'read',
      value: {
        rootNotAfter: 2_000_000_000_000,
        chainNotAfter: null,
        rootChangedAt: null,
        signingErrors: null,
      },
      gaps: ['a change of the root: Prometheus at p:9090 gave no answer in time'],
    });
  });
});
