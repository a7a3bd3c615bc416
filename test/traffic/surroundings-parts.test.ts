import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Deployment } from '../../src/readiness/objects.ts';
import type { Fact } from '../../src/readiness/snapshot.ts';
import type { ClusterFacts } from '../../src/readiness/sources.ts';
import type { Target } from '../../src/rollout/target.ts';
import { openClusters } from '../../src/traffic/clusters.ts';
import { istiodVersion } from '../../src/traffic/istiod-version.ts';
import { certificatesIn } from '../../src/traffic/root-certificates.ts';
import { readSurroundings } from '../../src/traffic/surroundings.ts';
import { read, unread } from '../readiness/healthy.ts';
import {
  type Bank,
  configMap,
  everythingAbout,
  istiod,
  rootCertificate,
  rootExpiry,
  startBank,
  store,
  target,
} from './bank-api-server.ts';

let made: Bank;
const signal = AbortSignal.timeout(60_000);

beforeEach(async () => {
  made = await startBank();
});
afterEach(() => made.close());

function surroundings(of: Target = target): Promise<ClusterFacts> {
  return readSurroundings(made.source, everythingAbout(of), signal);
}

const injecting = JSON.stringify({ sidecarInjectorWebhook: { enableNamespacesByDefault: true } });

describe('the configuration of the mesh', () => {
  const configured = async (mesh: string, ...others: object[]) => {
    store(made, 'configmaps', [configMap('istio-system', 'istio', { mesh }), ...others]);
    return (await surroundings()).meshConfig;
  };
  const defaults = {
    rootNamespace: 'istio-system',
    istiodNamespace: 'istio-system',
    outboundTrafficPolicyMode: '',
    trustDomain: 'cluster.local',
    trustDomainAliases: [],
    enableAutoMtls: true,
    injectsByDefault: false,
    clusterDomain: 'cluster.local',
  };

  it.each([
    '',
    '{}',
    'defaultConfig:\n  discoveryAddress: istiod.istio-system.svc:15012\n',
    'trustDomain: ""\n',
  ])('has the defaults of Istio where it sets nothing: %j', async (mesh) =>
    expect(await configured(mesh)).toEqual(read(defaults)));

  it('is read as it is written', async () => {
    const mesh = [
      'rootNamespace: mesh-root',
      'trustDomain: bank.example.com',
      'trustDomainAliases: [old.example.com]',
      'enableAutoMtls: false',
      'outboundTrafficPolicy: {mode: ALLOW_ANY}',
    ].join('\n');
    const injector = configMap('istio-system', 'istio-sidecar-injector', { values: injecting });
    expect(await configured(mesh, injector)).toEqual(
      read({
        rootNamespace: 'mesh-root',
        istiodNamespace: 'istio-system',
        outboundTrafficPolicyMode: 'ALLOW_ANY',
        trustDomain: 'bank.example.com',
        trustDomainAliases: ['old.example.com'],
        enableAutoMtls: false,
        injectsByDefault: true,
        clusterDomain: 'cluster.local',
      }),
    );
  });

  it('says in which namespace the policies for the whole mesh are', async () => {
    await configured('rootNamespace: mesh-root\n');
    const asked = made.server.requests.filter((one) => one.includes('/peerauthentications'));
    expect(asked.map((one) => one.split('/')[5])).toEqual(['payment-prod', 'mesh-root']);
  });

  it.each([
    ['mesh: [', 'mesh is not understood'],
    ['trustDomain: 7\n', 'mesh: trustDomain is not understood'],
    ['- a list\n', 'mesh is not understood'],
  ])('is unread where it is %j', async (mesh, why) => {
    expect(await configured(mesh)).toEqual({
      kind: 'unread',
      why: `in the ConfigMap istio-system/istio ${why}`,
      mend: 'mend it: kubectl -n istio-system get configmap istio -o yaml',
    });
  });

  it('is unread where there is none, and policies are looked for where istiod is', async () => {
    store(made, 'configmaps', []);
    const { meshConfig, peerAuthentications } = await surroundings();
    expect(meshConfig).toMatchObject({ kind: 'unread', why: 'there is no ConfigMap istio-system/istio' });
    expect(peerAuthentications).toMatchObject({
      kind: 'read',
      value: [{ metadata: { namespace: 'istio-system', name: 'default' } }],
    });
  });

  it('is unread where canaryd may not read it', async () => {
    made.forbidden = ({ name }) => name === 'istio';
    expect((await surroundings()).meshConfig).toEqual({
      kind: 'unread',
      why: 'canaryd may not read the ConfigMap istio-system/istio',
      mend: 'add to the Role of canaryd in the namespace istio-system: - {apiGroups: [""], resources: [configmaps], resourceNames: [istio], verbs: [get]}',
    });
  });

  it('has a gap where nobody knows whether namespaces are injected by themselves', async () => {
    made.forbidden = ({ name }) => name === 'istio-sidecar-injector';
    expect((await surroundings()).meshConfig).toMatchObject({
      kind: 'read',
      gaps: ['canaryd may not read the ConfigMap istio-system/istio-sidecar-injector'],
    });
    made.forbidden = () => false;
    const injector = configMap('istio-system', 'istio-sidecar-injector', { values: '[1]' });
    expect(await configured('{}', injector)).toMatchObject({
      gaps: ['in the ConfigMap istio-system/istio-sidecar-injector values is not understood'],
    });
  });
});

describe('the root certificates', () => {
  const configured = async (data: Record<string, string>) => {
    store(made, 'configmaps', [configMap('payment-prod', 'istio-ca-root-cert', data)]);
    return (await surroundings()).rootCertificates;
  };

  it('are all of a bundle: while a root is replaced there are two', async () => {
    const bundle = `${await rootCertificate('Old')}\n${await rootCertificate('New')}\n`;
    const of = (name: string) => ({ subject: `O=Bank, CN=${name}`, notAfter: rootExpiry });
    expect(await configured({ 'root-cert.pem': bundle })).toEqual(read([of('Old'), of('New')]));
  });

  it('have a gap for each that is none', async () => {
    const broken = '-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n';
    expect(certificatesIn(broken)).toEqual({ certificates: [], broken: 1 });
    expect(await configured({ 'root-cert.pem': `${await rootCertificate('Old')}\n${broken}` })).toMatchObject(
      {
        kind: 'read',
        value: [{ subject: 'O=Bank, CN=Old' }],
        gaps: ['1 of the certificates in the ConfigMap payment-prod/istio-ca-root-cert are not understood'],
      },
    );
  });

  it.each<[Record<string, string>, string]>([
    [{}, 'the ConfigMap payment-prod/istio-ca-root-cert has no certificate under root-cert.pem'],
    [
      { 'root-cert.pem': 'soon' },
      'the ConfigMap payment-prod/istio-ca-root-cert has no certificate under root-cert.pem',
    ],
  ])('are unread where the ConfigMap has none: %j', async (data, why) => {
    expect(await configured(data)).toMatchObject({ kind: 'unread', why });
  });

  it('are unread where there is no ConfigMap, or none that canaryd may read', async () => {
    store(made, 'configmaps', []);
    expect((await surroundings()).rootCertificates).toMatchObject({
      kind: 'unread',
      why: 'there is no ConfigMap payment-prod/istio-ca-root-cert',
    });
    made.forbidden = ({ plural }) => plural === 'configmaps';
    expect((await surroundings()).rootCertificates).toMatchObject({
      kind: 'unread',
      why: 'canaryd may not read the ConfigMap payment-prod/istio-ca-root-cert',
      mend: expect.stringContaining('resourceNames: [istio-ca-root-cert], verbs: [get]'),
    });
  });
});

function running(...images: string[]): Fact<Deployment[]> {
  const of = (image: string): Deployment => ({
    metadata: { name: 'istiod', namespace: 'istio-system' },
    spec: { template: { spec: { containers: [{ name: 'discovery', image }] } } },
  });
  return { kind: 'read', value: images.map(of) };
}

describe('the version of istiod', () => {
  it.each([
    ['docker.io/istio/pilot:1.26.1', '1.26.1'],
    ['registry.bank.example.com:5000/istio/pilot:1.26.1-distroless', '1.26.1'],
    ['istio/pilot:v1.9.10', '1.9.10'],
    [`istio/pilot:1.26.1@sha256:${'a'.repeat(64)}`, '1.26.1'],
    [`istio/pilot@sha256:${'a'.repeat(64)}`, null],
    ['registry.bank.example.com:5000/istio/pilot', null],
    ['istio/pilot:latest', null],
  ])('of the image %s is %s', (image, version) => {
    expect(istiodVersion(running(image))).toEqual(read({ istiod: version }));
  });

  it('is the one of its label where the image names none', () => {
    const [one] = [istiod('latest')];
    const labelled = { ...one.metadata, labels: { 'app.kubernetes.io/version': '1.27.0' } };
    expect(istiodVersion({ kind: 'read', value: [{ ...one, metadata: labelled }] })).toEqual(
      read({ istiod: '1.27.0' }),
    );
  });

  it('is the newest of several, which is told: somebody upgrades the mesh', () => {
    expect(istiodVersion(running('a:1.9.9', 'a:1.10.1', 'a:1.9.9'))).toEqual(
      read({ istiod: '1.10.1' }, ['istiod runs in several versions: 1.9.9, 1.10.1']),
    );
  });

  it('is nobody`s where istiod runs elsewhere, and unread where canaryd may not look', () => {
    expect(istiodVersion(running())).toEqual(read({ istiod: null }));
    expect(istiodVersion(unread('forbidden'))).toEqual(unread('forbidden'));
  });
});

describe('the rights', () => {
  it('are those that a rollout takes, and no more', async () => {
    made.allowed = ({ verb }) => verb !== 'patch';
    const also = [{ ...target, namespace: 'edge', virtualService: 'gateway' }];
    const { rights } = await surroundings({ ...target, also });
    const istio = 'networking.istio.io';
    const right = (verb: string, group: string, resource: string, where = ['payment-prod', '']) => ({
      ...{ verb, group, resource, namespace: where[0], name: where[1] },
      allowed: verb !== 'patch',
    });
    expect(rights).toEqual(
      read([
        right('get', istio, 'virtualservices', ['payment-prod', 'payment-service']),
        right('patch', istio, 'virtualservices', ['payment-prod', 'payment-service']),
        right('get', istio, 'virtualservices', ['edge', 'gateway']),
        right('patch', istio, 'virtualservices', ['edge', 'gateway']),
        right('list', istio, 'destinationrules'),
        right('get', '', 'services'),
        right('list', '', 'pods'),
      ]),
    );
    expect(made.reviews).toHaveLength(7);
  });

  it('for a host of a ServiceEntry are those to find it', async () => {
    const outside = { name: 'pay.example.com', namespace: 'egress-prod' };
    const canary = { ...target.canary, host: outside.name, service: outside, podLabels: null };
    await surroundings({ ...target, canary });
    expect(made.reviews.at(-1)).toEqual({
      ...{ verb: 'list', group: 'networking.istio.io', resource: 'serviceentries' },
      ...{ namespace: 'egress-prod', name: '' },
    });
    expect(made.reviews.filter(({ resource }) => resource === 'pods')).toHaveLength(1);
  });

  it('that nobody could tell of are gaps, and unread where it is all of them', async () => {
    made.allowed = ({ resource }) => (resource === 'pods' ? 'refused' : true);
    const { rights } = await surroundings();
    expect(rights).toMatchObject({
      kind: 'read',
      gaps: [
        'whether canaryd may list pods in payment-prod is not known: the API server answered 403: Forbidden: not for you',
      ],
    });
    expect(rights.kind === 'read' && rights.value).toHaveLength(4);
    made.allowed = () => 'refused';
    expect((await surroundings()).rights).toMatchObject({
      kind: 'unread',
      why: expect.stringContaining(
        'whether canaryd may patch virtualservices payment-prod/payment-service is not known',
      ),
      mend: 'bind canaryd to the ClusterRole system:basic-user, which lets everybody ask for their own rights',
    });
  });
});

describe('clusters', () => {
  const source = () => ({ kind: 'text' as const, text: made.server.kubeconfig });
  const log = { info: () => undefined, warn: () => undefined };

  it('each tell of their own targets, and of a target of another one nothing', async () => {
    const clusterDomain = 'bank.example.com';
    const address = { name: 'default', source: source(), clusterDomain, rootNamespace: 'istio-system' };
    const clusters = await openClusters([address], log);
    try {
      const facts = await clusters.surroundings.turns(everythingAbout(target), signal);
      expect(facts.meshConfig).toMatchObject({ kind: 'read', value: { clusterDomain } });
      const none = await clusters.surroundings.turns(everythingAbout({ ...target, cluster: 'gone' }), signal);
      expect(Object.keys(none).toSorted()).toEqual(Object.keys(facts).toSorted());
      expect(new Set(Object.values(none).map((fact) => JSON.stringify(fact))).size).toBe(1);
      expect(none.pods).toMatchObject({
        kind: 'unread',
        why: expect.stringContaining('the cluster gone is not in the configuration of canaryd any more'),
      });
    } finally {
      await clusters.close();
    }
  });

  it('look for the mesh where it is said to be installed', async () => {
    const address = {
      name: 'default',
      source: source(),
      clusterDomain: 'cluster.local',
      rootNamespace: 'mesh',
    };
    const clusters = await openClusters([address], log);
    try {
      const { meshConfig, proxyVersions } = await clusters.surroundings.turns(
        everythingAbout(target),
        signal,
      );
      expect(meshConfig).toMatchObject({ kind: 'unread', why: 'there is no ConfigMap mesh/istio' });
      expect(proxyVersions).toEqual(read({ istiod: null }));
    } finally {
      await clusters.close();
    }
  });
});
