import { fullHost, type MeshSpec, orderService, type ServiceSpec } from '../../src/sandbox/mesh-spec.ts';

const namespace = 'crash-prod';
const versions = ['v1', 'v2'] as const;

/** Enough for a check to judge a fifth of it within a few seconds. */
const requestsPerSecond = 30;

/** Small services of these names with two versions of one pod each, all traffic on v1. */
export function smallServices(names: readonly string[]): MeshSpec {
  const services = names.map(serviceNamed);
  return { services, objects: services.flatMap(routingOf) };
}

/** What such a service is released by. */
export function releaseOf(name: string) {
  return { namespace, virtualService: name, canary: { subset: 'v2' } };
}

function serviceNamed(name: string): ServiceSpec {
  return {
    name,
    namespace,
    port: 8080,
    versions: versions.map((version) => ({
      version,
      workload: `${name}-${version}`,
      replicas: 1,
      image: `example.test/crash/${name}:${version}`,
      behaviour: { errorRate: 0, medianMs: 20, p99Ms: 80 },
    })),
    caller: orderService,
    requestsPerSecond,
  };
}

function routingOf(service: ServiceSpec) {
  const { name } = service;
  const host = fullHost(service);
  const route = versions.map((version) => ({
    destination: { host, subset: version },
    weight: version === 'v1' ? 100 : 0,
  }));
  const subsets = versions.map((version) => ({ name: version, labels: { version } }));
  const metadata = { name, namespace };
  return [
    { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata, spec: { host, subsets } },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata,
      spec: { hosts: [host], http: [{ name: 'primary', route }] },
    },
  ];
}
