import { createHash } from 'node:crypto';
import { type JsonObject, objectAt } from './json.ts';

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
  const containers = [
    { name: pod.app, image: pod.image, ready: pod.ready },
    { name: 'istio-proxy', image: 'docker.io/istio/proxyv2:1.31.0', ready: pod.ready },
  ];
  return {
    kind: 'Pod',
    metadata: {
      labels: podLabels(pod),
      annotations: { 'sidecar.istio.io/status': '{"containers":["istio-proxy"],"revision":"default"}' },
      ownerReferences: [ownerOf(pod)],
    },
    spec: {
      containers: containers.map(({ name, image }) => ({ name, image })),
      serviceAccountName: pod.app,
    },
    status: podStatus(pod, containers, since),
  };
}

function ownerOf(pod: Pod): JsonObject {
  const name = `${pod.workload}-${pod.hash}`;
  return { apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid: uidLike(name), controller: true };
}

function podStatus(
  pod: Pod,
  containers: { name: string; image: string; ready: boolean }[],
  since: Date,
): JsonObject {
  const lastTransitionTime = since.toISOString().replace(/\.\d+Z$/, 'Z');
  const condition = (type: string, isTrue: boolean) => ({
    type,
    status: isTrue ? 'True' : 'False',
    lastTransitionTime,
  });
  return {
    phase: 'Running',
    podIP: pod.ip,
    podIPs: [{ ip: pod.ip }],
    conditions: [
      condition('PodScheduled', true),
      condition('Initialized', true),
      condition('ContainersReady', pod.ready),
      condition('Ready', pod.ready),
    ],
    containerStatuses: containers.map(({ name, image, ready }) => ({
      name,
      image,
      imageID: `${image.split(':')[0]}@${imageDigest(image)}`,
      ready,
      started: ready,
      restartCount: pod.restarts,
      state: ready
        ? { running: { startedAt: lastTransitionTime } }
        : { waiting: { reason: 'CrashLoopBackOff' } },
    })),
  };
}

/** A digest that depends on the image name only: the same image is the same digest in every pod. */
function imageDigest(image: string): string {
  return `sha256:${createHash('sha256').update(image).digest('hex')}`;
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
        spec: { serviceAccountName: pod.app, containers: [{ name: pod.app, image: pod.image }] },
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
