import { type MeshSpec, orderService, type ServiceSpec } from './mesh-spec.ts';

const colours = ['blue', 'green'] as const;

const service: ServiceSpec = {
  name: 'ledger',
  namespace: 'ledger-prod',
  port: 8080,
  versions: colours.map((colour) => ({
    version: colour,
    workload: `ledger-${colour}`,
    ownService: `ledger-${colour}`,
    replicas: 2,
    hasNativeSidecar: true,
    image: `example.test/ledger/ledger:${colour}`,
    behaviour: { errorRate: 0.0005, medianMs: 30, p99Ms: 120 },
  })),
  caller: orderService,
  requestsPerSecond: 100,
};

/**
 * ledger in ledger-prod, whose versions blue and green (two healthy pods each) have a Service and a host each, all
 * traffic on blue, called by order-service in order-prod 100 times a second. Its proxies are native sidecars.
 */
export function ledgerMesh(): MeshSpec {
  const { name, namespace } = service;
  const route = colours.map((colour) => ({
    destination: { host: `ledger-${colour}` },
    weight: colour === 'blue' ? 100 : 0,
  }));
  const virtualService = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace },
    spec: { hosts: [name], http: [{ name: 'primary', route }] },
  };
  return { services: [service], objects: [virtualService] };
}
