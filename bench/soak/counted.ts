import { type Peer, peers } from './sockets.ts';
import type { Bound } from './verdict.ts';

export type Counted = { name: string; unit: '' | 'MB' | 'kB'; bound: Bound };

const few: Bound = { of: 'median', part: 0.1, more: 3 };
/** Clients come and go by chance. */
const clients: Bound = { of: 'median', part: 0.25, more: 6 };
/** Rows of a release: the same whenever it is made. */
const rows: Bound = { of: 'median', part: 0.1, more: 1 };

/** What is counted of each canaryd. */
export const ofProcess = {
  descriptors: { unit: '', bound: { of: 'median', part: 0.1, more: 8 } },
  handles: { unit: '', bound: { of: 'median', part: 0.1, more: 8 } },
  timers: { unit: '', bound: { of: 'median', part: 0.25, more: 10 } },
  'heap used, least': { unit: 'MB', bound: { of: 'least', part: 0.1, more: 5 } },
  'resident memory': { unit: 'MB', bound: { of: 'median', part: 0.15, more: 20 } },
} as const satisfies Record<string, Omit<Counted, 'name'>>;

/** What is counted of all that they share. */
export const ofAll = {
  'PostgreSQL: connections': { unit: '', bound: few },
  'audit rows of an ended rollout': { unit: '', bound: rows },
  'audit log of an ended rollout': { unit: 'kB', bound: { ...rows, more: 0.5 } },
  'measurements of an ended rollout': { unit: '', bound: rows },
  'Redis: keys': { unit: '', bound: { of: 'median', part: 0.2, more: 10 } },
  // BullMQ keeps the last 10,000 events of a queue: 0.6 MB, reached after 2,000 alarms.
  'Redis: memory, least': { unit: 'MB', bound: { of: 'least', part: 0.1, more: 1.5 } },
} as const satisfies Record<string, Omit<Counted, 'name'>>;

export function connectionsTo(peer: Peer): string {
  return `connections, ${peer}`;
}

/** Every row of the table for so many canaryd. */
export function allCounted(processes: readonly string[]): Counted[] {
  return [
    ...processes.flatMap((process) => [
      ...named(ofProcess, (name) => `${process}: ${name}`),
      ...peers.map((peer): Counted => {
        const bound = peer === 'HTTP clients' ? clients : few;
        return { name: `${process}: ${connectionsTo(peer)}`, unit: '', bound };
      }),
    ]),
    ...named(ofAll, (name) => name),
  ];
}

function named(counted: Record<string, Omit<Counted, 'name'>>, nameOf: (name: string) => string): Counted[] {
  return Object.entries(counted).map(([name, rest]) => ({ name: nameOf(name), ...rest }));
}
