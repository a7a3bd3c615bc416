import { expect, it } from 'vitest';
import { connectionsOf, type Peer } from '../../../bench/soak/sockets.ts';

/** Ports 5432, 6379, 6443 and 9090 are 1538, 18EB, 192B and 2382; the process listens on 8080, 1F90. */
const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0 100 0 0 10 0
   1: 0100007F:9C40 0100007F:1538 01 00000000:00000000 02:000005DE 00000000     0        0 101 2 0 20 4 30 10 -1
   2: 0100007F:9C41 0100007F:1538 01 00000000:00000000 02:000005DE 00000000     0        0 102 2 0 20 4 30 10 -1
   3: 0100007F:9C42 0100007F:18EB 01 00000000:00000000 02:000005DE 00000000     0        0 103 2 0 20 4 30 10 -1
   4: 0100007F:9C43 0100007F:192B 08 00000000:00000000 02:000005DE 00000000     0        0 104 2 0 20 4 30 10 -1
   5: 0100007F:1F90 0100007F:9C44 01 00000000:00000000 02:000005DE 00000000     0        0 105 2 0 20 4 30 10 -1
   6: 0100007F:9C45 0100007F:0050 01 00000000:00000000 02:000005DE 00000000     0        0 106 2 0 20 4 30 10 -1
   7: 0100007F:9C46 0100007F:1538 01 00000000:00000000 02:000005DE 00000000     0        0 999 2 0 20 4 30 10 -1
`;
const remote = new Map<number, Peer>([
  [5432, 'PostgreSQL'],
  [6379, 'Redis'],
  [6443, 'Kubernetes'],
  [9090, 'Prometheus'],
]);
const links = ['/dev/null', 'anon_inode:[eventpoll]', ...[100, 101, 102, 103, 104, 105, 106].map(socket)];

function socket(inode: number): string {
  return `socket:[${inode}]`;
}

it('connections are counted by whom they lead to, those of other processes and listening sockets left out', () => {
  expect(connectionsOf(links, table, { remote, own: 8080 })).toEqual({
    PostgreSQL: 2,
    Redis: 1,
    Kubernetes: 1,
    Prometheus: 0,
    'HTTP clients': 1,
    others: 1,
  });
});
