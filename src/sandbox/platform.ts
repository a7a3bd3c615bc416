import { stringify } from 'yaml';
import { istioImage, proxyContainer } from './containers.ts';
import type { JsonObject } from './json.ts';
import { egressNamespace, rootNamespace } from './platform-names.ts';
import { podStatus } from './pod-status.ts';

/** The pod of istiod, which is no pod of the mesh: it sends and gets no requests. */
export const istiodPod = { name: 'istiod-6d9f7c5b84-x2k7p', namespace: rootNamespace, ip: '10.244.255.1' };

/** Istio itself, as objects to store: the settings of the mesh, STRICT for all of it, and istiod. */
export function istioObjects(now: Date): JsonObject[] {
  return [
    configMap('istio', { mesh: stringify(meshConfig), meshNetworks: 'networks: {}\n' }),
    configMap('istio-sidecar-injector', { values: JSON.stringify(injectorValues) }),
    {
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      metadata: { namespace: rootNamespace, name: 'default' },
      spec: { mtls: { mode: 'STRICT' } },
    },
    {
      apiVersion: 'telemetry.istio.io/v1',
      kind: 'Telemetry',
      metadata: { namespace: rootNamespace, name: 'mesh-default' },
      spec: { accessLogging: [{ providers: [{ name: 'envoy' }] }] },
    },
    ...programObjects(istiod, now),
  ];
}

/** Reference: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/ */
const meshConfig = {
  rootNamespace,
  trustDomain: 'cluster.local',
  enableAutoMtls: true,
  outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
  defaultConfig: { discoveryAddress: 'istiod.istio-system.svc:15012' },
  enablePrometheusMerge: true,
};

const injectorValues = { revision: '', sidecarInjectorWebhook: { enableNamespacesByDefault: false } };

function configMap(name: string, data: JsonObject): JsonObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: rootNamespace, name }, data };
}

/** The way out of the mesh to the card network: a gateway that passes TLS through, its routes, and the host's entry. */
export function egressObjects(): JsonObject[] {
  const namespace = egressNamespace;
  const host = 'api.cards.example.com';
  const networking = (kind: string, name: string, spec: JsonObject) => ({
    apiVersion: 'networking.istio.io/v1',
    kind,
    metadata: { namespace, name },
    spec,
  });
  const match = (gateway: string) => [{ gateways: [gateway], port: 443, sniHosts: [host] }];
  const to = (name: string) => [{ destination: { host: name, port: { number: 443 } }, weight: 100 }];
  const tls = { name: 'tls', number: 443, protocol: 'TLS' };
  return [
    ...programObjects(egressGateway, new Date(0)),
    egressService,
    networking('Gateway', 'egress-gateway', {
      selector: egressLabels,
      servers: [{ port: tls, hosts: [host], tls: { mode: 'PASSTHROUGH' } }],
    }),
    networking('ServiceEntry', 'card-network', {
      hosts: [host],
      location: 'MESH_EXTERNAL',
      resolution: 'DNS',
      ports: [tls],
    }),
    networking('VirtualService', 'card-network', {
      hosts: [host],
      gateways: ['mesh', 'egress-gateway'],
      tls: [
        { match: match('mesh'), route: to(`istio-egressgateway.${namespace}.svc.cluster.local`) },
        { match: match('egress-gateway'), route: to(host) },
      ],
    }),
  ];
}

const egressLabels = { app: 'istio-egressgateway', istio: 'egressgateway' };

const egressService: JsonObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: egressNamespace, name: 'istio-egressgateway', labels: egressLabels },
  spec: {
    type: 'ClusterIP',
    selector: egressLabels,
    ports: [{ name: 'tls', port: 443, protocol: 'TCP', targetPort: 8443 }],
  },
};

/** A Deployment with one ready pod. */
type Program = {
  pod: { name: string; namespace: string; ip: string };
  workload: string;
  labels: Record<string, string>;
  container: JsonObject;
};

const istiod: Program = {
  pod: istiodPod,
  workload: 'istiod',
  labels: { app: 'istiod', istio: 'pilot', 'istio.io/rev': 'default' },
  container: {
    name: 'discovery',
    image: istioImage('pilot'),
    resources: { requests: { cpu: '500m', memory: '2Gi' } },
  },
};

const egressGateway: Program = {
  pod: { name: 'istio-egressgateway-7b8c6d5f9-q4m2z', namespace: egressNamespace, ip: '10.244.255.2' },
  workload: 'istio-egressgateway',
  labels: egressLabels,
  container: proxyContainer(),
};

function programObjects({ pod, workload, labels, container }: Program, now: Date): JsonObject[] {
  const { namespace, name, ip } = pod;
  const spec = { serviceAccountName: workload, containers: [container] };
  const status = podStatus({ ip, ready: true, restarts: 0 }, { init: [], containers: [container] }, now);
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name: workload } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { namespace, name: workload, labels },
      spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
      status: { replicas: 1, readyReplicas: 1, availableReplicas: 1, updatedReplicas: 1 },
    },
    { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name, labels }, spec, status },
  ];
}
