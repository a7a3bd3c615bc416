import type { Service } from './objects.ts';

export type ServicePort = NonNullable<Service['spec']['ports']>[number];

/** What Istio takes a port for: HTTP, something else, or whatever each connection shows. */
export type Protocol = 'http' | 'detected' | 'other';

/**
 * appProtocol before the prefix of the name; what Istio does not know it detects, save on ports of protocols in which
 * the server speaks first.
 * Source: https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
 */
export function protocolOf({ name, port, protocol, appProtocol }: ServicePort): Protocol {
  if (protocol === 'UDP') return 'other';
  const word = (appProtocol ?? name ?? '').toLowerCase();
  if (word.startsWith('grpc-web') || httpWords.has(word)) return 'http';
  const [prefix = ''] = word.split('-');
  if (httpWords.has(prefix)) return 'http';
  return otherWords.has(prefix) || word === 'kubernetes.io/wss' || serverFirst.has(port)
    ? 'other'
    : 'detected';
}

const httpWords = new Set(['http', 'http2', 'http_proxy', 'grpc', 'kubernetes.io/h2c', 'kubernetes.io/ws']);
const otherWords = new Set(['tcp', 'tls', 'https', 'udp', 'mongo', 'mysql', 'redis', 'hbone']);
const serverFirst = new Set([25, 53, 3306, 27017]);
