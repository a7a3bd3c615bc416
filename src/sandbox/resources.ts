import { destinationRuleShape } from './destination-rule-shape.ts';
import type { Shape } from './shape.ts';
import { virtualServiceShape } from './virtual-service-shape.ts';

/** One kind of object the API server stores. `versions` starts with the one it is stored in. */
export type ResourceType = {
  group: string;
  versions: readonly [string, ...string[]];
  plural: string;
  kind: string;
  namespaced: boolean;
  /** Present for custom resources whose spec is pruned and checked; null lets every field through. */
  spec: Shape | null;
};

/** Names one object; `namespace` is empty for cluster-scoped kinds. */
export type ObjectKey = { type: ResourceType; namespace: string; name: string };

const istioVersions = ['v1', 'v1beta1', 'v1alpha3'] as const;

export const virtualServices = istio('virtualservices', 'VirtualService', virtualServiceShape);
export const destinationRules = istio('destinationrules', 'DestinationRule', destinationRuleShape);
export const namespaces = plain('', 'namespaces', 'Namespace', { namespaced: false });
export const services = plain('', 'services', 'Service');
export const pods = plain('', 'pods', 'Pod');
export const endpointSlices = plain('discovery.k8s.io', 'endpointslices', 'EndpointSlice');
export const deployments = plain('apps', 'deployments', 'Deployment');
export const replicaSets = plain('apps', 'replicasets', 'ReplicaSet');

export const configMaps = plain('', 'configmaps', 'ConfigMap');
export const autoscalers = plain('autoscaling', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler', {
  versions: ['v2', 'v1'],
});

/** Everything served. The kinds without a shape exist so that a reader finds an empty list instead of a 404 page. */
export const resourceTypes: readonly ResourceType[] = [
  virtualServices,
  destinationRules,
  namespaces,
  services,
  pods,
  endpointSlices,
  deployments,
  replicaSets,
  istio('gateways', 'Gateway', null),
  istio('sidecars', 'Sidecar', null),
  istio('serviceentries', 'ServiceEntry', null),
  plain('networking.istio.io', 'envoyfilters', 'EnvoyFilter', { versions: ['v1alpha3'] }),
  istio('workloadentries', 'WorkloadEntry', null),
  plain('security.istio.io', 'authorizationpolicies', 'AuthorizationPolicy', { versions: ['v1', 'v1beta1'] }),
  plain('security.istio.io', 'peerauthentications', 'PeerAuthentication', { versions: ['v1', 'v1beta1'] }),
  plain('security.istio.io', 'requestauthentications', 'RequestAuthentication', {
    versions: ['v1', 'v1beta1'],
  }),
  plain('telemetry.istio.io', 'telemetries', 'Telemetry', { versions: ['v1', 'v1alpha1'] }),
  plain('extensions.istio.io', 'wasmplugins', 'WasmPlugin', { versions: ['v1alpha1'] }),
  plain('gateway.networking.k8s.io', 'httproutes', 'HTTPRoute', { versions: ['v1', 'v1beta1'] }),
  plain('gateway.networking.k8s.io', 'gateways', 'Gateway', { versions: ['v1', 'v1beta1'] }),
  plain('cert-manager.io', 'certificates', 'Certificate'),
  autoscalers,
  plain('policy', 'poddisruptionbudgets', 'PodDisruptionBudget'),
  plain('networking.k8s.io', 'networkpolicies', 'NetworkPolicy'),
  configMaps,
  plain('', 'secrets', 'Secret'),
  plain('', 'serviceaccounts', 'ServiceAccount'),
  plain('', 'endpoints', 'Endpoints'),
  plain('', 'events', 'Event'),
  plain('', 'nodes', 'Node', { namespaced: false }),
];

/** The resource type of a URL, or null: the server then answers that it has no such page. */
export function findResourceType(group: string, version: string, plural: string): ResourceType | null {
  const fits = (type: ResourceType) =>
    type.group === group && type.plural === plural && type.versions.includes(version);
  return resourceTypes.find(fits) ?? null;
}

/** Whether the kind comes from a CustomResourceDefinition; the API server treats those apart in places. */
export function isCustom({ group }: ResourceType): boolean {
  return group.endsWith('.istio.io') || group === 'gateway.networking.k8s.io' || group === 'cert-manager.io';
}

/** `networking.istio.io/v1`, or just `v1` for the core group. */
export function apiVersionOf(type: ResourceType, version: string): string {
  return type.group === '' ? version : `${type.group}/${version}`;
}

/** `virtualservices.networking.istio.io`, or `pods` for the core group. */
export function qualifiedName(type: { group: string; plural: string }): string {
  return type.group === '' ? type.plural : `${type.plural}.${type.group}`;
}

function istio(plural: string, kind: string, spec: Shape | null): ResourceType {
  return { group: 'networking.istio.io', versions: istioVersions, plural, kind, namespaced: true, spec };
}

function plain(
  group: string,
  plural: string,
  kind: string,
  options: { namespaced?: boolean; versions?: readonly [string, ...string[]] } = {},
): ResourceType {
  const { namespaced = true, versions = ['v1'] as const } = options;
  return { group, versions, plural, kind, namespaced, spec: null };
}
