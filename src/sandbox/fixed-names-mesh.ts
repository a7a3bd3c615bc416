import { fullHost, type MeshSpec, orderService, type ServiceSpec } from './mesh-spec.ts';

const namespace = 'payment-prod';
const roles = ['stable', 'canary'] as const;

function serviceNamed(name: string): ServiceSpec {
  return {
    name,
    namespace,
    port: 8080,
    versions: roles.map((role) => ({
      version: role,
      workload: `${name}-${role}`,
      replicas: 2,
      image: `example.test/payments/${name}:1.0`,
      behaviour: { errorRate: 0.0005, medianMs: 40, p99Ms: 160 },
    })),
    caller: orderService,
    requestsPerSecond: 100,
  };
}

/**
 * A service in payment-prod whose two Deployments keep the names stable and canary for all releases and run one image
 * at first (two healthy pods each): subsets of one host, all traffic on stable, called by order-service in order-prod
 * 100 times a second.
 */
export function fixedNamesMesh(name: string): MeshSpec {
  const service = serviceNamed(name);
  const host = fullHost(service);
  const route = roles.map((role) => ({
    destination: { host, subset: role },
    weight: role === 'stable' ? 100 : 0,
  }));
  const subsets = roles.map((role) => ({ name: role, labels: { version: role } }));
  return {
    services: [service],
    objects: [
      {
        apiVersion: 'networking.istio.io/v1',
        kind: 'DestinationRule',
        metadata: { name, namespace },
        spec: { host, subsets },
      },
      {
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: { name, namespace },
        spec: { hosts: [host], http: [{ name: 'primary', route }] },
      },
    ],
  };
}
