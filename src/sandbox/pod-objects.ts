import { createHash } from 'node:crypto';
import { appContainer, injected } from './containers.ts';
import { type JsonObject, objectAt } from './json.ts';
import { podStatus } from './pod-status.ts';

/** One running pod of the simulated mesh. */
export type Pod = {
  name: string;
  namespace: string;
  workload: string;
  app: string;
  version: string;
  /** Pod-template hash: changes with every redeployment. */
  hash: string;
  image: string;
  ip: string;
  ready: boolean;
  /** Restarts so far; a pod that comes back has lost its counters. */
  restarts: number;
  /** True when the proxy is an init container that goes on running; absent is false. */
  hasNativeSidecar?: boolean;
};

export function podLabels(pod: Pod): Record<string, string> {
  return {
    app: pod.app,
    version: pod.version,
    'pod-template-hash': pod.hash,
    'security.istio.io/tlsMode': 'istio',
    'service.istio.io/canonical-name': pod.app,
    'service.istio.io/canonical-revision': pod.version,
  };
}

/** The Pod as the API server shows it: the application container, its sidecar, and their readiness. */
export function podObject(pod: Pod, since: Date): JsonObject {
  const sidecar = injected(pod.hasNativeSidecar ?? false);
  const containers = [appContainer(pod.app, pod.image), ...sidecar.beside];
  return {
    kind: 'Pod',
    metadata: {
      labels: podLabels(pod),
      annotations: { 'sidecar.istio.io/status': sidecar.note },
      ownerReferences: [ownerOf(pod)],
    },
    spec: { ...podSpec(pod), initContainers: sidecar.init, containers },
    status: podStatus(pod, { init: sidecar.init, containers }, since),
  };
}

function ownerOf(pod: Pod): JsonObject {
  const name = `${pod.workload}-${pod.hash}`;
  return { apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid: uidLike(name), controller: true };
}

/** What the template asks for beside its containers. */
function podSpec({ app }: Pod): JsonObject {
  const spread = {
    maxSkew: 1,
    topologyKey: 'topology.kubernetes.io/zone',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: { app } },
  };
  return { serviceAccountName: app, topologySpreadConstraints: [spread] };
}

function uidLike(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The EndpointSlice of a Service: one endpoint a pod, with its readiness. */
export function endpointSliceObject(
  service: { name: string; port: number },
  pods: readonly Pod[],
): JsonObject {
  return {
    kind: 'EndpointSlice',
    metadata: { labels: { 'kubernetes.io/service-name': service.name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: service.port, protocol: 'TCP' }],
    endpoints: pods.map((pod) => ({
      addresses: [pod.ip],
      conditions: { ready: pod.ready, serving: pod.ready, terminating: false },
      targetRef: { kind: 'Pod', name: pod.name, namespace: pod.namespace },
    })),
  };
}

/** The Deployment that a version's pods belong to. */
export function deploymentObject(pods: readonly Pod[], pod: Pod): JsonObject {
  const { 'pod-template-hash': _hash, ...labels } = podLabels(pod);
  const selector = { app: pod.app, version: pod.version };
  const ready = pods.filter((one) => one.ready).length;
  return {
    kind: 'Deployment',
    metadata: { labels: selector },
    spec: {
      replicas: pods.length,
      selector: { matchLabels: selector },
      template: {
        metadata: { labels },
        spec: { ...podSpec(pod), containers: [appContainer(pod.app, pod.image)] },
      },
    },
    status: {
      replicas: pods.length,
      readyReplicas: ready,
      availableReplicas: ready,
      updatedReplicas: pods.length,
    },
  };
}

/** The ReplicaSet of one template: it owns these pods, and lists the containers that nobody injected. */
export function replicaSetObject(pods: readonly Pod[], pod: Pod): JsonObject {
  const { metadata, spec } = deploymentObject(pods, pod);
  const labels = { ...objectAt(metadata, 'labels'), 'pod-template-hash': pod.hash };
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: pod.workload };
  const ready = pods.filter((one) => one.ready).length;
  return {
    kind: 'ReplicaSet',
    metadata: {
      labels,
      ownerReferences: [{ ...owner, uid: uidLike(pod.workload), controller: true }],
    },
    spec: { ...objectAt(spec), replicas: pods.length, selector: { matchLabels: labels } },
    status: { replicas: pods.length, readyReplicas: ready, availableReplicas: ready },
  };
}

/** A Service for the pods with these labels. */
export function serviceObject(
  service: { name: string; port: number },
  selector: Record<string, string> = { app: service.name },
): JsonObject {
  return {
    kind: 'Service',
    metadata: { labels: { app: service.name } },
    spec: {
      type: 'ClusterIP',
      selector,
      ports: [{ name: 'http', port: service.port, protocol: 'TCP', targetPort: service.port }],
    },
  };
}
