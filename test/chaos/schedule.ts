import { seededRandom } from '../../src/sandbox/random.ts';
import type { Protection } from './protections.ts';

/** What can happen, and how often beside the others. */
const shares = {
  kill: 1,
  killMidTurn: 1,
  stop: 1,
  stopMidTurn: 3,
  /** Stops before it writes more weight, and a person takes that rollout back meanwhile. */
  stopAndWord: 4,
  /** The same before its first weight: whoever takes it back finds nothing to take. */
  stopFirstAndWord: 2,
  /** Stops before it writes down that a step is over, and a person pauses that rollout meanwhile. */
  stopAndPause: 1,
  terminateBackends: 1,
  redisCrash: 1,
  redisFlush: 2,
  redisStop: 1,
  tcpLatency: 1,
  tcpReset: 1,
  tcpBlackHole: 1,
  patchFault: 6,
  latePatch: 3,
  apiServerDown: 1,
  apiServerLatency: 1,
  otherWriter: 3,
} as const;
export type FaultKind = keyof typeof shares;
export const faultKinds = Object.keys(shares).filter(isKind);

/** A fault to come; `seed` decides its details. */
export type Fault = { atMs: number; kind: FaultKind; seed: number };

const shortestGapMs = 300;
const longestGapMs = 900;

/** The faults of a run in their order: first each kind once, in any order, then by their shares. */
export function scheduleOf(seed: number, seconds: number): Fault[] {
  const random = seededRandom(seed);
  const faults: Fault[] = [];
  const first = shuffled(faultKinds, random);
  for (
    let atMs = 1000;
    atMs < seconds * 1000;
    atMs += shortestGapMs + random() * (longestGapMs - shortestGapMs)
  ) {
    const kind = first.pop() ?? drawn(random());
    faults.push({ atMs, kind, seed: Math.floor(random() * 2 ** 31) });
  }
  return faults;
}

/** What only this protection withstands. */
const aims: Record<Protection, FaultKind> = {
  fence: 'stopAndPause',
  'resource-version': 'stopAndWord',
  'closing-write': 'stopFirstAndWord',
  sweep: 'redisFlush',
};

/** The faults of a run that aims at the gap behind one protection: one kind, again and again. */
export function aimedAt(protection: Protection, seed: number, seconds: number): Fault[] {
  return scheduleOf(seed, seconds).map((fault) => ({ ...fault, kind: aims[protection] }));
}

function isKind(name: string): name is FaultKind {
  return name in shares;
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

function drawn(dice: number): FaultKind {
  const all = faultKinds.flatMap((kind) => Array.from({ length: shares[kind] }, () => kind));
  return all[Math.floor(dice * all.length)] ?? 'kill';
}
