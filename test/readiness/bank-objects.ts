/** The objects of a bank's namespace as an API server answers them: all in order for a rollout from v1 to v2. */

const at = '2026-10-01T08:00:00Z';
const digestOf = (version: string) => `sha256:${version === 'v1' ? 'a'.repeat(64) : 'b'.repeat(64)}`;

type Extra = { labels?: Record<string, string>; annotations?: Record<string, string> };

function metadata(namespace: string | undefined, name: string, extra: Extra = {}) {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    uid: `uid-${namespace ?? 'cluster'}-${name}`,
    resourceVersion: '48213',
    generation: 3,
    creationTimestamp: at,
    ...extra,
    managedFields: [
      {
        manager: 'kubectl-client-side-apply',
        operation: 'Update',
        apiVersion: 'networking.istio.io/v1',
        time: at,
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:spec': {} },
      },
    ],
  };
}

function istioObject(
  kind: string,
  namespace: string,
  name: string,
  spec: object,
): { kind: string; metadata: ReturnType<typeof metadata>; spec: object; status: object } {
  return { kind, metadata: metadata(namespace, name), spec, status: {} };
}

type Made = Parameters<typeof istioObject>;
const networking = (...made: Made) => ({ apiVersion: 'networking.istio.io/v1', ...istioObject(...made) });
const security = (...made: Made) => ({ apiVersion: 'security.istio.io/v1', ...istioObject(...made) });

const host = 'payment-service.payment-prod.svc.cluster.local';

export const virtualServices = [
  networking('VirtualService', 'payment-prod', 'payment-service', {
    hosts: [host],
    http: [
      {
        name: 'primary',
        route: [
          { destination: { host, subset: 'v1' }, weight: 100 },
          { destination: { host, subset: 'v2' }, weight: 0 },
        ],
        timeout: '5s',
      },
    ],
  }),
  networking('VirtualService', 'egress-prod', 'card-network', {
    hosts: ['api.cards.example.com'],
    gateways: ['mesh', 'egress-prod/egress-gateway'],
    http: [
      {
        match: [{ gateways: ['mesh'], port: 80 }],
        route: [{ destination: { host: 'egress-gateway.istio-egress.svc.cluster.local' }, weight: 100 }],
      },
      {
        match: [{ gateways: ['egress-prod/egress-gateway'], port: 443 }],
        route: [{ destination: { host: 'api.cards.example.com', port: { number: 443 } }, weight: 100 }],
      },
    ],
  }),
];

export const destinationRules = [
  networking('DestinationRule', 'payment-prod', 'payment-service', {
    host,
    trafficPolicy: {
      tls: { mode: 'ISTIO_MUTUAL' },
      connectionPool: { http: { http1MaxPendingRequests: 100 } },
    },
    subsets: [
      { name: 'v1', labels: { version: 'v1' } },
      { name: 'v2', labels: { version: 'v2' } },
    ],
  }),
];

export const gateways = [
  networking('Gateway', 'egress-prod', 'egress-gateway', {
    selector: { istio: 'egressgateway' },
    servers: [
      {
        hosts: ['api.cards.example.com'],
        port: { name: 'https', number: 443, protocol: 'HTTPS' },
        tls: { mode: 'SIMPLE', credentialName: 'cards-client' },
      },
    ],
  }),
];

export const serviceEntries = [
  networking('ServiceEntry', 'egress-prod', 'card-network', {
    hosts: ['api.cards.example.com'],
    location: 'MESH_EXTERNAL',
    resolution: 'DNS',
    ports: [{ name: 'https', number: 443, protocol: 'TLS' }],
  }),
];

export const sidecars = [
  networking('Sidecar', 'payment-prod', 'default', {
    egress: [{ hosts: ['./*', 'istio-system/*', 'ledger-prod/*', 'egress-prod/*', 'istio-egress/*'] }],
    outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
  }),
  networking('Sidecar', 'order-prod', 'default', {
    egress: [{ hosts: ['./*', 'istio-system/*', 'payment-prod/*'] }],
  }),
];

export const authorizationPolicies = [
  security('AuthorizationPolicy', 'payment-prod', 'default-deny', {}),
  security('AuthorizationPolicy', 'payment-prod', 'allow-orders', {
    action: 'ALLOW',
    selector: { matchLabels: { app: 'payment-service' } },
    rules: [
      {
        from: [{ source: { principals: ['cluster.local/ns/order-prod/sa/order-service'] } }],
        to: [{ operation: { methods: ['GET', 'POST'], paths: ['/payments*'] } }],
      },
    ],
  }),
  security('AuthorizationPolicy', 'ledger-prod', 'default-deny', {}),
  security('AuthorizationPolicy', 'ledger-prod', 'allow-payments', {
    action: 'ALLOW',
    selector: { matchLabels: { app: 'ledger-service' } },
    rules: [{ from: [{ source: { principals: ['cluster.local/ns/payment-prod/sa/payment-service'] } }] }],
  }),
];

export const peerAuthentications = [
  security('PeerAuthentication', 'istio-system', 'default', { mtls: { mode: 'STRICT' } }),
];

export const networkPolicies = [
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata('payment-prod', 'payment-service'),
    spec: {
      podSelector: { matchLabels: { app: 'payment-service' } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'order-prod' } } }],
          ports: [{ port: 8080, protocol: 'TCP' }],
        },
      ],
      egress: [
        { to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ledger-prod' } } }] },
        { to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'istio-system' } } }] },
      ],
    },
  },
];

export const services = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata('payment-prod', 'payment-service', { labels: { app: 'payment-service' } }),
    spec: {
      clusterIP: '10.0.14.7',
      type: 'ClusterIP',
      selector: { app: 'payment-service' },
      ports: [{ name: 'http', port: 8080, targetPort: 8080, protocol: 'TCP', appProtocol: 'http' }],
    },
    status: { loadBalancer: {} },
  },
];

const proxyResources = { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2', memory: '1Gi' } };
const probe = (path: string) => ({ httpGet: { path, port: 8080 }, periodSeconds: 10, timeoutSeconds: 1 });

function podSpec(version: string) {
  return {
    serviceAccountName: 'payment-service',
    nodeSelector: { 'node.bank.example.com/pool': 'payments' },
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
    ],
    containers: [
      {
        name: 'payment-service',
        image: `registry.bank.example.com/payments/payment-service@${digestOf(version)}`,
        env: [{ name: 'JAVA_TOOL_OPTIONS', value: '-XX:MaxRAMPercentage=75' }],
        resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { cpu: '2', memory: '1Gi' } },
        readinessProbe: probe('/ready'),
        livenessProbe: probe('/live'),
      },
    ],
  };
}

const proxy = {
  name: 'istio-proxy',
  image: 'registry.bank.example.com/istio/proxyv2:1.26.1',
  resources: proxyResources,
};

const labelsOf = (version: string) => ({
  app: 'payment-service',
  version,
  'service.istio.io/canonical-name': 'payment-service',
  'service.istio.io/canonical-revision': version,
});

export const podNames = (version: string) =>
  [1, 2, 3].map((number) => `payment-service-${version}-7d9c5b6f4-${version}00${number}`);

function pod(version: string, name: string) {
  const spec = podSpec(version);
  const status = (one: { name: string }) => ({
    name: one.name,
    ready: true,
    restartCount: 0,
    state: { running: { startedAt: at } },
    lastState: {},
    imageID: `registry.bank.example.com/${one.name}@${digestOf(version)}`,
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata('payment-prod', name, {
        labels: {
          ...labelsOf(version),
          'pod-template-hash': `7d9c5b6f4${version}`,
          'security.istio.io/tlsMode': 'istio',
          'istio.io/rev': 'default',
        },
        annotations: {
          'sidecar.istio.io/status': '{"initContainers":["istio-init"],"containers":["istio-proxy"]}',
        },
      }),
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `payment-service-${version}-7d9c5b6f4`,
          controller: true,
        },
      ],
    },
    spec: {
      ...spec,
      initContainers: [{ name: 'istio-init', image: 'registry.bank.example.com/istio/proxyv2:1.26.1' }],
      containers: [...spec.containers, proxy],
    },
    status: {
      phase: 'Running',
      conditions: [
        { type: 'Initialized', status: 'True' },
        { type: 'Ready', status: 'True' },
        { type: 'ContainersReady', status: 'True' },
      ],
      containerStatuses: [...spec.containers, proxy].map(status),
    },
  };
}

export const pods = ['v1', 'v2'].flatMap((version) => podNames(version).map((name) => pod(version, name)));

export const endpoints = [
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadata('payment-prod', 'payment-service-x7k2p', {
      labels: { 'kubernetes.io/service-name': 'payment-service' },
    }),
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: pods.map((one, index) => ({
      addresses: [`10.1.0.${index + 10}`],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: 'Pod', name: one.metadata.name, namespace: 'payment-prod' },
    })),
  },
];

const egressGatewayLabels = { app: 'egress-gateway', istio: 'egressgateway' };

const egressGateway = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: metadata('istio-egress', 'egress-gateway', { labels: egressGatewayLabels }),
  spec: {
    replicas: 2,
    selector: { matchLabels: egressGatewayLabels },
    template: {
      metadata: { labels: egressGatewayLabels, annotations: {} },
      spec: { serviceAccountName: 'egress-gateway', containers: [proxy] },
    },
  },
  status: { replicas: 2, readyReplicas: 2, updatedReplicas: 2, availableReplicas: 2 },
};

const payments = ['v1', 'v2'].map((version) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: metadata('payment-prod', `payment-service-${version}`, { labels: { app: 'payment-service' } }),
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'payment-service', version } },
    template: { metadata: { labels: labelsOf(version), annotations: {} }, spec: podSpec(version) },
  },
  status: { replicas: 3, readyReplicas: 3, updatedReplicas: 3, availableReplicas: 3 },
}));

export const deployments = [...payments, egressGateway];

export const autoscalers = ['v1', 'v2'].map((version) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: metadata('payment-prod', `payment-service-${version}`),
  spec: {
    minReplicas: 3,
    maxReplicas: 12,
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: `payment-service-${version}` },
  },
  status: { currentReplicas: 3, desiredReplicas: 3 },
}));

/** Every namespace has the account `default`, which Kubernetes gives it. */
export const serviceAccounts = [
  ['payment-prod', 'payment-service'],
  ['order-prod', 'order-service'],
  ['ledger-prod', 'ledger-service'],
  ['istio-system', 'istiod'],
].flatMap(([namespace = '', name = '']) => [
  { namespace, name: 'default' },
  { namespace, name },
]);

export const namespaces = [
  ['payment-prod', { 'istio-injection': 'enabled' }],
  ['order-prod', { 'istio-injection': 'enabled' }],
  ['ledger-prod', { 'istio-injection': 'enabled' }],
  ['egress-prod', {}],
  ['istio-system', {}],
].map(([name, labels]) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: metadata(undefined, String(name), {
    labels: { 'kubernetes.io/metadata.name': String(name), ...(typeof labels === 'object' ? labels : {}) },
  }),
  status: { phase: 'Active' },
}));
