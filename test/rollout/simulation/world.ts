import type { Plan } from '../../../src/rollout/plan.ts';
import type { HoldOrder } from '../../../src/rollout/ports/store.ts';
import { newRollout, type Rollout } from '../../../src/rollout/rollout.ts';
import { type FakeMesh, fakeMesh } from '../../fakes/mesh.ts';
import { type FakeMetrics, fakeMetrics } from '../../fakes/metrics.ts';
import { paymentTarget, rolloutId, start } from '../../fakes/rollouts.ts';
import { type MemoryStore, memoryStore } from '../../fakes/store.ts';
import type { Seen } from './evidence.ts';
import { type Faults, faultsOf } from './faults.ts';
import { forwardClock } from './forward-clock.ts';
import { emptyLogbook, type Logbook } from './logbook.ts';
import { alice, type Choose } from './people.ts';
import { planFor } from './plans.ts';
import { imagesIn, readinessIn, workload } from './pods.ts';
import type { Protections } from './protections.ts';
import { type Random, randomFrom, type Scheduler, scheduler } from './scheduler.ts';
import { type SimulatedClock, simulatedClock } from './simulated-clock.ts';

export const where = { namespace: 'payment-prod', virtualService: 'payment-service' };
export const id = rolloutId(1);
export const workers = ['w1', 'w2', 'w3'];

/** One rollout and everything around it. The seed fixes every choice, by one stream of numbers. */
export type World = {
  protections: Protections;
  random: Random;
  oneOf: Choose;
  clock: SimulatedClock;
  schedule: Scheduler;
  faults: Faults;
  mesh: FakeMesh;
  store: MemoryStore;
  metrics: FakeMetrics;
  arms: Record<'stable' | 'canary', ReturnType<typeof workload>>;
  plan: Plan;
  /** As it was asked for. */
  asked: Rollout;
  logbook: Logbook;
  forward: ReturnType<typeof forwardClock>;
  seen: Seen[];
  /** What changes in the course of a run. */
  now: {
    order: HoldOrder | null;
    turns: number;
    lives: number;
    /** No answer to a patch comes back any more. */
    isDeaf: boolean;
    /** Until when the database answers nothing. */
    databaseDownUntil: number;
    /** The canary answers well and badly in turns. */
    isFlapping: boolean;
  };
  /** How far each worker's own clock is off, in ms. */
  skews: Map<string, number>;
};

/** A world at rest, with one rollout that was just asked for. */
export async function worldOf(seed: number, protections: Protections): Promise<World> {
  const random = randomFrom(seed);
  const clock = simulatedClock(start);
  const plan = planFor(protections.plan ?? random());
  const faults = faultsOf(random, protections.isPlain === true);
  const mesh = fakeMesh({
    resourceVersion: protections.resourceVersion ?? true,
    closingWrite: protections.closingWrite ?? true,
  });
  mesh.add(where);
  const metrics = fakeMetrics();
  metrics.divideBy(() => mesh.shareOf(where));
  const target = { ...paymentTarget, uid: mesh.at(where)?.uid ?? '' };
  const world: World = {
    protections,
    random,
    oneOf: choiceBy(random),
    clock,
    schedule: scheduler(random, clock),
    faults,
    mesh,
    store: memoryStore({ now: () => clock.now, fence: protections.fence ?? true }),
    metrics,
    arms: { stable: workload('v1'), canary: workload('v2') },
    plan,
    asked: newRollout({ id, target, plan, requestedBy: alice, reason: null }, 1, start),
    logbook: emptyLogbook(),
    forward: forwardClock(start),
    seen: [],
    now: { order: null, turns: 0, lives: 0, isDeaf: false, databaseDownUntil: 0, isFlapping: false },
    skews: new Map(workers.map((worker) => [worker, skewBy(random)])),
  };
  await world.store.create(world.asked, [], null);
  showPods(world);
  return world;
}

/** The rollout as it was last written down. */
export function current({ logbook, asked }: World): Rollout {
  return logbook.changes.at(-1)?.after ?? asked;
}

/** The canary's share now, and what was written down; called after every deed. */
export function observe(world: World): void {
  const { forward, clock, seen, mesh, logbook, schedule } = world;
  const rollout = current(world);
  forward.see(rollout.state, clock.now);
  const share = mesh.shareOf(where);
  const last = seen.at(-1);
  if (last?.rollout.state.kind !== rollout.state.kind) schedule.note(`= ${rollout.state.kind}`);
  if (last !== undefined && last.share !== share) schedule.note(`= ${last.share} % became ${share} %`);
  const moves = logbook.moves.length;
  seen.push({ rollout, share, moves, isMovedSince: moves > movesKnown(logbook) });
}

/** How many moves by other hands the last turn knew of that was written down. */
export function movesKnown({ changes }: Logbook): number {
  return changes.at(-1)?.moves ?? 0;
}

/** The mesh shows the pods as they are, and a new kind of canary goes into the logbook. */
export function showPods({ arms, mesh, logbook, clock }: World): void {
  if (mesh.at(where) !== null) {
    for (const [arm, subset] of [
      ['stable', 'v1'],
      ['canary', 'v2'],
    ] as const) {
      const pods = arms[arm].pods();
      mesh.setImages(where, subset, imagesIn(pods));
      mesh.setReadiness(where, subset, readinessIn(pods));
    }
  }
  for (const { template, ready } of arms.canary.pods()) {
    const isNew = ready && !logbook.redeployments.some((one) => one.template === template);
    if (isNew) logbook.redeployments.push({ at: clock.now, template });
  }
}

function choiceBy(random: Random): Choose {
  return (things) => {
    const thing = things[Math.floor(random() * things.length)];
    if (thing === undefined) throw new Error('nothing to choose from');
    return thing;
  };
}

const hour = 3_600_000;

/** A third of all clocks are right, the others off by anything up to an hour. */
function skewBy(random: Random): number {
  const dice = random();
  if (dice < 0.33) return 0;
  return Math.round((random() - 0.5) * (dice < 0.66 ? 20_000 : 2 * hour));
}
