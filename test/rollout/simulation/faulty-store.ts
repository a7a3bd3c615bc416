import { AppError } from '../../../src/errors.ts';
import type { Store } from '../../../src/rollout/ports/store.ts';
import { isScheduled } from '../../../src/rollout/rollout.ts';
import { frozen, type Turn } from './logbook.ts';
import { current, movesKnown, type World, where } from './world.ts';

/** What a turn of one worker has so far; its claim brings it into being. */
export type Under = { owner: string; turn: Turn | null };

/**
 * The store as one turn sees it. Both sides of every call are places to stop at: before it happened, and before its
 * answer is known. What a turn is given is frozen, so that a decision that changes it is a fault.
 */
export function faultyStore(world: World, under: Under): Store {
  const { store: inner, protections, clock } = world;
  const around = async <T>(label: string, call: () => Promise<T>): Promise<T> =>
    throughDatabase(world, under, label, call);
  const trusted = <T extends { now: number }>(answer: T): T =>
    protections.ownClock === true ? { ...answer, now: processClock(world, under.owner) } : answer;

  const claim: Store['claim'] = async (id, worker, leaseSeconds) => {
    const claimed = await inner.claim(id, worker, leaseSeconds);
    if (claimed === null || isScheduled(claimed.rollout)) return null;
    const { epoch, rollout: before } = claimed;
    const { order } = world.now;
    const forwardMs = world.forward.ms(clock.now);
    const known = { order, forwardMs, moves: movesKnown(world.logbook) };
    const turn = {
      epoch,
      at: clock.now,
      before: frozen(before),
      looks: [],
      oldLooks: [],
      saved: [],
      isCutOff: false,
    };
    under.turn = { ...turn, ...known };
    world.logbook.turns.set(epoch, under.turn);
    return trusted({ ...claimed, order: protections.killSwitch === false ? null : order });
  };
  const save: Store['save'] = async (id, epoch, change) => {
    const before = current(world);
    if (isScheduled(change.rollout)) throw new Error('nothing is scheduled here');
    const after = protections.tamper?.(change.rollout, before) ?? change.rollout;
    const saved = await inner.save(id, epoch, { ...change, rollout: after });
    if (saved.kind !== 'saved') return saved;
    const { turn } = under;
    if (turn !== null) remember(world, turn, change.raiseTo);
    turn?.saved.push(after);
    const moves = turn?.moves ?? movesKnown(world.logbook);
    world.logbook.changes.push({ before, after, by: 'turn', turn, share: world.mesh.shareOf(where), moves });
    return trusted(saved);
  };
  return {
    claim: (id, worker, leaseSeconds) => around('claim', () => claim(id, worker, leaseSeconds)),
    save: (id, epoch, change) => around('save', () => save(id, epoch, change)),
    namesakes: (name) => inner.namesakes(name),
    fail: (id, epoch, judge) => around('fail', () => inner.fail(id, epoch, judge)),
    due: (limit, except) => around('due', () => inner.due(limit, except)),
    now: () => around('now', async () => trusted({ now: await inner.now() }).now),
  };
}

/** A turn that takes a higher epoch writes under that one. */
function remember({ logbook }: World, turn: Turn, raiseTo: number | undefined): void {
  if (raiseTo !== undefined) logbook.turns.set(raiseTo, turn);
}

/** What the clock of this worker's own process shows, in ms. */
export function processClock({ clock, skews, protections }: World, owner: string): number {
  if (protections.skew === false) return clock.now;
  const [worker = ''] = owner.split('.');
  return clock.now + (skews.get(worker) ?? 0);
}

export function isDatabaseDown({ now, clock }: World): boolean {
  return clock.now < now.databaseDownUntil;
}

async function throughDatabase<T>(
  world: World,
  under: Under,
  label: string,
  call: () => Promise<T>,
): Promise<T> {
  const { schedule, random } = world;
  await schedule.pass(under.owner, `before ${label}`);
  const isLost = isDatabaseDown(world);
  // A failover may lose a commit's answer as well as the commit.
  const kind = random() < 0.3 ? 'lostAfterCommit' : 'lostBeforeCommit';
  const answer = isLost && kind === 'lostBeforeCommit' ? null : { value: await call() };
  if (isLost || answer === null) {
    world.faults.count(kind);
    if (under.turn !== null) under.turn.isCutOff = true;
    await schedule.pass(
      under.owner,
      `no database: ${label} ${kind === 'lostBeforeCommit' ? 'lost' : 'done'}`,
    );
    throw new AppError('databaseUnavailable', 'the simulated database is failing over');
  }
  await schedule.pass(under.owner, `after ${label}`);
  return answer.value;
}
