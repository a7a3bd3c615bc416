import { describe, expect, it } from 'vitest';
import { gatewayCertificates } from '../../src/readiness/certificates/gateways.ts';
import { authorityLasts, noRotation } from '../../src/readiness/certificates/mesh.ts';
import { workloadsRotate } from '../../src/readiness/certificates/workloads.ts';
import { certificateChecks } from '../../src/readiness/certificates.ts';
import * as objects from '../../src/readiness/objects.ts';
import type { GatewayCertificate } from '../../src/readiness/snapshot.ts';
import { spanOf } from '../../src/readiness/time-words.ts';
import * as bank from './bank-objects.ts';
import { day, healthy, judged, noon, parsed, read, subjectWith, unread } from './healthy.ts';

const names = ['v1', 'v2'].flatMap((version) => bank.podNames(version));
const canaryPod = 'payment-service-v2-7d9c5b6f4-v2001';

function held(secondsLeft: number, ttl = 86_400, except: readonly string[] = []) {
  const pods = names
    .filter((pod) => !except.includes(pod))
    .map((pod) => ({
      pod,
      arm: pod.includes('-v1-') ? ('stable' as const) : ('canary' as const),
      secondsLeft: pod === canaryPod ? secondsLeft : ttl * 0.7,
    }));
  return read({ ttl, pods });
}

function mesh(changes: object = {}) {
  return read({
    rootNotAfter: noon + 3000 * day,
    chainNotAfter: noon + 700 * day,
    rootChangedAt: null,
    signingErrors: 0,
    ...changes,
  });
}

describe('every check of certificates', () => {
  it('passes on a healthy target and says what it saw', () => {
    const found = certificateChecks.flatMap((check) => check.run(healthy()));
    expect(found.map(({ id, result, read: seen }) => ({ id, result, seen }))).toEqual([
      {
        id: 'PF-CR-01',
        result: 'pass',
        seen: "6 proxies of both versions have at least a quarter of their certificates' 24 h left: the least is 16.6 h, in payment-service-v1-7d9c5b6f4-v1001",
      },
      {
        id: 'PF-CR-02',
        result: 'pass',
        seen: "the root certificate CN=Bank Mesh Root CA holds until 2035-02-09 12:00Z, and istiod's issuing certificate until 2028-10-23 12:00Z",
      },
      {
        id: 'PF-CR-03',
        result: 'pass',
        seen: 'certificates of Gateways: 1; cards-client of egress-prod/egress-gateway ends first, on 2027-06-11 12:00Z',
      },
      {
        id: 'PF-CR-04',
        result: 'pass',
        seen: 'the root of the mesh has not changed for 24 h, and istiod refused no certificate in the last hour',
      },
    ]);
  });

  it('is unknown when nothing could be read', () => {
    const gone = unread('forbidden');
    const dark = healthy({
      proxyCertificates: gone,
      rootCertificates: gone,
      meshCertificates: gone,
      gatewayCertificates: gone,
    });
    const found = certificateChecks.flatMap((check) => check.run(dark));
    expect(new Set(found.map(({ result }) => result))).toEqual(new Set(['unknown']));
    expect(new Set(found.map(({ id }) => id)).size).toBe(4);
  });
});

describe('PF-CR-01', () => {
  it('refuses a rollout when the certificate of a pod has expired', () => {
    expect(judged(workloadsRotate, healthy({ proxyCertificates: held(-600) }))).toEqual([
      {
        result: 'fail',
        severity: 'error',
        priority: 'P0',
        again: false,
        read: `the certificate of pod ${canaryPod} of v2 expired 10 min ago`,
        means: 'other proxies refuse its mutual TLS: requests that the split sends to this pod of v2 fail',
        mend: `look for refused requests for certificates (kubectl -n istio-system logs -l app=istiod --tail=-1 --since=1h | grep -i csr), then give the pod a new certificate: kubectl -n payment-prod delete pod ${canaryPod}`,
        object: { kind: 'Pod', namespace: 'payment-prod', name: canaryPod },
      },
    ]);
  });

  it.each([
    [21_600, 'pass'],
    [21_599, 'fail'],
    [Number.NaN, 'unknown'],
  ])('judges the time left against the life of the certificate: %s of 86400 s: %s', (left, result) => {
    expect(judged(workloadsRotate, healthy({ proxyCertificates: held(left) }))[0]).toMatchObject({ result });
  });

  it('does not mind a short-lived certificate that has just half of its life left, whatever the deadline', () => {
    expect(judged(workloadsRotate, healthy({ proxyCertificates: held(1790, 3600) }))).toMatchObject([
      { result: 'pass' },
    ]);
  });

  it('is unknown for a pod that tells nothing', () => {
    expect(
      judged(workloadsRotate, healthy({ proxyCertificates: held(60_000, 86_400, [canaryPod]) })),
    ).toMatchObject([
      { result: 'unknown', read: `no time left is known for the certificate of ${canaryPod}` },
    ]);
  });

  it('does not apply to an ambient mesh, where no pod has a proxy', () => {
    const bare = bank.pods.map((pod) => ({
      ...pod,
      spec: { ...pod.spec, containers: pod.spec.containers.filter(({ name }) => name !== 'istio-proxy') },
    }));
    const ambient = healthy({
      pods: read(parsed(objects.Pod, bare)),
      proxyCertificates: read({ ttl: 86_400, pods: [] }),
    });
    expect(judged(workloadsRotate, ambient)).toMatchObject([{ result: 'skip' }]);
  });
});

describe('PF-CR-02', () => {
  const roots = (...days: number[]) =>
    read(days.map((one) => ({ subject: `CN=Root ${one}`, notAfter: noon + one * day })));

  it('refuses a rollout when the root ends within 7 days of its deadline', () => {
    expect(judged(authorityLasts, healthy({ rootCertificates: roots(6) }))).toMatchObject([
      {
        severity: 'error',
        read: "the root certificate CN=Root 6 expires in 6 d, on 2026-11-29 12:00Z; it must outlive the rollout's deadline by 7 d",
        means:
          'from then on mutual TLS fails between all workloads, those of v1 as well as those of v2: going back would not help',
        mend: expect.stringContaining('kubectl -n payment-prod get configmap istio-ca-root-cert'),
        object: { kind: 'ConfigMap', namespace: 'payment-prod', name: 'istio-ca-root-cert' },
      },
    ]);
  });

  it('warns of an issuing certificate that ends within 30 days', () => {
    expect(
      judged(authorityLasts, healthy({ meshCertificates: mesh({ chainNotAfter: noon + 20 * day }) })),
    ).toMatchObject([
      {
        severity: 'warn',
        read: "istiod's issuing certificate expires in 20 d, on 2026-12-13 12:00Z; it must outlive the rollout's deadline by 30 d",
      },
    ]);
  });

  it('counts from the deadline of the rollout', () => {
    const subject = subjectWith({ deadline: 86_400 });
    const at = (days: number) =>
      judged(authorityLasts, healthy({ subject, rootCertificates: roots(days) }))[0];
    expect(at(31)).toMatchObject({ result: 'pass' });
    expect(at(30.9)).toMatchObject({ severity: 'warn' });
    expect(at(8)).toMatchObject({ severity: 'warn' });
    expect(at(7.9)).toMatchObject({ severity: 'error' });
  });

  it('reads the bundle where istiod tells nothing, as with istio-csr, Vault or SPIRE', () => {
    const silent = mesh({ rootNotAfter: null, chainNotAfter: null, signingErrors: null });
    expect(judged(authorityLasts, healthy({ meshCertificates: silent }))).toMatchObject([{ result: 'pass' }]);
    expect(
      judged(authorityLasts, healthy({ meshCertificates: silent, rootCertificates: roots(2) })),
    ).toMatchObject([{ severity: 'error' }]);
  });

  it('takes the root that lasts longest while two are in the bundle, in whatever order', () => {
    for (const rootCertificates of [roots(3, 3000), roots(3000, 3)]) {
      const rotating = healthy({
        rootCertificates,
        meshCertificates: mesh({ rootNotAfter: noon + 3 * day }),
      });
      expect(judged(authorityLasts, rotating)).toMatchObject([
        { result: 'pass', read: expect.stringContaining('the longest of 2') },
      ]);
    }
  });

  it('is unknown when no root is known at all', () => {
    const none = healthy({ rootCertificates: roots(), meshCertificates: mesh({ rootNotAfter: null }) });
    expect(judged(authorityLasts, none)).toMatchObject([{ result: 'unknown' }]);
  });
});

describe('PF-CR-03', () => {
  const certificate = (changes: { notAfter: number; renewsAt?: number }) =>
    read<GatewayCertificate[]>([
      { gateway: 'egress-prod/egress-gateway', credentialName: 'cards-client', ...changes },
    ]);

  it('warns of a certificate that ends within 7 days of the deadline', () => {
    expect(
      judged(
        gatewayCertificates,
        healthy({ gatewayCertificates: certificate({ notAfter: noon + 3 * day }) }),
      ),
    ).toMatchObject([
      {
        severity: 'warn',
        read: "the certificate cards-client of Gateway egress-prod/egress-gateway expires in 3 d, on 2026-11-26 12:00Z; it must outlive the rollout's deadline by 7 d",
        means:
          "requests through egress-prod/egress-gateway fail from then on for v1 and v2 alike: the rollout would be held or go back for a fault that is not the canary's",
        mend: expect.stringContaining('get secret cards-client'),
        object: { kind: 'Gateway', namespace: 'egress-prod', name: 'egress-gateway' },
      },
    ]);
  });

  it('is unknown when the Secret may not be read', () => {
    const secret = read<GatewayCertificate[]>([
      {
        gateway: 'egress-prod/egress-gateway',
        credentialName: 'cards-client',
        why: 'canaryd never reads Secrets',
      },
    ]);
    expect(judged(gatewayCertificates, healthy({ gatewayCertificates: secret }))).toMatchObject([
      { result: 'unknown' },
    ]);
  });

  it('looks at the Gateways of the target alone: those of its routes, and those by which its calls leave', () => {
    const hidden = (gateway: string) => ({
      gateway,
      credentialName: 'shop-tls',
      why: 'it is in a Secret, which canaryd never reads',
    });
    const egress = { gateway: 'egress-prod/egress-gateway', credentialName: 'cards-client' };
    const all = [{ ...egress, notAfter: noon + 200 * day }, hidden('istio-ingress/public')];
    const certificates = read<GatewayCertificate[]>(all);
    expect(judged(gatewayCertificates, healthy({ gatewayCertificates: certificates }))).toMatchObject([
      { result: 'pass', read: expect.stringContaining('certificates of Gateways: 1;') },
    ]);
    const routed = parsed(objects.VirtualService, bank.virtualServices).map((one) =>
      one.metadata.name === 'payment-service'
        ? { ...one, spec: { ...one.spec, gateways: ['mesh', 'istio-ingress/public'] } }
        : one,
    );
    const served = healthy({ gatewayCertificates: certificates, virtualServices: read(routed) });
    expect(judged(gatewayCertificates, served)).toMatchObject([
      {
        result: 'unknown',
        read: 'the certificate shop-tls of Gateway istio-ingress/public could not be read: it is in a Secret, which canaryd never reads',
      },
    ]);
    const others = healthy({ gatewayCertificates: certificates, callees: read([]) });
    expect(judged(gatewayCertificates, others)).toMatchObject([{ result: 'skip' }]);
  });

  it('trusts a renewal by cert-manager that is to come, and not one that is overdue', () => {
    const notAfter = noon + 2 * day;
    const coming = certificate({ notAfter, renewsAt: noon + day });
    expect(judged(gatewayCertificates, healthy({ gatewayCertificates: coming }))).toMatchObject([
      { result: 'pass' },
    ]);
    const overdue = certificate({ notAfter, renewsAt: noon - day });
    expect(judged(gatewayCertificates, healthy({ gatewayCertificates: overdue }))).toMatchObject([
      { severity: 'warn' },
    ]);
  });

  it('does not apply where no Gateway has a certificate', () => {
    expect(judged(gatewayCertificates, healthy({ gatewayCertificates: read([]) }))).toMatchObject([
      { result: 'skip' },
    ]);
  });
});

describe('PF-CR-04', () => {
  it('warns while the root of the mesh is being exchanged', () => {
    expect(
      judged(noRotation, healthy({ meshCertificates: mesh({ rootChangedAt: noon - 3 * 3_600_000 }) })),
    ).toMatchObject([
      {
        severity: 'warn',
        read: 'the root of the mesh changed 3 h ago; 24 h is the least',
        means:
          'proxies of v1 and v2 may still trust different roots: errors of mutual TLS would look like errors of the canary',
        mend: expect.stringContaining('istioctl -n payment-prod proxy-config secret'),
      },
    ]);
    expect(
      judged(noRotation, healthy({ meshCertificates: mesh({ rootChangedAt: noon - day }) })),
    ).toMatchObject([{ result: 'pass' }]);
  });

  it('warns when istiod fails to sign, and is unknown when it does not tell', () => {
    expect(judged(noRotation, healthy({ meshCertificates: mesh({ signingErrors: 3.2 }) }))).toMatchObject([
      { severity: 'warn', read: 'istiod failed to sign 4 certificates in the last hour; 0 is the limit' },
    ]);
    expect(judged(noRotation, healthy({ meshCertificates: mesh({ signingErrors: null }) }))).toMatchObject([
      { result: 'unknown' },
    ]);
  });
});

describe('a time left', () => {
  it.each([
    [45, '45 s'],
    [119.99, '119.9 s'],
    [1800, '30 min'],
    [60_000, '16.6 h'],
    [12 * 86_400 - 1, '11.9 d'],
  ])('of %s s is said as %s, never too long', (seconds, text) => {
    expect(spanOf(seconds)).toBe(text);
  });
});
