/** Whom a process is connected with. */
export const peers = ['PostgreSQL', 'Redis', 'Kubernetes', 'Prometheus', 'HTTP clients', 'others'] as const;
export type Peer = (typeof peers)[number];

/** Ports by which a peer is known: where others listen, and where the process itself does. */
export type Ports = { remote: ReadonlyMap<number, Peer>; own: number };

/**
 * Counts the TCP connections of a process by peer. Takes the targets of the links in /proc/PID/fd and the text of
 * /proc/PID/net/tcp, which lists those of all processes: see proc_net_tcp in the kernel's documentation.
 */
export function connectionsOf(links: readonly string[], table: string, ports: Ports): Record<Peer, number> {
  const own = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  const counts = {
    PostgreSQL: 0,
    Redis: 0,
    Kubernetes: 0,
    Prometheus: 0,
    'HTTP clients': 0,
    others: 0,
  } satisfies Record<Peer, number>;
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/);
    if (own.has(inode) && state !== listening) counts[peerOf(portOf(local), portOf(remote), ports)] += 1;
  }
  return counts;
}

/** TCP_LISTEN. */
const listening = '0A';

function peerOf(local: number, remote: number, { remote: known, own }: Ports): Peer {
  return local === own ? 'HTTP clients' : (known.get(remote) ?? 'others');
}

/** Of an address such as `0100007F:1F90`. */
function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16);
}
