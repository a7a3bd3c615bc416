import { loadavg } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import type { WeightChange } from './canned-mesh.ts';
import { faultsIn } from './check.ts';
import { createAll } from './create.ts';
import { risen, type Spread, spreadOf, turnsIn } from './figures.ts';
import { breachingOf, fleetOf, keyOf } from './fleet.ts';
import { type Stack, type StackOptions, startStack } from './stack.ts';
import type { Counts } from './storage.ts';
import { cpuSecondsOf, peakMegabytesOf } from './usage.ts';
import type { Seen } from './watch-turns.ts';

/** What one run measured. Times are ms, counts are those of the measured stretch. */
export type Measured = {
  rollouts: number;
  namespaces: number;
  workers: number;
  seconds: number;
  /** Of the machine before the run. */
  load: number;
  createSeconds: number;
  turns: number;
  late: Spread | null;
  took: Record<string, Spread>;
  /** The longest time for which a worker's event loop was busy. */
  busyMs: number;
  breachToPatch: Spread | null;
  peakMegabytes: number[];
  counts: Record<string, Counts>;
  cpuSeconds: Record<string, number>;
  faults: string[];
};

type Say = (text: string) => void;

/** How long after its creation every rollout has its first weight, in ms; and how long a breach may take. */
const patienceMs = 60_000;
/** After the beginning of the measured stretch, in ms: the breach falls into steady work. */
const breachAfterMs = 2000;

/** One run on fresh parts, which are ended with it. Throws when a part does not start or a request is refused. */
export async function probe(options: StackOptions, say: Say): Promise<Measured> {
  const seen: Seen[] = [];
  const load = loadavg()[0] ?? 0;
  say(`starting ${options.workers} canaryd and what it works with ...`);
  const stack = await startStack(options, (one) => seen.push(one));
  try {
    return { ...(await measure(stack, options, seen, say)), load };
  } catch (error) {
    say(stack.lastWords());
    throw error;
  } finally {
    await stack.close();
  }
}

async function measure(
  stack: Stack,
  options: StackOptions,
  seen: Seen[],
  say: Say,
): Promise<Omit<Measured, 'load'>> {
  const fleet = fleetOf(options.rollouts);
  const breaching = breachingOf(fleet);
  const begun = Date.now();
  await createAll(stack, fleet, options.seconds);
  const createSeconds = (Date.now() - begun) / 1000;
  say(`${fleet.length} rollouts were created in ${createSeconds.toFixed(0)} s`);
  await untilChanged(stack, fleet.map(keyOf), () => true);
  say(`every rollout is on its way: measuring for ${options.seconds} s`);
  seen.length = 0;
  const before = await snapshot(stack);
  await wait(breachAfterMs);
  const breachedAt = await stack.prometheus.breach();
  await wait(options.seconds * 1000 - breachAfterMs);
  const after = await snapshot(stack);
  const measured = seen.splice(0);
  const isBack = (change: WeightChange) => change.at >= breachedAt && change.weight === 0;
  const changes = await untilChanged(stack, breaching.map(keyOf), isBack);
  await untilEnded(stack, breaching.length);
  const back = changes.filter(isBack).map(({ at }) => at - breachedAt);
  const stretch = { from: before.at, to: after.at };
  const standings = await stack.storage.standings();
  const { count, late } = turnsIn(measured, stretch);
  return {
    rollouts: fleet.length,
    namespaces: new Set(fleet.map(({ namespace }) => namespace)).size,
    workers: options.workers,
    seconds: (after.at - before.at) / 1000,
    createSeconds,
    turns: count,
    late: spreadOf(late),
    took: tookIn(measured),
    busyMs: Math.max(0, ...measured.map(({ busyMs }) => busyMs)),
    breachToPatch: spreadOf(back),
    peakMegabytes: (stack.pids['canaryd'] ?? []).map(peakMegabytesOf),
    counts: risenIn(before.counts, after.counts),
    cpuSeconds: risen(before.cpuSeconds, after.cpuSeconds),
    faults: faultsIn({ fleet, breaching, standings, changes, ...stretch }),
  };
}

/** All changes of weights, once each of these services had one that counts, or patience is over. */
async function untilChanged(
  { mesh }: Stack,
  keys: string[],
  counts: (change: WeightChange) => boolean,
): Promise<WeightChange[]> {
  const until = Date.now() + patienceMs;
  for (;;) {
    const changes = await mesh.changesAfter(0);
    const changed = new Set(changes.filter(counts).map(keyOf));
    if (keys.every((key) => changed.has(key)) || Date.now() > until) return changes;
    await wait(1000);
  }
}

/** The end is written down a moment after the weight is. */
async function untilEnded({ storage }: Stack, wanted: number): Promise<void> {
  for (let left = 10; left > 0; left -= 1) {
    const ended = (await storage.standings()).filter(({ status }) => status === 'rolled_back');
    if (ended.length >= wanted) return;
    await wait(500);
  }
}

type Snapshot = { at: number; counts: Record<string, Counts>; cpuSeconds: Record<string, number> };

async function snapshot({ storage, mesh, prometheus, pids }: Stack): Promise<Snapshot> {
  const [database, redis, kubernetes, queries] = await Promise.all([
    storage.databaseCounts(),
    storage.redisCounts(),
    mesh.counts(),
    prometheus.counts(),
  ]);
  const cpu = Object.entries(pids).map(
    ([part, ids]) => [part, ids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0)] as const,
  );
  // Everything that was started is below this process and counted by itself.
  const { user, system } = process.cpuUsage();
  return {
    at: Date.now(),
    counts: { PostgreSQL: database, Redis: redis, Prometheus: queries, Kubernetes: kubernetes },
    cpuSeconds: { ...Object.fromEntries(cpu), 'this benchmark': (user + system) / 1e6 },
  };
}

function risenIn(before: Snapshot['counts'], after: Snapshot['counts']): Snapshot['counts'] {
  const parts = Object.entries(after);
  return Object.fromEntries(parts.map(([part, counts]) => [part, risen(before[part] ?? {}, counts)]));
}

function tookIn(seen: Seen[]): Record<string, Spread> {
  const parts = [...new Set(seen.flatMap(({ took }) => Object.keys(took)))];
  const spreads = parts.map(
    (part) => [part, spreadOf(seen.flatMap(({ took }) => took[part] ?? []))] as const,
  );
  return Object.fromEntries(spreads.flatMap(([part, spread]) => (spread === null ? [] : [[part, spread]])));
}
