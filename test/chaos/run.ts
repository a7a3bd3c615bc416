import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { seededRandom } from '../../src/sandbox/random.ts';
import { type Evidence, gather } from './evidence.ts';
import { inject } from './inject.ts';
import { judgeEnd, judgeLeftBehind, judgeSoFar, type Violation } from './invariants.ts';
import { releaseAll } from './people.ts';
import type { Protection } from './protections.ts';
import { restore } from './restore.ts';
import { aimedAt, type Fault, scheduleOf } from './schedule.ts';
import type { World } from './world.ts';

/** `aim`: the protection whose gap the faults aim at; without one, everything fails in turn. */
export type RunOptions = {
  seed: number;
  seconds: number;
  without: Protection | null;
  aim: Protection | null;
};

export type Outcome = {
  /** How often each fault happened. */
  faults: Map<string, number>;
  /** How many rollouts there are in each status. */
  rollouts: Map<string, number>;
  turns: number;
  writes: number;
  seconds: number;
  violations: Violation[];
  /** All that is known of the rollouts that violations name. */
  histories: Evidence[];
};

/** Seconds that a turn may be late: while there are faults of all kinds, of one kind, and none. */
const lateSeconds = { amidFaults: 60, aimed: 10, calm: 30 } as const;
/** Milliseconds in which everything has to come to its end once there are no faults. */
const calmMs = 150_000;
const lookMs = 500;

/** Lets people release while faults happen, then waits until everything has ended. Ends at the first violation. */
export async function runChaos(world: World, options: RunOptions): Promise<Outcome> {
  const { seed, seconds, without, aim } = options;
  const began = await beginningOf(world);
  const calm = new AbortController();
  const faults = new Map<string, number>();
  world.fleet.without(without);
  const releasing = releaseAll(world, { seed, quiet: aim !== null, isOver: () => calm.signal.aborted });
  const schedule = aim === null ? scheduleOf(seed, seconds) : aimedAt(aim, seed, seconds);
  const injecting = injectAll(world, schedule, calm.signal, faults);
  const late = aim === null ? lateSeconds.amidFaults : lateSeconds.aimed;
  const early = await violationsWithin(seconds * 1000, () => lookAmidFaults(world, began, late));
  calm.abort();
  await injecting;
  const violations = early.length > 0 ? early : await calmDown(world, began);
  const evidence = await gather(world, began.at);
  const outcome = {
    faults,
    rollouts: counted(evidence.map(({ status }) => status)),
    turns: evidence.reduce((sum, { epoch }) => sum + epoch, 0),
    writes: world.writes.length - began.writes,
    seconds: Math.round(((await databaseNow(world)) - began.at) / 1000),
    violations,
    histories: evidence.filter(({ id }) => violations.some(({ rollout }) => rollout === id)),
  };
  if (violations.length > 0 || evidence.some(({ ended }) => !ended)) await restore(world);
  await releasing;
  return outcome;
}

/** What belongs to a run: rollouts that began since then, in ms, and what came after so many writes and deaths. */
type Beginning = { at: number; writes: number; deaths: number };

async function beginningOf(world: World): Promise<Beginning> {
  const { writes, fleet } = world;
  return { at: await databaseNow(world), writes: writes.length, deaths: fleet.deaths.length };
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
    const happened = inject[kind](world, seededRandom(seed), calm).catch(() => false);
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

async function lookAmidFaults(world: World, began: Beginning, late: number): Promise<Violation[]> {
  const evidence = await gather(world, began.at);
  return [...judgeSoFar(evidence), ...judgeLeftBehind(evidence, late), ...deathsIn(world, began)];
}

/** No more faults: everything has to come to its end, and nothing may be left behind. */
async function calmDown(world: World, before: Beginning): Promise<Violation[]> {
  const began = performance.now();
  for (;;) {
    await wait(lookMs);
    const evidence = await gather(world, before.at);
    const passedMs = performance.now() - began;
    const late = passedMs < lateSeconds.calm * 1000 ? lateSeconds.amidFaults : lateSeconds.calm;
    const found = [...judgeSoFar(evidence), ...judgeLeftBehind(evidence, late), ...deathsIn(world, before)];
    if (found.length > 0) return found;
    if (passedMs > calmMs || evidence.every(({ ended }) => ended)) return judgeEnd(evidence);
  }
}

function deathsIn({ fleet }: World, { deaths }: Beginning): Violation[] {
  return fleet.deaths
    .slice(deaths)
    .map((says) => ({ rollout: 'a worker', says: `ended by itself: ${says}` }));
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
