import type { IncomingMessage, ServerResponse } from 'node:http';
import { generate } from 'selfsigned';
import { z } from 'zod';
import { clusterFacts } from '../../src/readiness/sources.ts';
import type { ClusterQuestion } from '../../src/rollout/ports/readiness.ts';
import type { Target } from '../../src/rollout/target.ts';
import { connectKube } from '../../src/traffic/kube.ts';
import type { SurroundingsSource } from '../../src/traffic/surroundings-reading.ts';
import * as bank from '../readiness/bank-objects.ts';
import { json, startTinyApiServer, type TinyApiServer, text } from './tiny-api-server.ts';

/** What a request asks for; a namespace of null is every namespace, or none. */
export type Asked = {
  api: string;
  plural: string;
  namespace: string | null;
  name: string | null;
  query: URLSearchParams;
};

/** One list: where it is served, and the objects of all namespaces. */
type Stored = { api: string; plural: string; objects: readonly object[] };

export type Bank = {
  stored: Stored[];
  /** Requests that are refused with 403, as RBAC does before anybody looks what there is. */
  forbidden: (asked: Asked) => boolean;
  /** Answers in another way than the server would; false where it does not. */
  instead: (asked: Asked, response: ServerResponse) => boolean;
  /** What an access review answers; `refused` where it is not even answered. */
  allowed: (attributes: Attributes) => boolean | 'refused';
  /** The attributes of all access reviews, in order. */
  reviews: Attributes[];
  /** The most requests that were under way at a time. */
  busiest: () => number;
  server: TinyApiServer;
  source: SurroundingsSource;
  close(): Promise<void>;
};

const Attributes = z.object({
  verb: z.string(),
  group: z.string(),
  resource: z.string(),
  namespace: z.string(),
  name: z.string(),
});
type Attributes = z.infer<typeof Attributes>;
const Review = z.object({ spec: z.object({ resourceAttributes: Attributes }) });

/** A cluster of the bank, of which a test changes what it wants before it asks. */
export async function startBank(): Promise<Bank> {
  let busy = 0;
  let busiest = 0;
  const server = await startTinyApiServer((request, response, body) => {
    busy += 1;
    busiest = Math.max(busiest, busy);
    response.on('close', () => {
      busy -= 1;
    });
    // Only once others had the time to come can there be several at a time.
    setImmediate(() => answer(made, request, { response, body }));
  });
  const kube = await connectKube({ kind: 'text', text: server.kubeconfig });
  const made: Bank = {
    stored: await storedObjects(),
    forbidden: () => false,
    instead: () => false,
    allowed: () => true,
    reviews: [],
    busiest: () => busiest,
    server,
    source: { kube, rootNamespace: 'istio-system', clusterDomain: 'cluster.local' },
    close: async () => {
      await server.close();
      await kube.close();
    },
  };
  return made;
}

type Exchange = { response: ServerResponse; body: string };

function answer(made: Bank, request: IncomingMessage, { response, body }: Exchange): void {
  const asked = askedIn(request.url ?? '');
  if (made.instead(asked, response)) return;
  if (request.method === 'POST') review(made, response, body);
  else answerTo(made, asked, response);
}

function answerTo(made: Bank, asked: Asked, response: ServerResponse): void {
  if (asked.plural === '') discovery(made, asked, response);
  else if (made.forbidden(asked)) json(response, 403, status(403, 'Forbidden'));
  else found(made, asked, response);
}

function found(made: Bank, asked: Asked, response: ServerResponse): void {
  const list = made.stored.find(({ api, plural }) => api === asked.api && plural === asked.plural);
  const objects = (list?.objects ?? []).filter((one) => isMeant(one, asked));
  const [object] = objects;
  if (list === undefined) text(response, 404, '404 page not found\n');
  else if (asked.name === null) json(response, 200, pageOf(objects, asked.query));
  else json(response, object === undefined ? 404 : 200, object ?? status(404, 'NotFound'));
}

function review({ reviews, allowed }: Bank, response: ServerResponse, body: string): void {
  const attributes = Review.parse(JSON.parse(body)).spec.resourceAttributes;
  reviews.push(attributes);
  const answered = allowed(attributes);
  if (answered === 'refused') json(response, 403, status(403, 'Forbidden'));
  else json(response, 201, { kind: 'SelfSubjectAccessReview', status: { allowed: answered } });
}

function discovery({ stored }: Bank, { api }: Asked, response: ServerResponse): void {
  const versions = stored.flatMap((one) =>
    one.api.startsWith(`${api}/`) ? one.api.split('/').slice(2) : [],
  );
  const group = { kind: 'APIGroup', versions: [...new Set(versions)].map((version) => ({ version })) };
  const resources = stored.filter((one) => one.api === api).map(({ plural }) => ({ name: plural }));
  if (versions.length > 0) json(response, 200, group);
  else if (resources.length === 0) text(response, 404, '404 page not found\n');
  else json(response, 200, { kind: 'APIResourceList', resources });
}

function status(code: number, reason: string): object {
  return { kind: 'Status', status: 'Failure', code, reason, message: `${reason}: not for you` };
}

const path =
  /^\/(?<api>api\/v1|apis\/[^/]+(?:\/[^/]+)?)(?:\/namespaces\/(?<namespace>[^/]+)(?=\/))?(?:\/(?<plural>[^/]+))?(?:\/(?<name>[^/]+))?$/;

function askedIn(url: string): Asked {
  const { pathname, searchParams: query } = new URL(url, 'http://server.test');
  const { api = '', plural = '', namespace = null, name = null } = path.exec(pathname)?.groups ?? {};
  // A Namespace looks like a namespace without a list.
  return { api, plural, namespace, name, query };
}

const Named = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
});

function isMeant(object: object, { namespace, name, query }: Asked): boolean {
  const { metadata } = Named.parse(object);
  const labels = (query.get('labelSelector') ?? '').split(',').filter((one) => one !== '');
  const isLabelled = labels.every((one) => {
    const [label = '', value = ''] = one.split('=');
    return metadata.labels?.[label] === value;
  });
  const isThere = namespace === null || metadata.namespace === namespace;
  return isThere && isLabelled && (name === null || metadata.name === name);
}

/** As many as are asked for; the token is where the next page begins. */
function pageOf(objects: readonly object[], query: URLSearchParams): object {
  const from = Number(query.get('continue') ?? 0);
  const to = from + Number(query.get('limit') ?? objects.length);
  const more = to < objects.length ? { continue: String(to) } : {};
  return { kind: 'List', metadata: { resourceVersion: '7', ...more }, items: objects.slice(from, to) };
}

export const networking = 'apis/networking.istio.io/v1';
const security = 'apis/security.istio.io/v1';

/** The objects of the bank as an API server stores them; its own lists leave out the kind of their items. */
async function storedObjects(): Promise<Stored[]> {
  const own = (objects: readonly { kind: string; apiVersion: string }[]) =>
    objects.map(({ kind: _kind, apiVersion: _version, ...rest }) => rest);
  return [
    { api: networking, plural: 'virtualservices', objects: bank.virtualServices },
    { api: networking, plural: 'destinationrules', objects: bank.destinationRules },
    { api: networking, plural: 'gateways', objects: bank.gateways },
    { api: networking, plural: 'serviceentries', objects: bank.serviceEntries },
    { api: networking, plural: 'sidecars', objects: bank.sidecars },
    { api: 'apis/networking.istio.io/v1alpha3', plural: 'envoyfilters', objects: [] },
    { api: security, plural: 'authorizationpolicies', objects: bank.authorizationPolicies },
    { api: security, plural: 'peerauthentications', objects: bank.peerAuthentications },
    { api: security, plural: 'requestauthentications', objects: [] },
    { api: 'apis/telemetry.istio.io/v1', plural: 'telemetries', objects: [] },
    { api: 'apis/extensions.istio.io/v1alpha1', plural: 'wasmplugins', objects: [] },
    { api: 'apis/networking.k8s.io/v1', plural: 'networkpolicies', objects: own(bank.networkPolicies) },
    { api: 'api/v1', plural: 'services', objects: own(bank.services) },
    { api: 'apis/discovery.k8s.io/v1', plural: 'endpointslices', objects: own(bank.endpoints) },
    { api: 'api/v1', plural: 'pods', objects: own(bank.pods) },
    { api: 'apis/apps/v1', plural: 'deployments', objects: [...own(bank.deployments), istiod('1.26.1')] },
    { api: 'apis/autoscaling/v2', plural: 'horizontalpodautoscalers', objects: own(bank.autoscalers) },
    { api: 'api/v1', plural: 'namespaces', objects: bank.namespaces },
    {
      api: 'api/v1',
      plural: 'serviceaccounts',
      objects: bank.serviceAccounts.map((metadata) => ({ metadata })),
    },
    { api: 'api/v1', plural: 'configmaps', objects: await configMaps() },
  ];
}

async function configMaps(): Promise<object[]> {
  const mesh =
    'rootNamespace: istio-system\ntrustDomain: cluster.local\noutboundTrafficPolicy:\n  mode: REGISTRY_ONLY\n';
  const values = JSON.stringify({ sidecarInjectorWebhook: { enableNamespacesByDefault: false } });
  return [
    configMap('istio-system', 'istio', { mesh, meshNetworks: 'networks: {}' }),
    configMap('istio-system', 'istio-sidecar-injector', { config: 'policy: enabled', values }),
    configMap('payment-prod', 'istio-ca-root-cert', {
      'root-cert.pem': await rootCertificate('Bank Mesh Root CA'),
    }),
  ];
}

export function configMap(namespace: string, name: string, data: Record<string, string>): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data };
}

export const rootExpiry = Date.UTC(2036, 9, 1);

export async function rootCertificate(commonName: string): Promise<string> {
  const { cert } = await generate(
    [
      { name: 'organizationName', value: 'Bank' },
      { name: 'commonName', value: commonName },
    ],
    { notAfterDate: new Date(rootExpiry), keyType: 'ec', curve: 'P-256' },
  );
  return cert;
}

export function istiod(version: string, name = 'istiod') {
  return {
    metadata: { namespace: 'istio-system', name, labels: { app: 'istiod' } },
    spec: {
      template: {
        metadata: { labels: { app: 'istiod' } },
        spec: {
          containers: [
            { name: 'discovery', image: `registry.bank.example.com:5000/istio/pilot:${version}-distroless` },
          ],
        },
      },
    },
  };
}

/** Puts these objects where a list has others. */
export function store(made: Bank, plural: string, objects: readonly object[]): void {
  made.stored = made.stored.map((one) => (one.plural === plural ? { ...one, objects } : one));
}

/** The payment service of the bank, as a rollout names it. */
export const target: Target = {
  cluster: 'default',
  namespace: 'payment-prod',
  virtualService: 'payment-service',
  uid: 'uid-payment-prod-payment-service',
  routes: [{ key: { kind: 'http', name: 'primary' }, original: { stable: 100, canary: 0, others: [] } }],
  route: 'primary',
  also: [],
  stable: armOf('v1'),
  canary: armOf('v2'),
  stableReadyAtStart: 3,
};

/** All that may be asked about a target; `callees` are namespaces that it calls. */
export function everythingAbout(one: Target, callees: readonly string[] = []): ClusterQuestion {
  return { target: one, callees, callers: [], wanted: new Set(clusterFacts) };
}

function armOf(version: string): Target['stable'] {
  return {
    host: 'payment-service.payment-prod.svc.cluster.local',
    subset: version,
    service: { name: 'payment-service', namespace: 'payment-prod' },
    version,
    podLabels: { app: 'payment-service', version },
  };
}
