import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { at, type Json, listAt, textAt } from '../../src/sandbox/json.ts';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { samplesOf } from './samples.ts';
import { type Ask, apiOf } from './sandbox-api.ts';

let sandbox: Sandbox;
let ask: Ask;
beforeEach(async () => {
  sandbox = await startSandbox({ tickMs: 0 });
  ask = apiOf(sandbox);
});
afterEach(() => sandbox.close());

const names = (list: Json) =>
  listAt(list, 'items').map(
    (item) => `${textAt(item, 'metadata', 'namespace')}/${textAt(item, 'metadata', 'name')}`,
  );

const kinds = [
  ['/apis/security.istio.io/v1', 'PeerAuthentication', 'peerauthentications'],
  ['/apis/security.istio.io/v1', 'AuthorizationPolicy', 'authorizationpolicies'],
  ['/apis/security.istio.io/v1', 'RequestAuthentication', 'requestauthentications'],
  ['/apis/networking.istio.io/v1', 'Sidecar', 'sidecars'],
  ['/apis/networking.istio.io/v1', 'ServiceEntry', 'serviceentries'],
  ['/apis/networking.istio.io/v1', 'Gateway', 'gateways'],
  ['/apis/networking.istio.io/v1alpha3', 'EnvoyFilter', 'envoyfilters'],
  ['/apis/telemetry.istio.io/v1', 'Telemetry', 'telemetries'],
  ['/apis/extensions.istio.io/v1alpha1', 'WasmPlugin', 'wasmplugins'],
  ['/apis/networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'],
  ['/apis/discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices'],
  ['/apis/apps/v1', 'Deployment', 'deployments'],
  ['/apis/autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'],
  ['/api/v1', 'ConfigMap', 'configmaps'],
  ['/api/v1', 'ServiceAccount', 'serviceaccounts'],
  ['/apis/gateway.networking.k8s.io/v1', 'HTTPRoute', 'httproutes'],
  ['/apis/gateway.networking.k8s.io/v1', 'Gateway', 'gateways'],
  ['/apis/cert-manager.io/v1', 'Certificate', 'certificates'],
] as const;

describe.each(kinds)('%s: %s', (root, kind, plural) => {
  const inNamespace = `${root}/namespaces/payment-prod/${plural}`;
  const object = {
    apiVersion: root.replace(/^\/apis?\//, ''),
    kind,
    metadata: { name: 'made-by-hand', namespace: 'payment-prod' },
    spec: { selector: { matchLabels: { app: 'payment-service' } } },
  };

  it('is announced, made, read, changed, listed page by page, and taken away', async () => {
    const announced = await ask('GET', root);
    expect(listAt(announced.body, 'resources')).toContainEqual(
      expect.objectContaining({ name: plural, kind, namespaced: true }),
    );
    expect((await ask('POST', inNamespace, object)).status).toBe(201);
    const merged = { metadata: { labels: { changed: 'yes' } } };
    expect((await ask('PATCH', `${inNamespace}/made-by-hand`, merged)).status).toBe(200);
    expect((await ask('GET', `${inNamespace}/made-by-hand`)).body).toMatchObject({
      ...object,
      metadata: { ...object.metadata, labels: { changed: 'yes' } },
    });
    expect(names((await ask('GET', inNamespace)).body)).toContain('payment-prod/made-by-hand');
    expect(await pagesOf(`${root}/${plural}`)).toEqual(names((await ask('GET', `${root}/${plural}`)).body));
    expect((await ask('DELETE', `${inNamespace}/made-by-hand`)).status).toBe(200);
    expect((await ask('GET', `${inNamespace}/made-by-hand`)).status).toBe(404);
  });
});

/** The names of all objects of a list that is read two by two. */
async function pagesOf(path: string, token = ''): Promise<string[]> {
  const { body } = await ask('GET', `${path}?limit=2&continue=${encodeURIComponent(token)}`);
  const next = textAt(body, 'metadata', 'continue');
  return [...names(body), ...(next === '' ? [] : await pagesOf(path, next))];
}

describe('discovery', () => {
  it('names every group with the versions that are served, the preferred one first', async () => {
    const { body } = await ask('GET', '/apis/autoscaling');
    expect(body).toMatchObject({
      kind: 'APIGroup',
      name: 'autoscaling',
      versions: [{ groupVersion: 'autoscaling/v2', version: 'v2' }, { version: 'v1' }],
      preferredVersion: { version: 'v2' },
    });
    const groups = listAt((await ask('GET', '/apis')).body, 'groups').map((group) => textAt(group, 'name'));
    expect(groups).toEqual(expect.arrayContaining(['security.istio.io', 'telemetry.istio.io', 'apps']));
  });

  it('has no page for groups of tools that are not installed', async () => {
    expect((await ask('GET', '/apis/argoproj.io/v1alpha1/applications')).status).toBe(404);
    expect((await ask('GET', '/apis/flagger.app/v1beta1/canaries')).status).toBe(404);
    expect((await ask('GET', '/apis/networking.istio.io/v1/envoyfilters')).status).toBe(404);
  });
});

describe('the Gateway of Istio and that of Kubernetes', () => {
  it('are two kinds: what is stored of one is not in the list of the other', async () => {
    for (const group of ['networking.istio.io', 'gateway.networking.k8s.io']) {
      const metadata = { namespace: 'edge', name: `of-${group}` };
      storeObject(sandbox.store, { apiVersion: `${group}/v1`, kind: 'Gateway', metadata, spec: {} });
    }
    const inEdge = async (group: string) =>
      names((await ask('GET', `/apis/${group}/v1/namespaces/edge/gateways`)).body);
    expect(await inEdge('networking.istio.io')).toEqual(['edge/of-networking.istio.io']);
    expect(await inEdge('gateway.networking.k8s.io')).toEqual(['edge/of-gateway.networking.k8s.io']);
  });
});

const security = '/apis/security.istio.io/v1/namespaces';
const read = async (path: string) => (await ask('GET', path)).body;

describe('a well-kept mesh', () => {
  it('asks for mutual TLS, and lets nothing out that is not registered', async () => {
    const config = await read('/api/v1/namespaces/istio-system/configmaps/istio');
    expect(parse(textAt(config, 'data', 'mesh'))).toMatchObject({
      rootNamespace: 'istio-system',
      trustDomain: 'cluster.local',
      enableAutoMtls: true,
      outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
    });
    expect(await read(`${security}/istio-system/peerauthentications/default`)).toMatchObject({
      spec: { mtls: { mode: 'STRICT' } },
    });
  });

  it('has the accounts that its pods run as and its policies name, and one more in every namespace', async () => {
    const named = [
      ['istio-egress', 'istio-egressgateway'],
      ['istio-system', 'istiod'],
      ['ledger-prod', 'ledger'],
      ['order-prod', 'order-service'],
      ['payment-prod', 'payment-service'],
    ].flatMap(([namespace, name]) => [`${namespace}/default`, `${namespace}/${name}`]);
    expect(names(await read('/api/v1/serviceaccounts'))).toEqual(named);
  });

  it('denies what no policy allows, and allows the callers of each service', async () => {
    const policies = `${security}/payment-prod/authorizationpolicies`;
    expect(await read(`${policies}/default-deny`)).toMatchObject({ spec: {} });
    const principals = ['cluster.local/ns/order-prod/sa/order-service'];
    expect(await read(`${policies}/allow-callers-of-payment-service`)).toMatchObject({
      spec: {
        action: 'ALLOW',
        selector: { matchLabels: { app: 'payment-service' } },
        rules: [{ from: [{ source: { principals } }] }],
      },
    });
  });

  it('lets callers see the services that they call', async () => {
    const sidecars = '/apis/networking.istio.io/v1/namespaces/order-prod/sidecars';
    const hosts = ['./*', 'payment-prod/*', 'ledger-prod/*', 'istio-system/*', 'istio-egress/*'];
    expect(await read(`${sidecars}/default`)).toMatchObject({ spec: { egress: [{ hosts }] } });
  });

  it('leaves alone what a mesh says itself', async () => {
    const own = {
      kind: 'PeerAuthentication',
      metadata: { namespace: 'istio-system', name: 'default' },
      spec: { mtls: { mode: 'PERMISSIVE' } },
    };
    const other = await startSandbox({ tickMs: 0, mesh: { services: [], objects: [own] } });
    const found = await apiOf(other)('GET', `${security}/istio-system/peerauthentications/default`);
    await other.close();
    expect(found.body).toMatchObject({ spec: { mtls: { mode: 'PERMISSIVE' } } });
  });

  it('has an autoscaler for each version, which follows its pods and stays away once it is deleted', async () => {
    const path = '/apis/autoscaling/v2/namespaces/payment-prod/horizontalpodautoscalers/payment-service-v2';
    sandbox.setVersion('payment-service', 'v2', { readyPods: 3 });
    expect(await read(path)).toMatchObject({
      spec: { minReplicas: 2, maxReplicas: 8, scaleTargetRef: { name: 'payment-service-v2' } },
      status: { currentReplicas: 3, desiredReplicas: 3 },
    });
    await ask('DELETE', path);
    sandbox.setVersion('payment-service', 'v2', { readyPods: 4 });
    expect((await ask('GET', path)).status).toBe(404);
  });
});

describe('a pod', () => {
  const podsOf = async (namespace: string) =>
    listAt(await read(`/api/v1/namespaces/${namespace}/pods`), 'items');

  it('runs a proxy with requests and limits beside an image that is named by digest', async () => {
    const [pod] = await podsOf('payment-prod');
    const resources = { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2', memory: '1Gi' } };
    expect(pod).toMatchObject({
      spec: {
        serviceAccountName: 'payment-service',
        initContainers: [{ name: 'istio-init' }],
        containers: [{ name: 'payment-service' }, { name: 'istio-proxy', resources }],
      },
      status: {
        conditions: expect.arrayContaining([expect.objectContaining({ type: 'Ready', status: 'True' })]),
        initContainerStatuses: [{ name: 'istio-init', state: { terminated: { reason: 'Completed' } } }],
        containerStatuses: [{ name: 'payment-service' }, { name: 'istio-proxy' }],
      },
    });
    const image = textAt(pod, 'spec', 'containers', 0, 'image');
    const digest = /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1];
    expect(textAt(pod, 'status', 'containerStatuses', 0, 'imageID')).toBe(
      `example.test/payments/payment-service@${digest}`,
    );
    const deployments = '/apis/apps/v1/namespaces/payment-prod/deployments';
    expect(await read(`${deployments}/${textAt(pod, 'metadata', 'labels', 'app')}-v1`)).toMatchObject({
      spec: { template: { spec: { containers: [{ image, readinessProbe: {}, livenessProbe: {} }] } } },
    });
  });

  it('of ledger has a native sidecar, which the injector notes as an init container', async () => {
    const [pod] = await podsOf('ledger-prod');
    expect(pod).toMatchObject({
      spec: {
        initContainers: [{ name: 'istio-init' }, { name: 'istio-proxy', restartPolicy: 'Always' }],
        containers: [{ name: 'ledger' }],
      },
      status: {
        initContainerStatuses: [{ ready: true }, { ready: true, state: { running: {} } }],
        containerStatuses: [{ name: 'ledger' }],
      },
    });
    expect(JSON.parse(textAt(pod, 'metadata', 'annotations', 'sidecar.istio.io/status'))).toMatchObject({
      initContainers: ['istio-init', 'istio-proxy'],
      containers: null,
    });
  });

  it('that came back says how it ended before', async () => {
    sandbox.setVersion('payment-service', 'v1', { readyPods: 1 });
    sandbox.setVersion('payment-service', 'v1', { readyPods: 2 });
    const pods = await podsOf('payment-prod');
    const restarted = pods.filter((pod) => at(pod, 'status', 'containerStatuses', 0, 'restartCount') === 1);
    expect(restarted).toHaveLength(1);
    expect(restarted[0]).toMatchObject({
      status: { containerStatuses: [{ lastState: { terminated: { reason: 'Error' } } }, {}] },
    });
  });
});

describe('istiod', () => {
  it('tells of its pushes, which every proxy takes within 100 ms', async () => {
    const samples = samplesOf(await (await fetch(`${sandbox.metricsUrl}/istiod/metrics`)).text());
    const buckets = samples.filter(({ name }) => name === 'pilot_proxy_convergence_time_bucket');
    expect(buckets.map(({ labels }) => labels['le'])).toEqual(expect.arrayContaining(['0.1', '30', '+Inf']));
    expect(new Set(buckets.map(({ value }) => value)).size).toBe(1);
    expect(samples.filter(({ name }) => name === 'pilot_xds_pushes')).toHaveLength(4);
    expect(samples.some(({ name }) => name === 'pilot_total_xds_rejects')).toBe(false);
  });
});

describe('the certificates', () => {
  const page = async (path: string) => samplesOf(await (await fetch(`${sandbox.metricsUrl}${path}`)).text());
  const named = async (path: string, name: string) =>
    (await page(path)).filter((one) => one.name === name).map(({ value }) => value);
  const rootPath = '/api/v1/namespaces/payment-prod/configmaps/istio-ca-root-cert';
  const rootOf = async () => new X509Certificate(textAt(await read(rootPath), 'data', 'root-cert.pem'));
  const day = 86_400;

  it('of the mesh end in ten years, as every namespace and istiod say', async () => {
    const root = await rootOf();
    expect(root.ca).toBe(true);
    expect(root.verify(root.publicKey)).toBe(true);
    const left = (Date.parse(root.validTo) - Date.now()) / 1000;
    expect(left / day).toBeCloseTo(3650, 1);
    for (const what of ['root_cert', 'cert_chain']) {
      const [told = 0] = await named('/istiod/metrics', `citadel_server_${what}_expiry_seconds`);
      expect(Math.abs(told - left)).toBeLessThan(60);
      expect(await named('/istiod/metrics', `citadel_server_${what}_expiry_timestamp`)).toEqual([
        Date.parse(root.validTo) / 1000,
      ]);
    }
    const everywhere = await read('/api/v1/configmaps');
    expect(names(everywhere).filter((name) => name.endsWith('/istio-ca-root-cert'))).toHaveLength(5);
  });

  it('of the mesh can be replaced by one that ends soon', async () => {
    const before = await rootOf();
    await sandbox.renewRoot(3);
    const after = await rootOf();
    expect(after.fingerprint256).not.toBe(before.fingerprint256);
    const [left = 0] = await named('/istiod/metrics', 'citadel_server_root_cert_expiry_seconds');
    expect(left / day).toBeCloseTo(3, 1);
  });

  it('of each proxy are between half a day and a day from their end, unless they are not renewed', async () => {
    const told = () =>
      Promise.all(
        sandbox.workloads
          .all()
          .map(({ name }) => named(`/pods/${name}/stats/prometheus`, 'istio_agent_cert_expiry_seconds')),
      );
    const well = (await told()).flat();
    expect(well).toHaveLength(sandbox.workloads.all().length);
    expect(Math.min(...well)).toBeGreaterThan(day / 2 - 1);
    expect(Math.max(...well)).toBeLessThanOrEqual(day);
    sandbox.faults.certificateSecondsLeft = -60;
    expect(new Set((await told()).flat())).toEqual(new Set([-60]));
  });
});

describe('the metrics of the node', () => {
  it('tell the CPU of each proxy, which is not throttled', async () => {
    const text = await (await fetch(`${sandbox.metricsUrl}/kubelet/metrics/cadvisor`)).text();
    const usage = samplesOf(text).filter(({ name }) => name === 'container_cpu_usage_seconds_total');
    expect(usage.map(({ labels }) => labels['pod'])).toEqual(sandbox.workloads.all().map(({ name }) => name));
    expect(new Set(usage.map(({ labels }) => labels['container']))).toEqual(new Set(['istio-proxy']));
  });
});
