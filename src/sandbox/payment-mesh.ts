import { fullHost, type MeshSpec, orderService, type ServiceSpec } from './mesh-spec.ts';

const namespace = 'payment-prod';
const name = 'payment-service';
const healthy = { errorRate: 0.0005, medianMs: 60, p99Ms: 240 };

function serviceWith(versions: readonly string[]): ServiceSpec {
  return {
    name,
    namespace,
    port: 8080,
    versions: versions.map((version) => ({
      version,
      workload: `${name}-${version}`,
      replicas: 2,
      image: `example.test/payments/${name}:${version}`,
      behaviour: healthy,
    })),
    caller: orderService,
    requestsPerSecond: 600,
  };
}

/**
 * payment-service in payment-prod with versions v1, v2 and v3 or those given (two healthy pods each), subsets of one
 * host, all traffic on the first, called by order-service in order-prod 600 times a second.
 */
export function paymentMesh(versions: readonly string[] = ['v1', 'v2', 'v3']): MeshSpec {
  const service = serviceWith(versions);
  const host = fullHost(service);
  const destination = (version: string) => ({
    destination: { host, subset: version },
    weight: version === versions[0] ? 100 : 0,
  });
  return {
    services: [service],
    objects: [
      {
        apiVersion: 'networking.istio.io/v1',
        kind: 'DestinationRule',
        metadata: { name, namespace },
        spec: {
          host,
          trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } },
          subsets: versions.map((version) => ({ name: version, labels: { version } })),
        },
      },
      {
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: { name, namespace },
        spec: {
          hosts: [host],
          http: [
            {
              name: 'primary',
              route: versions.map(destination),
              timeout: '5s',
              retries: { attempts: 2, perTryTimeout: '2s', retryOn: 'connect-failure,refused-stream' },
            },
          ],
        },
      },
    ],
  };
}
