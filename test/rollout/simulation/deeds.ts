import { mood } from '../../fakes/metrics.ts';
import { isDatabaseDown } from './faulty-store.ts';
import { deleteOrCreate, editByAnotherHand, pullOrLift, redeploy, sayAnything } from './hands.ts';
import { startTurn } from './turns.ts';
import { type World, workers } from './world.ts';

type Deed = (world: World) => unknown;

const chances: [upTo: number, deed: Deed][] = [
  [0.7, ({ schedule }) => schedule.openOne()],
  [0.76, (world) => startTurn(world, world.oneOf(workers))],
  [0.875, passTime],
  [0.89, crashSomebody],
  [0.895, stopSomebody],
  [0.916, sayAnything],
  [0.935, changeMood],
  [0.942, pullOrLift],
  [0.966, redeploy],
  [0.985, editByAnotherHand],
  [0.99, deleteOrCreate],
  [1, failOver],
];
/** From here on a deed is somebody's doing, and not the course of things. */
const doings = 0.875;

/** One thing happens, chosen by the seed. */
export async function step(world: World): Promise<void> {
  const { random } = world;
  const dice = random();
  if (dice >= doings && isQuiet(world) && random() < 0.9) return;
  await chances.find(([upTo]) => dice < upTo)?.[1](world);
}

/** Much is left in peace at first, or few would ever come far. */
function isQuiet({ seen, plan }: World): boolean {
  const kind = seen.at(-1)?.rollout.state.kind ?? 'preflight';
  return plan.onSuccess === 'handover' ? kind !== 'handingOver' : kind === 'preflight';
}

function passTime({ clock, random }: World): void {
  clock.pass(Math.floor(random() * (random() < 0.15 ? 20_000 : 6000)));
}

function somebody({ schedule, oneOf }: World): string | null {
  const owners = schedule.ownersWaiting().filter((owner) => owner !== 'network' && owner !== 'alarm');
  return owners.length > 0 ? oneOf(owners) : null;
}

function crashSomebody(world: World): void {
  const owner = somebody(world);
  if (owner === null) return;
  world.faults.count('crash');
  world.schedule.crash(owner);
}

/** Longer than any lease. */
function stopSomebody(world: World): void {
  const owner = somebody(world);
  if (owner === null) return;
  world.faults.count('pausedWorker');
  world.schedule.stop(owner, world.clock.now + 15_000 + Math.floor(world.random() * 15_000));
}

function changeMood({ oneOf, random, metrics, faults, now, schedule }: World): void {
  now.isFlapping = random() < 0.1;
  if (now.isFlapping) {
    faults.count('flapping');
    return;
  }
  const kind = oneOf(['healthy', 'healthy', 'healthy', 'failing', 'unavailable', 'tooFew', 'none'] as const);
  const arm = random() < 0.1 ? 'stable' : 'canary';
  schedule.note(`${arm} is ${kind}`);
  metrics.set(arm, mood[kind]);
  if (kind === 'failing') faults.count('breach');
  if (kind === 'unavailable') faults.count('unavailable');
  if (kind === 'tooFew' || kind === 'none') faults.count('noTraffic');
}

function failOver(world: World): void {
  const { faults, clock, random, now, schedule } = world;
  if (!faults.has('lostBeforeCommit') || isDatabaseDown(world)) return;
  const ms = 2000 + Math.floor(random() * 20_000);
  schedule.note(`database fails over for ${ms / 1000} s`);
  now.databaseDownUntil = clock.now + ms;
}
