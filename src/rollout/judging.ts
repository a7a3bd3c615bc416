import {
  type ArmCounters,
  atBounds,
  type Counted as CountedArm,
  type Counters,
  countedSince,
  type History,
  type KnownArm,
} from '../analysis/counters.ts';
import type { JudgeState } from '../analysis/sequential/state.ts';
import { verdictOf } from '../analysis/sequential/verdict-of.ts';
import { withPoll } from '../analysis/sequential/with-poll.ts';
import { acknowledgedIn } from './acknowledged.ts';
import { asksNothing, type Facts } from './evidence.ts';
import type { JudgeMemory } from './judge-memory.ts';
import { type CountedPoll, firstLook, openedWith } from './judge-opening.ts';
import { judgeSettingsOf } from './judge-settings.ts';
import { judgedTarget } from './judged-target.ts';
import { isShareObservable } from './managed.ts';
import { watchedSeconds } from './plan-parts.ts';
import { begunAt, type Rollout, stepAt } from './rollout.ts';
import { positionOf } from './state.ts';
import type { Millis, Share } from './units.ts';
import { isTaken } from './uptake.ts';

/** How far back stable is looked at before the canary gets requests, in seconds. */
const historySeconds = 1800;
/** True for a rollout that the sequential judge decides on. */
export function isSequential(rollout: Pick<Rollout, 'plan'>): boolean {
  return rollout.plan.judge === 'sequential' && !asksNothing(rollout);
}

/** What a poll asks for the judge; nothing where it does not judge. */
export function judgeAsks(rollout: Rollout): { judged?: { historySeconds: number } } {
  if (!isSequential(rollout)) return {};
  const memory = memoryOf(rollout);
  const isOpen = memory !== null && memory.state !== null && !memory.isRebounded;
  return { judged: { historySeconds: isOpen ? 0 : historySeconds } };
}

/** While the canary has no traffic only what was read before it had any is of use. */
export function restingJudge({ watch: { judge } }: Rollout): JudgeMemory | null {
  return judge?.verdict === null ? judge : null;
}

type Asked = Pick<
  Facts,
  'share' | 'isPreviewed' | 'isUneven' | 'stableHasOtherRoutes' | 'canaryHasOtherRoutes'
>;
type Measured = { takenAt: Millis; counters?: Counters; history?: History };

/**
 * What the judge remembers after a poll. A poll without counters is no look, nor is one that comes before each pod was
 * scraped again: the next one counts from the last.
 */
export function judgedAfter(rollout: Rollout, asked: Asked, measured: Measured): JudgeMemory | null {
  if (!isSequential(rollout)) return null;
  const { counters, ...rest } = measured;
  const before = memoryOf(rollout);
  if (counters?.kind !== 'counters') return before && withoutData(before, rollout, measured);
  const told = { ...rest, counters };
  if (before === null) return begun(rollout, asked, told);
  const opened = openedWith(before, rollout, told);
  return opened.state === null ? opened : looked({ ...opened, state: opened.state }, rollout, asked, told);
}

function begun(rollout: Rollout, asked: Asked, told: CountedPoll): JudgeMemory | null {
  const isResting = asked.share === 0 && !asked.isPreviewed;
  if (!mayBegin(told.counters, asked.share, isResting)) return null;
  return openedWith(firstLook(armsOf(rollout), rollout, told), rollout, told);
}

/** What a canary without traffic has counted does not matter; of stable nothing may count as new later. */
function mayBegin(counters: Arms, share: Share, isResting: boolean): boolean {
  return isResting ? counters.stable !== null : hasBothArms(counters, share);
}

/** The judge is told that nobody could say anything: what lasts does not go on meanwhile. */
function withoutData(memory: JudgeMemory, rollout: Rollout, { takenAt }: Measured): JudgeMemory {
  if (memory.state === null) return memory;
  const { at, step, stepSeconds, share } = { ...placeOf(memory, rollout, takenAt), share: memory.share };
  const poll = { at, step, stepSeconds, share, canary: null, stable: null };
  const { state } = withPoll(memory.state, poll, judgeSettingsOf(rollout.plan), stepOf(rollout));
  return { ...memory, state };
}

/** What is remembered of these two arms; what was remembered of others is void. */
function memoryOf(rollout: Rollout): JudgeMemory | null {
  const { judge } = rollout.watch;
  return judge?.arms === armsOf(rollout) ? judge : null;
}

function armsOf(rollout: Rollout): string {
  const { canary, stable } = judgedTarget(rollout);
  return [canary, stable].map(({ host, version }) => `${host} ${version}`).join(' beside ');
}

type Open = JudgeMemory & { state: JudgeState };
type Arms = Pick<CountedPoll['counters'], 'canary' | 'stable'>;

/** An arm that is not scraped waits for the other: both count together. */
function hasBothArms({ canary, stable }: Arms, share: Share): boolean {
  return canary !== null && (stable !== null || share >= nearlyWhole);
}

/** A look at what both arms counted since the last one. */
function looked(memory: Open, rollout: Rollout, asked: Asked, told: CountedPoll): JudgeMemory {
  const { takenAt, counters } = told;
  const counts = countsOf(memory, counters, asked.share, takenAt);
  if (counts === null) return withoutData(memory, rollout, told);
  if (isTooSoon(memory, rollout, counts, told)) return memory;
  const { stretch, ...place } = placeOf(memory, rollout, takenAt);
  const settings = judgeSettingsOf(rollout.plan);
  const poll = {
    ...place,
    share: asked.share,
    shareIsObservable: counts.isWhole && isDividedByWeights(memory, rollout, asked),
    canary: counts.canary.increment,
    stable: counts.stable.increment,
  };
  const { state } = withPoll(memory.state, poll, settings, stepOf(rollout));
  return {
    ...memory,
    state,
    stretch: { ...stretch, looks: stretch.looks + (isAfterShare(memory, rollout) ? 1 : 0) },
    share: asked.share,
    queries: counters.queries ?? [],
    verdict: verdictOf(state, settings, stepOf(rollout)),
    known: { canary: counts.canary.known, stable: counts.stable.known },
    countedAt: takenAt,
  };
}

/** From this share on, in percent, a missing stable says nothing, as the judge sees it, too. */
const nearlyWhole = 99;

type BothArms = { canary: CountedArm; stable: CountedArm; isWhole: boolean };

function countsOf(
  { known, state }: Open,
  { canary, stable, boundsMs }: CountedPoll['counters'],
  share: Share,
  at: Millis,
): BothArms | null {
  if (canary === null || !hasBothArms({ canary, stable }, share)) return null;
  const counted = (arm: KnownArm, now: ArmCounters) =>
    countedSince(arm, atBounds(now, boundsMs, state.boundsMs), at);
  const arms = { canary: counted(known.canary, canary), stable: counted(known.stable, stable ?? {}) };
  return { ...arms, isWhole: arms.canary.isWhole && arms.stable.isWhole };
}

/**
 * Each pod is scraped at an instant of its own. Before all were scraped again a look sees some and not the others, which
 * looks like requests that do not divide as the weights do, and spends errors of the one arm without the other's.
 */
function isTooSoon(
  { countedAt }: JudgeMemory,
  { scrapeSeconds }: Rollout,
  { canary, stable }: BothArms,
  { takenAt }: CountedPoll,
): boolean {
  const scrapes = (takenAt - countedAt) / (scrapeSeconds * 1000);
  const isIdle = canary.increment.requests === 0 || stable.increment.requests === 0;
  return scrapes < (isIdle ? 2 : 1);
}

/** Where a look at an instant stands. A raise, and a restart of the canary, begin a new stretch: what proved it fine counts no more. */
function placeOf({ stretch }: JudgeMemory, rollout: Rollout, takenAt: Millis) {
  const { appliedAt } = rollout.traffic;
  const isSame = stretch.appliedAt === appliedAt;
  const present = isSame ? stretch : { number: stretch.number + 1, appliedAt, looks: 0 };
  const at = Math.max(0, takenAt - begunAt(rollout)) / 1000;
  const stepSeconds = Math.max(0, takenAt - appliedAt) / 1000;
  return { at, stepSeconds, step: present.number, stretch: present };
}

/** Whether all that was counted since the last look was scraped after the share was applied. */
function isAfterShare({ countedAt }: JudgeMemory, { traffic, scrapeSeconds }: Rollout): boolean {
  return countedAt - traffic.appliedAt >= scrapeSeconds * 1000;
}

/** Whether it was divided by the weights that stand now. */
function isDividedByWeights(memory: JudgeMemory, rollout: Rollout, asked: Asked): boolean {
  const isSettled = rollout.traffic.intent === null && isAfterShare(memory, rollout) && isTaken(rollout);
  const hasOthers = asked.stableHasOtherRoutes || asked.canaryHasOtherRoutes || asked.isUneven;
  return isSettled && !hasOthers && isShareObservable(rollout);
}

/** The rollout keeps the time: the judge is told how long the step lasts, and nothing ends by its clock. */
function stepOf(rollout: Rollout) {
  const position = positionOf(rollout.state);
  const seconds = position === null ? 0 : (watchedSeconds(stepAt(rollout, position)) ?? 0);
  return { seconds, isTimed: false, acknowledged: acknowledgedIn(rollout) };
}
