import { type CallerSpec, fullHost, type MeshSpec, type ServiceSpec } from '../../src/sandbox/mesh-spec.ts';

export const namespace = 'bank-prod';
export const services = ['cards', 'fees', 'limits', 'loans', 'quotes', 'statements'] as const;
export type Service = (typeof services)[number];
export const versions = ['blue', 'green'] as const;

export const healthy = { errorRate: 0, medianMs: 20, p99Ms: 80 };

const caller: CallerSpec = {
  namespace,
  workload: 'gateway',
  version: 'v1',
  replicas: 1,
  image: 'example.test/bank/gateway:v1',
};

function serviceSpec(name: Service): ServiceSpec {
  return {
    name,
    namespace,
    port: 8080,
    versions: versions.map((version) => ({
      version,
      workload: `${name}-${version}`,
      replicas: 1,
      image: `example.test/bank/${name}:${version}`,
      behaviour: healthy,
    })),
    caller,
    requestsPerSecond: 60,
  };
}

function objectsOf(service: ServiceSpec) {
  const { name } = service;
  const host = fullHost(service);
  const route = versions.map((version) => ({
    destination: { host, subset: version },
    weight: version === 'blue' ? 100 : 0,
  }));
  const subsets = versions.map((version) => ({ name: version, labels: { version } }));
  const kind = (name: string) => ({ apiVersion: 'networking.istio.io/v1', kind: name });
  const metadata = { name, namespace };
  return [
    { ...kind('DestinationRule'), metadata, spec: { host, subsets } },
    {
      ...kind('VirtualService'),
      metadata,
      spec: { hosts: [host], http: [{ name: 'primary', route, timeout: '5s' }] },
    },
  ];
}

/** Six small services with two versions each, all traffic on blue. */
export function bankMesh(): MeshSpec {
  const specs = services.map(serviceSpec);
  return { services: specs, objects: specs.flatMap(objectsOf) };
}
