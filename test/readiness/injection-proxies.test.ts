import { describe, expect, it } from 'vitest';
import { proxyHasRoom } from '../../src/readiness/injection/proxy-resources.ts';
import { proxyVersionsFit } from '../../src/readiness/injection/proxy-versions.ts';
import type * as objects from '../../src/readiness/objects.ts';
import { isSameQuantity, quantity } from '../../src/readiness/quantity.ts';
import { container, podsWith, withoutProxy } from './changed-objects.ts';
import { healthy, judged, read, unread } from './healthy.ts';

const proxyRuns = (image: string) => container('istio-proxy', (one) => ({ ...one, image }));
const inAmbient = podsWith('both', (pod) => ({
  ...withoutProxy(pod),
  metadata: { ...pod.metadata, annotations: { 'ambient.istio.io/redirection': 'enabled' } },
}));

describe('one proxy version, and one that istiod supports (PF-SC-03)', () => {
  const versions = (stable: string, canary: string, istiod: string | null) => {
    const pods = [
      ...podsWith('v1', proxyRuns(`istio/proxyv2:${stable}`)).value.slice(0, 3),
      ...podsWith('v2', proxyRuns(`istio/proxyv2:${canary}`)).value.slice(3),
    ];
    return judged(proxyVersionsFit, healthy({ pods: read(pods), proxyVersions: read({ istiod }) }));
  };

  it('says which versions run', () => {
    expect(judged(proxyVersionsFit, healthy())).toMatchObject([
      { result: 'pass', read: '6 proxies run 1.26.1, istiod 1.26.1' },
    ]);
  });

  it('warns of a proxy that istiod no longer supports', () => {
    const findings = versions('1.26.1', '1.24.3', '1.26.1');
    expect(findings).toHaveLength(4);
    expect(findings[0]).toMatchObject({
      severity: 'warn',
      read: 'the proxy of Pod payment-prod/payment-service-v2-7d9c5b6f4-v2001 runs 1.24.3, istiod 1.26.1: Istio supports proxies of 1.26 and 1.25',
      means:
        'routes and policies may reach this proxy late or not at all: the share that is written need not be the share that users get',
      mend: 'let the pod get the proxy of this istiod: kubectl -n payment-prod rollout restart deployment/payment-service-v2',
      object: { kind: 'Pod', namespace: 'payment-prod', name: 'payment-service-v2-7d9c5b6f4-v2001' },
    });
    expect(findings[3]).toMatchObject({
      severity: 'warn',
      read: 'stable runs proxies of 1.26.1, the canary of 1.24.3',
    });
  });

  it('warns of a proxy that is ahead of istiod', () => {
    expect(versions('1.27.0', '1.27.0', '1.26.1')[0]).toMatchObject({ severity: 'warn' });
  });

  it.each([
    ['an older proxy at stable', '1.25.4', '1.26.1'],
    ['another patch', '1.26.0', '1.26.1'],
  ])('takes %s for a mesh upgrade, and says so', (_what, stable, canary) => {
    const findings = versions(stable, canary, '1.26.1');
    expect(findings).toMatchObject([{ result: 'fail', severity: 'info' }]);
  });

  it('does not mind proxies that are one version behind on both sides', () => {
    expect(versions('1.25.4', '1.25.4', '1.26.1')).toMatchObject([{ result: 'pass' }]);
  });

  it.each(['1.26.1-distroless', '1.26.1-asm.17@sha256:abc', 'v1.26.1'])('reads the version of %s', (tag) => {
    expect(versions(tag, tag, '1.26.1')).toMatchObject([{ result: 'pass' }]);
  });

  it('knows nothing of an image without a tag, be it from a registry with a port', () => {
    const pods = podsWith('v2', proxyRuns('registry.bank.example.com:5000/istio/proxyv2@sha256:abc'));
    const findings = judged(proxyVersionsFit, healthy({ pods }));
    expect(findings).toMatchObject([{ result: 'unknown' }]);
    expect(findings[0]?.['read']).toContain('tells no version');
  });

  it('knows nothing when istiod tells nothing, and still sees two versions', () => {
    expect(versions('1.26.1', '1.26.1', null)).toMatchObject([{ result: 'unknown' }]);
    expect(versions('1.25.4', '1.26.1', null)).toMatchObject([{ severity: 'warn' }, { result: 'unknown' }]);
    expect(judged(proxyVersionsFit, healthy({ proxyVersions: unread('no route') }))).toMatchObject([
      { result: 'unknown' },
    ]);
  });

  it('has nothing to say where pods have no proxy of their own', () => {
    expect(judged(proxyVersionsFit, healthy({ pods: inAmbient }))).toMatchObject([{ result: 'skip' }]);
  });
});

describe('room for the proxies (PF-SC-04)', () => {
  const resources = (requests: Record<string, string>, limits: Record<string, string>) =>
    container('istio-proxy', (one) => ({ ...one, resources: { requests, limits } }));
  const usual = { cpu: '100m', memory: '128Mi' };
  const judge = (version: 'v2' | 'both', change: (pod: objects.Pod) => objects.Pod) =>
    judged(proxyHasRoom, healthy({ pods: podsWith(version, change) }));

  it('says what the proxies have', () => {
    expect(judged(proxyHasRoom, healthy())).toMatchObject([
      {
        result: 'pass',
        read: "3 proxies of v2 have CPU request 100m, CPU limit 2, memory request 128Mi, memory limit 1Gi, as stable's; held back in at most 0.1 % of their CPU periods",
      },
    ]);
  });

  it('warns of a proxy without a memory limit, and of the difference from stable', () => {
    const findings = judge('v2', resources(usual, { cpu: '2' }));
    expect(findings).toHaveLength(4);
    expect(findings[0]).toMatchObject({
      severity: 'warn',
      read: 'the proxy of Pod payment-prod/payment-service-v2-7d9c5b6f4-v2001 has no memory limit',
      means:
        'a busy node may starve this proxy or end its pod first: the canary would show errors that are not of the new version',
      mend: 'annotate the pod templates of both versions: sidecar.istio.io/proxyCPU: "100m", sidecar.istio.io/proxyMemory: "128Mi", sidecar.istio.io/proxyMemoryLimit: "1Gi"',
      object: { kind: 'Pod', namespace: 'payment-prod', name: 'payment-service-v2-7d9c5b6f4-v2001' },
    });
    expect(findings[3]?.['read']).toContain('has none against a memory limit of 1Gi at v1');
  });

  it('takes limits that a LimitRange gave for limits: they stand on the pod', () => {
    const given = resources(usual, { cpu: '2', memory: '1Gi' });
    const annotated = podsWith('both', (pod) => ({
      ...given(pod),
      metadata: {
        ...pod.metadata,
        annotations: { 'kubernetes.io/limit-ranger': 'set: limits for istio-proxy' },
      },
    }));
    expect(judged(proxyHasRoom, healthy({ pods: annotated }))).toMatchObject([{ result: 'pass' }]);
  });

  it('does not ask for a CPU limit where the bank sets none', () => {
    expect(judge('both', resources(usual, { memory: '1Gi' }))).toMatchObject([{ result: 'pass' }]);
  });

  it('takes the same amount for the same however it is written', () => {
    const same = resources({ cpu: '0.1', memory: '134217728' }, { cpu: '2000m', memory: '1024Mi' });
    expect(judge('v2', same)).toMatchObject([{ result: 'pass' }]);
  });

  it('warns of a proxy that is held back in more than one period of twenty', () => {
    const throttling = (ratio: number) => {
      const fact = healthy().throttling;
      return fact.kind === 'read' ? read(fact.value.map((one) => ({ ...one, ratio }))) : fact;
    };
    const findings = judged(proxyHasRoom, healthy({ throttling: throttling(0.31) }));
    expect(findings).toHaveLength(5);
    expect(findings[0]?.['read']).toContain('was held back in 31 % of its CPU periods');
    expect(judged(proxyHasRoom, healthy({ throttling: throttling(0.05) }))).toMatchObject([
      { result: 'pass' },
    ]);
  });

  it('knows nothing when nobody measured the proxies', () => {
    expect(judged(proxyHasRoom, healthy({ throttling: read([]) }))).toMatchObject([{ result: 'unknown' }]);
    expect(judged(proxyHasRoom, healthy({ throttling: unread('no metric') }))).toMatchObject([
      { result: 'unknown' },
    ]);
  });

  it('has nothing to say where pods have no proxy of their own', () => {
    expect(judged(proxyHasRoom, healthy({ pods: inAmbient }))).toMatchObject([{ result: 'skip' }]);
  });
});

describe('quantities', () => {
  it.each([
    ['100m', 0.1],
    ['2', 2],
    [0.5, 0.5],
    ['1Gi', 2 ** 30],
    ['1G', 1e9],
    ['1e3', 1000],
    ['.5', 0.5],
    ['12E', 12e18],
  ])('reads %s', (text, value) => expect(quantity(text)).toBeCloseTo(value, 9));

  it.each(['', 'lots', '1Xi', '1 Gi'])('does not read "%s"', (text) => expect(quantity(text)).toBeNull());

  it('tells apart what is set from what is not', () => {
    expect(isSameQuantity(undefined, undefined)).toBe(true);
    expect(isSameQuantity('0', undefined)).toBe(false);
  });
});
