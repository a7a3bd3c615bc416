import { setTimeout as rest } from 'node:timers/promises';
import type { MeshFailure } from '../rollout/ports/mesh.ts';
import { unavailable } from './api-answer.ts';
import type { Kube } from './kube.ts';
import { takePages } from './pages.ts';
import { type Ways, waysIn } from './ways.ts';

/** What the VirtualServices do; with a failure it is what had been read until then. */
export type ListedWays = { found: Ways[]; failure: MeshFailure | null };

/** Reads all VirtualServices of a namespace; null is every namespace. */
export type AllWays = (namespace: string | null, signal: AbortSignal) => Promise<ListedWays>;

export type AllWaysOptions = {
  kube: Pick<Kube, 'listVirtualServices'>;
  clusterDomain: string;
  /** Milliseconds that one reading may take: less than those who wait for it have. */
  budgetMs?: number;
  /** Milliseconds between two readings. */
  restMs?: number;
};

/**
 * A hundred rollouts that begin or end together ask for the same large list: those who come while it is being read
 * share the next one, which begins after all of them have asked and so shows what each of them has written.
 */
export function allWays({ budgetMs = 2500, restMs = 500, ...source }: AllWaysOptions): AllWays {
  const lines = new Map<string | null, Line>();
  const read = (namespace: string | null) => readAll(source, namespace, AbortSignal.timeout(budgetMs));
  return async (namespace, signal) => {
    if (signal.aborted) return late;
    const line = lines.get(namespace) ?? { running: null, next: null };
    lines.set(namespace, line);
    return inTime(
      join(line, () => read(namespace), restMs),
      signal,
    );
  };
}

type Line = { running: Promise<unknown> | null; next: Promise<ListedWays> | null };

function join(line: Line, read: () => Promise<ListedWays>, restMs: number): Promise<ListedWays> {
  const run = () => {
    const reading = read();
    const over = reading.catch(() => null).then(() => rest(restMs, undefined, { ref: false }));
    line.running = over;
    void over.then(() => {
      if (line.running === over) line.running = null;
    });
    return reading;
  };
  if (line.running === null) return run();
  line.next ??= line.running.then(() => {
    line.next = null;
    return run();
  });
  return line.next;
}

async function readAll(
  { kube, clusterDomain }: Pick<AllWaysOptions, 'kube' | 'clusterDomain'>,
  namespace: string | null,
  signal: AbortSignal,
): Promise<ListedWays> {
  const found: Ways[] = [];
  const stop = await takePages(
    (after) => kube.listVirtualServices({ namespace, after }, signal),
    (items) => found.push(...items.map((one) => waysIn(one, clusterDomain))),
  );
  return { found, failure: stop?.kind === 'unavailable' ? stop : null };
}

const late: ListedWays = {
  found: [],
  failure: unavailable('timeout', 'they were not read in the time there was'),
};

/** Who cannot wait any longer goes away with nothing; the others' reading goes on. */
async function inTime(reading: Promise<ListedWays>, signal: AbortSignal): Promise<ListedWays> {
  let stop = () => {};
  const aborted = new Promise<ListedWays>((settle) => {
    stop = () => settle(late);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([reading, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
