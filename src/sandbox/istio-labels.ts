import { type CallerSpec, fullHost } from './mesh-spec.ts';
import type { Pod } from './pod-objects.ts';

/** How one request ended. `flags` are Envoy's response flags, `-` for none. */
export type Result = { code: number; flags: string };

const cluster = 'Kubernetes';

/** The Service that a proxy names as the destination. */
export type NamedService = { name: string; namespace: string };

/**
 * The label set of Istio's standard metrics for one request. `pod` null means that no destination was reached: Istio
 * then knows the Service, but not the workload or version behind it.
 */
export function istioLabels(
  reporter: 'source' | 'destination',
  parties: { caller: CallerSpec; service: NamedService; pod: Pod | null },
  result: Result,
): Record<string, string> {
  const { caller, service, pod } = parties;
  return {
    reporter,
    ...sourceLabels(caller),
    ...destinationLabels(pod),
    destination_service: fullHost(service),
    destination_service_name: service.name,
    destination_service_namespace: service.namespace,
    request_protocol: 'http',
    response_code: String(result.code),
    grpc_response_status: '',
    response_flags: result.flags,
    connection_security_policy: reporter === 'destination' ? 'mutual_tls' : 'unknown',
  };
}

function sourceLabels(caller: CallerSpec): Record<string, string> {
  return {
    source_workload: caller.workload,
    source_canonical_service: caller.workload,
    source_canonical_revision: caller.version,
    source_workload_namespace: caller.namespace,
    source_principal: principal(caller.namespace, caller.workload),
    source_app: caller.workload,
    source_version: caller.version,
    source_cluster: cluster,
  };
}

function destinationLabels(pod: Pod | null): Record<string, string> {
  return {
    destination_workload: pod?.workload ?? 'unknown',
    destination_workload_namespace: pod?.namespace ?? 'unknown',
    destination_principal: pod === null ? 'unknown' : principal(pod.namespace, pod.app),
    destination_app: pod?.app ?? 'unknown',
    destination_version: pod?.version ?? 'unknown',
    destination_canonical_service: pod?.app ?? 'unknown',
    destination_canonical_revision: pod?.version ?? 'latest',
    destination_cluster: pod === null ? 'unknown' : cluster,
  };
}

function principal(namespace: string, account: string): string {
  return `spiffe://cluster.local/ns/${namespace}/sa/${account}`;
}
