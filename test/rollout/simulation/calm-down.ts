import { hasEnded, type Rollout } from '../../../src/rollout/rollout.ts';
import { mood } from '../../fakes/metrics.ts';
import { createAnew, pullOrLift, putBack, say } from './hands.ts';
import { hasNoWayBack } from './invariants.ts';
import { helpfulWord } from './people.ts';
import { startTurn } from './turns.ts';
import { current, observe, showPods, type World, where } from './world.ts';

/**
 * Faults end, except that a deaf run stays deaf: what is on its way arrives, one worker sweeps, and the rollout must
 * come to its end. In some runs the canary fails instead and nobody helps: its traffic must go all the same.
 */
export async function calmDown(world: World, turnsBad: boolean): Promise<void> {
  const { faults, schedule, metrics, mesh, clock, now, oneOf } = world;
  faults.end();
  schedule.crash('alarm');
  now.databaseDownUntil = 0;
  now.isFlapping = false;
  metrics.set('canary', turnsBad ? mood.failing : mood.healthy);
  metrics.set('stable', mood.healthy);
  // What was deleted stays away in some runs: nobody may wait for it for ever.
  if (mesh.at(where) === null && oneOf([true, false])) createAnew(world, 0);
  for (let round = 0; round < 4000; round += 1) {
    await drain(world);
    if (isOver(world, turnsBad)) break;
    if (!turnsBad) await help(world);
    clock.pass(sweepMs(world));
    startTurn(world, 'w1');
    await schedule.settled();
  }
  await schedule.settled();
}

/** Where nobody helps, it is enough that no user is left on the canary. */
function isOver(world: World, turnsBad: boolean): boolean {
  const { state, traffic } = current(world);
  const isPreviewed = world.mesh.at(where)?.managedRoutes.includes('header') === true;
  const isServed = world.mesh.shareOf(where) > 0 || isPreviewed;
  const isLeft = !isServed && traffic.intent === null && state.kind !== 'running';
  return hasEnded(current(world)) || (turnsBad && (isLeft || hasNoWayBack(state)));
}

async function help(world: World): Promise<void> {
  const { now, arms, oneOf } = world;
  const { stable, canary } = arms;
  const rollout: Rollout = current(world);
  const { state } = rollout;
  if (now.order !== null) pullOrLift(world);
  canary.settle();
  putBack(world);
  // A handover waits for as long as somebody wants it to go on.
  if (state.kind === 'handingOver' && stable.build() !== canary.build()) stable.release(canary.build());
  // Whoever is told that stable's new images stand in the way of a rollback takes them back.
  if (state.kind === 'rollingBack' && state.stuck?.kind === 'stableCarries') stable.release('v1');
  stable.settle();
  showPods(world);
  const word = helpfulWord(rollout, oneOf);
  if (word !== null) await say(world, word);
}

/** Nothing is promoted without an answer: a deaf run waits for its deadline. */
function sweepMs({ now }: World): number {
  return now.isDeaf ? 60_000 : 5000;
}

/** Lets everything that is on its way arrive, however long it takes. */
async function drain(world: World): Promise<void> {
  const { schedule, clock } = world;
  while (!schedule.isIdle()) {
    const isOpened = await schedule.openOne();
    if (!isOpened) clock.pass(Math.min(schedule.nextAt(), clock.nextDeadline()) - clock.now);
    observe(world);
  }
}
