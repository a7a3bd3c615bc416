import type { StepType } from '../../../src/rollout/plan-parts.ts';
import { type Rollout, stepAt } from '../../../src/rollout/rollout.ts';
import { positionOf } from '../../../src/rollout/state.ts';
import { calmDown } from './calm-down.ts';
import { step } from './deeds.ts';
import type { Seen, Violation } from './evidence.ts';
import type { Tally } from './faults.ts';
import { processClock } from './faulty-store.ts';
import { judgeRun } from './invariants.ts';
import { withProcessClock } from './process-clock.ts';
import type { Protections } from './protections.ts';
import { current, id, observe, type World, where, worldOf } from './world.ts';

export type RunResult = {
  seed: number;
  violations: Violation[];
  trace: string[];
  turns: number;
  /** Patches that the mesh took. */
  writes: number;
  faults: Tally;
  /** The kinds of step that the rollout stood at. */
  steps: StepType[];
  rollout: Rollout;
  /** True when no answer to a patch came back any more, to the very end. */
  isDeaf: boolean;
};

const deeds = 360;

/**
 * One rollout, several workers, and everything that may go wrong between two awaits: a worker stops there for ever,
 * or for longer than its lease; a call takes seconds, hangs, is refused, or is answered late, or never and lands all
 * the same; the database fails over, the provider lies, alarms ring twice or not at all, each process has a clock of
 * its own; others edit, delete and create the VirtualService; people intervene, approve what they should not, stop
 * everything, and release either version anew. The seed fixes every choice, so a seed replays a run exactly.
 */
export async function simulate(seed: number, protections: Protections = {}): Promise<RunResult> {
  const world = await worldOf(seed, protections);
  const deafFrom = world.random() < 0.15 ? Math.floor(world.random() * deeds) : Number.POSITIVE_INFINITY;
  const turnsBad = world.random() < 0.2;
  const clock = {
    read: () => processClock(world, world.schedule.running()),
    onRead: (place: string) => world.logbook.clockReads.push(place),
  };
  await withProcessClock(clock, async () => {
    for (let deed = 0; deed < deeds; deed += 1) {
      world.now.isDeaf = deed >= deafFrom;
      await step(world);
      observe(world);
    }
    await calmDown(world, turnsBad);
  });
  return resultOf(world, seed, turnsBad);
}

async function resultOf(world: World, seed: number, turnsBad: boolean): Promise<RunResult> {
  const { schedule, store, mesh, seen, logbook, now, faults } = world;
  await schedule.settled();
  const last = current(world);
  const rows = await store.events(id, 0, 10_000);
  const stands = { share: mesh.shareOf(where), managedRoutes: mesh.at(where)?.managedRoutes ?? [] };
  const violations = judgeRun({ seen, last, ...stands, rows, logbook, turnsBad });
  const { turns, isDeaf } = now;
  const counts = { turns, writes: logbook.writes.length, faults: faults.tally, steps: stepsIn(seen) };
  return { seed, violations, trace: schedule.trace, rollout: last, isDeaf, ...counts };
}

function stepsIn(seen: Seen[]): StepType[] {
  const steps = seen.flatMap(({ rollout }) => {
    const position = positionOf(rollout.state);
    return position === null ? [] : [stepAt(rollout, position).type];
  });
  return [...new Set(steps)];
}
