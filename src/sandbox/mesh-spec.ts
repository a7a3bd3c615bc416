import type { JsonObject } from './json.ts';

/** How a version answers. */
export type Behaviour = {
  /** Share of requests answered with 500, 0..1. */
  errorRate: number;
  medianMs: number;
  /** 99th percentile of the latency; it sets the tail of a log-normal distribution. */
  p99Ms: number;
};

export type VersionSpec = {
  /** Value of the `version` label, which subsets select. */
  version: string;
  /** Name of its Deployment. */
  workload: string;
  replicas: number;
  image: string;
  behaviour: Behaviour;
  /** The `app` label of its pods; the service name when absent. */
  app?: string;
  /** Name of a Service for its pods alone, beside the one for all versions. */
  ownService?: string;
  /** True when its proxies are native sidecars: init containers that go on running. */
  hasNativeSidecar?: boolean;
};

/** Who sends the requests; its sidecars report with `reporter="source"`. */
export type CallerSpec = {
  namespace: string;
  workload: string;
  version: string;
  replicas: number;
  image: string;
};

/** Who calls every service of the meshes here. */
export const orderService: CallerSpec = {
  namespace: 'order-prod',
  workload: 'order-service',
  version: 'v1',
  replicas: 2,
  image: 'example.test/orders/order-service:v1',
};

/** Requests that are not plain: which part of all (0..1) they are, and what they carry. */
export type RequestKind = {
  name: string;
  part: number;
  /** `GET` when absent. */
  method?: string;
  /** `/` when absent. */
  path?: string;
  /** By name in small letters; none when absent. */
  headers?: Readonly<Record<string, string>>;
};

export type ServiceSpec = {
  name: string;
  namespace: string;
  port: number;
  versions: readonly VersionSpec[];
  caller: CallerSpec;
  requestsPerSecond: number;
  /** What is left of all requests is plain: `GET /` without a special header. */
  requests?: readonly RequestKind[];
  /**
   * Upper bounds of the latency histograms of its pods' proxies in milliseconds, ascending, without +Inf, as the
   * annotation `sidecar.istio.io/statsHistogramBuckets` sets them; Istio's own when absent.
   */
  durationBucketsMs?: readonly number[];
};

/** What a sandbox starts with. `objects` are stored as they are: VirtualServices, DestinationRules, further Services. */
export type MeshSpec = { services: readonly ServiceSpec[]; objects: readonly JsonObject[] };

/** The name under which Istio knows a Service. */
export function fullHost(service: { name: string; namespace: string }): string {
  return `${service.name}.${service.namespace}.svc.cluster.local`;
}
