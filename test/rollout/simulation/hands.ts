import { pendingIn } from '../../../src/rollout/approval.ts';
import { obey } from '../../../src/rollout/obey.ts';
import { isScheduled } from '../../../src/rollout/rollout.ts';
import { isDatabaseDown } from './faulty-store.ts';
import { frozen } from './logbook.ts';
import { alice, anyWord, type Said } from './people.ts';
import { current, id, movesKnown, showPods, type World, where } from './world.ts';

/** Somebody says something, fitting or not. */
export function sayAnything(world: World): Promise<void> {
  world.faults.count('word');
  return say(world, anyWord(current(world), world.oneOf));
}

/** A word of a person, which nobody hears while there is no database. */
export async function say(world: World, { command: word, actor }: Said): Promise<void> {
  const { schedule, store, protections, logbook, clock, mesh } = world;
  schedule.note(`${actor.name}: ${word.action}`);
  if (isDatabaseDown(world)) return;
  await store.command(id, (before, now) => {
    if (isScheduled(before)) throw new Error('nothing is scheduled here');
    const obedience = obey(frozen(protections.mistake?.(before) ?? before), word, actor, now);
    if (obedience.kind !== 'obeyed') return { change: null, answer: null, remember: null };
    const after = obedience.decision.rollout;
    const at = clock.now;
    logbook.words.push({ at, command: word, actor, before, pending: pendingIn(before.approvals) });
    const seen = { share: mesh.shareOf(where), moves: movesKnown(logbook) };
    logbook.changes.push({ before, after, by: 'word', turn: null, ...seen });
    return { change: obedience.decision, answer: null, remember: null };
  });
}

/** A hold order is placed, or lifted. */
export function pullOrLift({ now, clock, forward, faults, schedule }: World): void {
  const scope = { cluster: null, namespace: null };
  if (now.order === null) faults.count('killSwitch');
  now.order = now.order === null ? { id: 'ho_1', ...scope, by: alice, reason: null, at: clock.now } : null;
  schedule.note(now.order === null ? 'hold order lifted' : 'hold order placed');
  forward.setStopped(now.order !== null, clock.now);
}

/** One step of somebody's release of either version. */
export function redeploy(world: World): void {
  const { arms, random, oneOf } = world;
  const dice = random();
  const isAwaited = current(world).state.kind === 'handingOver';
  const deed = redeployments(world, isAwaited).find(([upTo]) => dice < upTo);
  if (deed === undefined) oneOf([arms.stable, arms.canary]).rollOn(random() < 0.5);
  else deed[1]();
  showPods(world);
}

/** Stable follows the canary above all when it is waited for. */
function redeployments(
  { arms: { stable, canary }, random, faults, schedule }: World,
  isAwaited: boolean,
): [upTo: number, deed: () => void][] {
  const release = (kind: 'canaryReleased' | 'stableReleased', build: string) => {
    faults.count(kind);
    schedule.note(`${kind}: ${build}`);
    (kind === 'canaryReleased' ? canary : stable).release(build);
  };
  return [
    [0.1, () => release('canaryReleased', `v${3 + Math.floor(random() * 3)}`)],
    [0.2, () => release('canaryReleased', canary.build())],
    [isAwaited ? 0.6 : 0.35, () => release('stableReleased', canary.build())],
    [isAwaited ? 0.65 : 0.4, () => release('stableReleased', 'v1')],
  ];
}

/** Shares that no plan asks for, so that nobody takes them for canaryd's. */
const foreignShares = [1, 13, 37, 61, 99];

/** Another writer edits the VirtualService: something that is no weight, or the weights. */
export function editByAnotherHand(world: World): void {
  const { mesh, random, faults, oneOf } = world;
  if (mesh.at(where) === null || !faults.has('unmanagedEdit')) return;
  if (random() < 0.6) {
    faults.count('unmanagedEdit');
    mesh.touchByAnotherHand(where);
    return;
  }
  const dice = random();
  if (dice < 0.1) {
    breakGlass(world);
    return;
  }
  if (dice < 0.2) {
    faults.count('removedDestination');
    moved(world, () => mesh.removeDestination(where, oneOf(['v1', 'v2'])));
    return;
  }
  if (dice < 0.3) {
    faults.count('managedRoutes');
    const routes = oneOf([[], ['header'], ['mirror'], ['header', 'mine']]);
    moved(world, () => mesh.setManagedRoutes(where, routes), true);
    return;
  }
  const from = mesh.shareOf(where);
  const to = oneOf(random() < 0.2 ? [0, 100] : foreignShares);
  if (to === from) return;
  faults.count(to > from ? 'driftUp' : 'driftDown');
  moved(world, () => mesh.moveByAnotherHand(where, to));
}

/** Somebody takes the canary's traffic with kube access alone, and leaves word whose it was. */
function breakGlass(world: World): void {
  const { mesh, faults, logbook } = world;
  const before = mesh.at(where);
  if (before === null || !('v1' in before.shares) || !('v2' in before.shares)) return;
  faults.count('brokenGlass');
  moved(world, () => mesh.breakGlass(where));
  if (before.owner?.rolloutId === id) logbook.glass.push({ uid: before.uid, writes: logbook.writes.length });
}

/** Destinations that are gone are put back, with nothing for the canary where it is the one that was gone. */
export function putBack(world: World): void {
  const { mesh } = world;
  const { shares = {} } = mesh.at(where) ?? {};
  if (mesh.at(where) === null || ('v1' in shares && 'v2' in shares)) return;
  const canary = shares['v2'] ?? 0;
  moved(world, () => mesh.setShares(where, { v1: 100 - canary, v2: canary }));
}

/** The object is deleted, or created anew with a new uid: at rest, or as it stood. */
export function deleteOrCreate(world: World): void {
  const { mesh, faults, random, oneOf } = world;
  if (!faults.has('deleted')) return;
  const share = oneOf([0, 0, 37]);
  if (mesh.at(where) === null) {
    createAnew(world, share);
    return;
  }
  faults.count('deleted');
  moved(world, () => mesh.delete(where));
  // Most tools delete and create in one go.
  if (random() < 0.6) createAnew(world, share);
}

export function createAnew(world: World, share: number): void {
  world.faults.count('createdAnew');
  moved(world, () => world.mesh.recreate(where, { v1: 100 - share, v2: share }));
  showPods(world);
}

function moved({ mesh, logbook, clock, schedule }: World, deed: () => void, isRouted = false): void {
  const from = mesh.shareOf(where);
  deed();
  const to = mesh.shareOf(where);
  const what = mesh.at(where) === null ? 'deleted' : (mesh.at(where)?.uid ?? '');
  schedule.note(`another hand: ${from} % to ${to} % (${what})`);
  if (from !== to || isRouted) logbook.moves.push({ at: clock.now, from, to });
}
