import { AppError } from '../../../src/errors.ts';
import { advance, type TurnDeps } from '../../../src/rollout/advance.ts';
import { darkSurroundings } from '../../fakes/surroundings.ts';
import { faultyMesh } from './faulty-mesh.ts';
import { faultyMetrics } from './faulty-metrics.ts';
import { faultyStore, type Under } from './faulty-store.ts';
import { sayAnything } from './hands.ts';
import { id, type World, workers } from './world.ts';

/** A worker begins a turn and goes on up to its first await. */
export function startTurn(world: World, worker: string): void {
  const { now, schedule, faults, skews, logbook } = world;
  now.lives += 1;
  now.turns += 1;
  const owner = `${worker}.${now.lives}`;
  if ((skews.get(worker) ?? 0) !== 0) faults.count('skewedClock');
  schedule.runAs(owner);
  advance(depsOf(world, { owner, turn: null }), id).catch((error: unknown) => {
    if (!isExpected(error)) logbook.errors.push(`${owner}: ${String(error)}`);
  });
}

/** Only a lost database may end a turn with an error. */
function isExpected(error: unknown): boolean {
  return error instanceof AppError && error.code === 'databaseUnavailable';
}

function depsOf(world: World, under: Under): TurnDeps {
  const { schedule, clock } = world;
  return {
    worker: under.owner,
    store: faultyStore(world, under),
    mesh: faultyMesh(world, under, () => sayAnything(world)),
    metrics: faultyMetrics(world, under),
    rest: (ms) => schedule.pass(under.owner, 'rest', { at: clock.now + ms }),
    surroundings: darkSurroundings(),
    alarm: { ring: (_id, at, now) => ring(world, under, at - now) },
    deadline: (ms) => clock.deadline(ms),
  };
}

/** An alarm knows only how long to wait: it rings at some worker, twice, late or never. */
async function ring(world: World, { owner }: Under, ms: number): Promise<void> {
  const { faults, schedule, random } = world;
  await schedule.pass(owner, 'ring');
  if (faults.areOver() || faults.strikes('alarmLost', 0.5)) return;
  setAlarm(world, ms + (faults.strikes('alarmLate', 0.2) ? Math.floor(random() * 20_000) : 0));
  if (faults.strikes('alarmTwice', 0.2)) setAlarm(world, ms);
}

function setAlarm(world: World, ms: number): void {
  const { schedule, clock, oneOf } = world;
  void schedule.pass('alarm', 'rings', { at: clock.now + ms }).then(() => startTurn(world, oneOf(workers)));
}
