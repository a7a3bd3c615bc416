import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { seededRandom } from '../../src/sandbox/random.ts';
import { gather } from './evidence.ts';
import { inject } from './inject.ts';
import { judgeEnd, judgeLeftBehind, judgeSoFar, type Violation } from './invariants.ts';
import { releaseAll } from './people.ts';
import type { Protection } from './protections.ts';
import { restore } from './restore.ts';
import { type Fault, scheduleOf } from './schedule.ts';
import type { World } from './world.ts';

export type RunOptions = { seed: number; seconds: number; without: Protection | null };

export type Outcome = {
  /** How often each fault happened. */
  faults: Map<string, number>;
  /** How many rollouts there are in each status. */
  rollouts: Map<string, number>;
  turns: number;
  writes: number;
  seconds: number;
  violations: Violation[];
};

/** Seconds that a turn may be late while there are faults, and once there are none. */
const lateSeconds = { amidFaults: 30, calm: 15 } as const;
/** Milliseconds in which everything has to come to its end once there are no faults. */
const calmMs = 90_000;
const lookMs = 500;

/** Lets people release while faults happen, then waits until everything has ended. Ends at the first violation. */
export async function runChaos(world: World, { seed, seconds, without }: RunOptions): Promise<Outcome> {
  const since = await databaseNow(world);
  const firstWrite = world.writes.length;
  const calm = new AbortController();
  const faults = new Map<string, number>();
  world.fleet.without(without);
  const releasing = releaseAll(world, seed, () => calm.signal.aborted);
  const injecting = injectAll(world, scheduleOf(seed, seconds), calm.signal, faults);
  const early = await violationsWithin(seconds * 1000, () => lookAmidFaults(world, since));
  calm.abort();
  await injecting;
  const violations = early.length > 0 ? early : await calmDown(world, since);
  const evidence = await gather(world, since);
  const outcome = {
    faults,
    rollouts: counted(evidence.map(({ status }) => status)),
    turns: evidence.reduce((sum, { epoch }) => sum + epoch, 0),
    writes: world.writes.length - firstWrite,
    seconds: Math.round(((await databaseNow(world)) - since) / 1000),
    violations,
  };
  if (violations.length > 0 || evidence.some(({ ended }) => !ended)) await restore(world);
  await releasing;
  return outcome;
}

async function injectAll(
  world: World,
  schedule: Fault[],
  calm: AbortSignal,
  counts: Map<string, number>,
): Promise<void> {
  const began = performance.now();
  const happening: Promise<void>[] = [];
  for (const { atMs, kind, seed } of schedule) {
    const early = Math.max(0, atMs - (performance.now() - began));
    await wait(early, undefined, { signal: calm }).catch(() => undefined);
    if (calm.aborted) break;
    const happened = inject[kind](world, seededRandom(seed)).catch(() => false);
    happening.push(
      happened.then((did) => {
        if (did) counts.set(kind, (counts.get(kind) ?? 0) + 1);
      }),
    );
  }
  await Promise.all(happening);
  world.sandbox.faults.nextPatch = null;
  world.sandbox.faults.releaseHeld();
}

async function violationsWithin(ms: number, look: () => Promise<Violation[]>): Promise<Violation[]> {
  const until = performance.now() + ms;
  while (performance.now() < until) {
    const found = await look();
    if (found.length > 0) return found;
    await wait(lookMs);
  }
  return [];
}

async function lookAmidFaults(world: World, since: number): Promise<Violation[]> {
  const evidence = await gather(world, since);
  return [...judgeSoFar(evidence), ...judgeLeftBehind(evidence, lateSeconds.amidFaults), ...deathsIn(world)];
}

/** No more faults: everything has to come to its end, and nothing may be left behind. */
async function calmDown(world: World, since: number): Promise<Violation[]> {
  const began = performance.now();
  for (;;) {
    await wait(lookMs);
    const evidence = await gather(world, since);
    const passedMs = performance.now() - began;
    const late = passedMs < lateSeconds.calm * 1000 ? lateSeconds.amidFaults : lateSeconds.calm;
    const found = [...judgeSoFar(evidence), ...judgeLeftBehind(evidence, late), ...deathsIn(world)];
    if (found.length > 0) return found;
    if (passedMs > calmMs || evidence.every(({ ended }) => ended)) return judgeEnd(evidence);
  }
}

function deathsIn({ fleet }: World): Violation[] {
  return fleet.deaths.map((says) => ({ rollout: 'a worker', says: `ended by itself: ${says}` }));
}

const Clock = z.object({ now: z.coerce.number() });

async function databaseNow({ db }: World): Promise<number> {
  const { rows } = await db.query('select floor(extract(epoch from clock_timestamp()) * 1000) as now');
  return Clock.parse(rows[0]).now;
}

function counted(names: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
