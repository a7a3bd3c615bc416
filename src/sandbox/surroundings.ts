import type { JsonObject } from './json.ts';
import type { MeshSpec, ServiceSpec } from './mesh-spec.ts';
import { egressNamespace, rootNamespace } from './platform-names.ts';

/**
 * What stands around the services of a mesh in a well-kept cluster, as objects to store: accounts, a default deny with
 * one permission a workload, network policies, Sidecars that only let through what is registered, and autoscalers.
 */
export function surroundingsOf({ services }: MeshSpec): JsonObject[] {
  return [
    ...services.map(({ namespace }) => security(namespace, 'default-deny', {})),
    ...services.flatMap((service) => appsOf(service).flatMap((app) => guardsOf(service, app))),
    ...services.map(({ caller }) => account(caller.namespace, caller.workload)),
    ...services.flatMap(autoscalersOf),
    ...sidecarsOf(services),
  ];
}

/** The `app` labels of a service's pods, which are their accounts, too. */
function appsOf({ name, versions }: ServiceSpec): string[] {
  return [...new Set(versions.map(({ app = name }) => app))];
}

function guardsOf({ namespace, caller }: ServiceSpec, app: string): JsonObject[] {
  const principals = [`cluster.local/ns/${caller.namespace}/sa/${caller.workload}`];
  const allowed = {
    action: 'ALLOW',
    selector: { matchLabels: { app } },
    rules: [{ from: [{ source: { principals } }] }],
  };
  return [
    account(namespace, app),
    security(namespace, `allow-callers-of-${app}`, allowed),
    networkPolicy(namespace, app, caller.namespace),
  ];
}

/** An account, such as the one called default that Kubernetes gives every namespace. */
export function account(namespace: string, name: string): JsonObject {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name } };
}

function security(namespace: string, name: string, spec: JsonObject): JsonObject {
  const kind = 'AuthorizationPolicy';
  return { apiVersion: 'security.istio.io/v1', kind, metadata: { namespace, name }, spec };
}

/** The callers and Prometheus get in; what is in the mesh's own namespaces, and names, are to be reached from inside. */
function networkPolicy(namespace: string, app: string, callers: string): JsonObject {
  const within = (name: string) => ({
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
  });
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace, name: app },
    spec: {
      podSelector: { matchLabels: { app } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        { from: [within(callers)] },
        { from: [within('monitoring')], ports: [{ port: 15020, protocol: 'TCP' }] },
      ],
      egress: [rootNamespace, egressNamespace, 'kube-system'].map((name) => ({ to: [within(name)] })),
    },
  };
}

/** As many pods as it starts with, at least, and four times as many under load. */
function autoscalersOf({ namespace, versions }: ServiceSpec): JsonObject[] {
  return versions.map(({ workload, replicas }) => ({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { namespace, name: workload },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: workload },
      minReplicas: replicas,
      maxReplicas: 4 * replicas,
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } },
        },
      ],
    },
    status: { currentReplicas: replicas, desiredReplicas: replicas },
  }));
}

/** One Sidecar a namespace: its own services, those that it calls, and the mesh's. */
function sidecarsOf(services: readonly ServiceSpec[]): JsonObject[] {
  const all = services.flatMap((service) => [service.namespace, service.caller.namespace]);
  return [...new Set(all)].map((namespace) => {
    const called = services.flatMap((service) =>
      service.caller.namespace === namespace ? [service.namespace] : [],
    );
    const others = new Set([...called, rootNamespace, egressNamespace].filter((name) => name !== namespace));
    return {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Sidecar',
      metadata: { namespace, name: 'default' },
      spec: {
        egress: [{ hosts: ['./*', ...[...others].map((name) => `${name}/*`)] }],
        outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
      },
    };
  });
}
