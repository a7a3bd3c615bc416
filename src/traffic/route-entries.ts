import { z } from 'zod';
import { isManagedName } from '../rollout/managed-route.ts';
import type { RouteKey } from '../rollout/target.ts';
import { type Misshapen, misread, type Path, type VirtualService } from './virtual-service.ts';

/** One entry of `spec.http`, `spec.tls` or `spec.tcp` that nobody has read yet, and how it is told apart. */
export type RouteEntry = {
  key: RouteKey;
  at: Path;
  value: unknown;
  /** The ports that a tls or tcp route matches, in rising order. */
  ports: number[];
};

export type Protocol = RouteKey['kind'];

/** All routes of one protocol, in their order; none when the object has no such list. */
export function entriesOf(virtualService: VirtualService, protocol: Protocol): RouteEntry[] | Misshapen {
  const list = virtualService.spec[protocol];
  if (list === undefined) return [];
  const at = ['spec', protocol];
  if (protocol === 'http') {
    const parsed = HttpRoutes.safeParse(list);
    if (!parsed.success) return misread(parsed.error, at);
    return parsed.data.map((value, index) => httpEntry(value, [...at, index]));
  }
  const parsed = StreamRoutes.safeParse(list);
  if (!parsed.success) return misread(parsed.error, at);
  return parsed.data.map((value, index) => streamEntry(protocol, value, [...at, index]));
}

/** True for a route that bears a name of canaryd's: it is never chosen, and never counts. */
export function isManaged({ key }: Pick<RouteEntry, 'key'>): boolean {
  return key.kind === 'http' && isManagedName(key.name);
}

/** True for the route that a key means, wherever it stands now. */
export function isMeantBy(key: RouteKey, entry: RouteEntry): boolean {
  if (key.kind === 'http') return entry.key.kind === 'http' && entry.key.name === key.name;
  if (entry.key.kind !== key.kind) return false;
  const hasPort = key.port === null ? entry.ports.length === 0 : entry.ports.includes(key.port);
  return hasPort && (key.kind === 'tcp' || hasSniHosts(entry, key.sniHosts));
}

/** True for a tls route that matches exactly these names, in whatever order and in however many blocks. */
export function hasSniHosts({ key }: RouteEntry, sniHosts: readonly string[]): boolean {
  if (key.kind !== 'tls') return false;
  const asked = sortedOnce(sniHosts);
  return asked.length === key.sniHosts.length && asked.every((host, index) => host === key.sniHosts[index]);
}

const HttpRoutes = z.array(z.looseObject({ name: z.string().optional() }), {
  error: 'spec.http is a list of routes: write one',
});

const StreamRoutes = z.array(
  z.looseObject({
    match: z
      .array(
        z.looseObject({
          port: z.int().optional(),
          sniHosts: z.array(z.string()).optional(),
        }),
      )
      .optional(),
  }),
  { error: 'it is a list of routes: write one' },
);
type StreamRoute = z.infer<typeof StreamRoutes>[number];

function httpEntry(value: z.infer<typeof HttpRoutes>[number], at: Path): RouteEntry {
  return { key: { kind: 'http', name: value.name ?? '' }, at, value, ports: [] };
}

function streamEntry(kind: 'tls' | 'tcp', value: StreamRoute, at: Path): RouteEntry {
  const { match = [] } = value;
  const found = match.flatMap((block) => (block.port === undefined ? [] : [block.port]));
  const ports = [...new Set(found)].sort((one, other) => one - other);
  const port = ports[0] ?? null;
  const sniHosts = sortedOnce(match.flatMap((block) => block.sniHosts ?? []));
  return { key: kind === 'tls' ? { kind, port, sniHosts } : { kind, port }, at, value, ports };
}

/** SNI is a host name, in which case does not matter (RFC 6066, section 3). */
function sortedOnce(hosts: readonly string[]): string[] {
  return [...new Set(hosts.map((host) => host.toLowerCase()))].sort();
}
