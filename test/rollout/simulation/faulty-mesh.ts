import {
  type Mesh,
  type MeshFailure,
  type MeshView,
  recentBehindStaleSeconds,
  type SplitView,
  type WriteOutcome,
} from '../../../src/rollout/ports/mesh.ts';
import type { FaultKind } from './faults.ts';
import type { Under } from './faulty-store.ts';
import { frozen, type Look } from './logbook.ts';
import { type World, where } from './world.ts';

type Write = Parameters<Mesh['write']>;

/** Longest time that a request or its answer is under way, in ms of simulated time. */
const longestWayMs = 3000;
const unlimited = new AbortController().signal;

/** The mesh as one turn sees it, through a network that is slow, loses answers and delivers what was given up. */
export function faultyMesh(world: World, under: Under, meanwhile: () => Promise<void>): Mesh {
  return {
    ...world.mesh,
    look: async (target, signal, options) =>
      (options?.recent === true ? toldBefore(world, under) : null) ??
      look(world, under, () => world.mesh.look(target, unlimited), signal),
    async write(...asked) {
      if (world.faults.areOver() || world.random() >= 0.15) return patch(world, under, asked);
      return abandoned(world, under, asked, meanwhile);
    },
  };
}

/** What a watch told that broke without a sound: anything up to the age that it may have. */
function toldBefore({ faults, logbook, clock, oneOf }: World, { turn }: Under): MeshView | null {
  const since = clock.now - recentBehindStaleSeconds * 1000;
  const told = logbook.heard.filter(({ at, view }) => at >= since && view.kind === 'split');
  if (told.length === 0 || !faults.strikes('oldView', 0.4)) return null;
  const { view, stood, moves } = oneOf(told);
  turn?.oldLooks.push(stood);
  if (turn !== null) turn.moves = moves;
  return view.kind === 'split' ? frozen({ ...view, recent: true as const }) : null;
}

async function look(
  world: World,
  under: Under,
  read: () => Promise<MeshView>,
  signal: AbortSignal,
): Promise<MeshView> {
  const travel = (label: string) => underWay(world, under, { label, signal, slow: 'slowLook' });
  if (!(await travel('look'))) return timeout;
  const refusal = refusalOf(world, 0.05, readRefusals);
  if (refusal !== null) return refused(world, refusal);
  const stood = standing(world);
  const moves = world.logbook.moves.length;
  const view = await read();
  if (world.faults.has('slowLook') && !(await travel('seen'))) return timeout;
  if (under.turn !== null) under.turn.moves = moves;
  under.turn?.looks.push(stood);
  const { blindTo } = world.protections;
  const shown =
    view.kind !== 'split' || blindTo === undefined
      ? view
      : { ...view, images: { ...view.images, [blindTo]: asAtTheStart[blindTo] } };
  world.logbook.heard.push({ at: stood.at, view: frozen(shown), stood, moves });
  return shown;
}

async function patch(world: World, under: Under, asked: Write): Promise<WriteOutcome> {
  const [, , { share, epoch }, signal] = asked;
  const { faults, now } = world;
  const travel = (label: string) => underWay(world, under, { label, signal, slow: 'slowPatch' });
  if (!(await travel(`patch ${share} %, epoch ${epoch}`))) {
    postpone(world, under, asked);
    return noAnswer;
  }
  const refusal = refusalOf(world, 0.1, patchRefusals);
  if (refusal !== null) return refusedPatch(world, refusal, asked);
  const outcome = await land(world, under, asked);
  if (faults.strikes('reset', 0.04)) return { kind: 'ambiguous', why: 'the connection was reset' };
  if (!(await travel(`answer ${outcome.kind}`))) return noAnswer;
  return now.isDeaf ? { kind: 'ambiguous', why: 'the API server is slow' } : outcome;
}

const timeout: MeshFailure = { kind: 'unavailable', reason: 'timeout', why: 'the time for the call was up' };
const noAnswer: WriteOutcome = { kind: 'ambiguous', why: 'no answer' };

type Travel = { label: string; signal: AbortSignal; slow: 'slowLook' | 'slowPatch' };

/** One way of a call; false when its deadline came first. */
async function underWay(world: World, { owner }: Under, { label, signal, slow }: Travel): Promise<boolean> {
  const { clock, faults, random, schedule } = world;
  const hangs = faults.strikes('hang', 0.01);
  const isSlow = !hangs && faults.strikes(slow, 0.08);
  const ms = isSlow ? Math.floor(random() * longestWayMs) : 0;
  await schedule.pass(owner, label, { at: hangs ? Number.POSITIVE_INFINITY : clock.now + ms, signal });
  if (!signal.aborted) return true;
  await schedule.pass(owner, `gave up: ${label}`);
  return false;
}

/** The worker gives up waiting while its request is still on its way: it lands whenever it lands, or never. */
async function abandoned(
  world: World,
  under: Under,
  asked: Write,
  meanwhile: () => Promise<void>,
): Promise<WriteOutcome> {
  postpone(world, under, asked);
  // People intervene when nothing seems to happen, which is when it hurts most.
  if (world.random() < 0.3) await meanwhile();
  await world.schedule.pass(under.owner, 'no answer');
  return noAnswer;
}

function postpone(world: World, under: Under, asked: Write): void {
  const { faults, schedule, random } = world;
  const isLost = random() < 0.3;
  faults.count(isLost ? 'lostPatch' : 'latePatch');
  if (isLost) return;
  const [, , { share, epoch }] = asked;
  void schedule
    .pass('network', `late patch of ${under.owner}: ${share} %, epoch ${epoch}`)
    .then(() => land(world, under, asked));
}

/** The patch reaches the API server. */
async function land(world: World, { turn }: Under, [target, view, write]: Write): Promise<WriteOutcome> {
  const { mesh, logbook, clock } = world;
  const before = { from: mesh.shareOf(where), count: mesh.writes(where).length };
  const moves = logbook.moves.length;
  const outcome = await mesh.write(target, view, write, unlimited);
  if (mesh.writes(where).length > before.count) {
    const { share, epoch } = write;
    const uid = mesh.at(where)?.uid ?? '';
    logbook.writes.push({ at: clock.now, share, from: before.from, epoch, moves, uid });
    if (turn !== null) turn.moves = moves;
  }
  return outcome;
}

const refusals = [
  'conflict409',
  'invalid422',
  'serverError500',
  'denied400',
  'throttled429',
  'unauthorized401',
  'forbidden403',
] as const satisfies FaultKind[];
type Refusal = (typeof refusals)[number];

/** Somebody else who writes is the most common of them. */
const patchRefusals = [...refusals, 'conflict409', 'conflict409'] as const satisfies Refusal[];
const readRefusals = refusals.filter((refusal) => refusal !== 'conflict409');

function refusalOf(
  { faults, random, oneOf }: World,
  chance: number,
  among: readonly Refusal[],
): Refusal | null {
  if (!faults.has('conflict409') || random() >= chance) return null;
  return oneOf([...among]);
}

const reasons = {
  conflict409: 'serverError',
  invalid422: 'invalid',
  serverError500: 'serverError',
  denied400: 'denied',
  throttled429: 'throttled',
  unauthorized401: 'unauthorized',
  forbidden403: 'forbidden',
} as const satisfies Record<Refusal, MeshFailure['reason']>;

function refused({ faults, schedule }: World, refusal: Refusal): MeshFailure {
  faults.count(refusal);
  schedule.note(`API server: ${refusal}`);
  return { kind: 'unavailable', reason: reasons[refusal], why: `the API server answered ${refusal}` };
}

/** As the adapter reads it: a 409 is a conflict, and after a 5xx the write may stand all the same. */
async function refusedPatch(world: World, refusal: Refusal, asked: Write): Promise<WriteOutcome> {
  const failure = refused(world, refusal);
  if (refusal === 'conflict409') return { kind: 'conflict' };
  if (refusal !== 'serverError500') return failure;
  if (world.random() < 0.5) await land(world, { owner: 'network', turn: null }, asked);
  return { kind: 'ambiguous', why: failure.why };
}

function standing({ arms, clock, mesh }: World): Look {
  const isMissing = mesh.at(where) === null;
  return { at: clock.now, stable: arms.stable.pods(), canary: arms.canary.pods(), isMissing };
}

const asAtTheStart: SplitView['images'] = {
  stable: { kind: 'known', pods: [{ templateHash: 'v1-1', ready: true, digests: { app: 'sha256:v1' } }] },
  canary: { kind: 'known', pods: [{ templateHash: 'v2-1', ready: true, digests: { app: 'sha256:v2' } }] },
};
