import {
  type Counted as CountedArm,
  type Counters,
  countedSince,
  type History,
  type KnownArm,
  withBounds,
} from '../analysis/counters.ts';
import { openJudge } from '../analysis/sequential/open-judge.ts';
import type { JudgeState } from '../analysis/sequential/state.ts';
import { verdictOf } from '../analysis/sequential/verdict-of.ts';
import { withPoll } from '../analysis/sequential/with-poll.ts';
import { acknowledgedIn } from './acknowledged.ts';
import { asksNothing, type Facts } from './evidence.ts';
import type { JudgeMemory } from './judge-memory.ts';
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
/** Polls that may miss stable's history; then its noise is assumed, and the verdict says so. */
const mostUntold = 1;

/** True for a rollout that the sequential judge decides on. */
export function isSequential(rollout: Pick<Rollout, 'plan'>): boolean {
  return rollout.plan.judge === 'sequential' && !asksNothing(rollout);
}

/** What a poll asks for the judge; nothing where it does not judge. */
export function judgeAsks(rollout: Rollout): { judged?: { historySeconds: number } } {
  if (!isSequential(rollout)) return {};
  const isOpen = memoryOf(rollout)?.state != null;
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

/** What the judge remembers after a poll. A poll without counters is no look: the next one counts from the last. */
export function judgedAfter(rollout: Rollout, asked: Asked, measured: Measured): JudgeMemory | null {
  if (!isSequential(rollout)) return null;
  const { counters } = measured;
  const before = memoryOf(rollout);
  if (counters?.kind !== 'counters') return before;
  if (before === null && !hasBothArms(counters, asked.share)) return null;
  const opened = openedWith(rollout, before, { ...measured, counters });
  if (before === null || opened.state === null) return opened;
  return looked({ ...opened, state: opened.state }, rollout, asked, { takenAt: measured.takenAt, counters });
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

type Counted = { takenAt: Millis; counters: Extract<Counters, { kind: 'counters' }>; history?: History };

/** The judge is opened with stable's history; without it, once that was asked for in vain, and the verdict says so. */
function openedWith(rollout: Rollout, before: JudgeMemory | null, measured: Counted): JudgeMemory {
  const { counters, history } = measured;
  const memory = before ?? firstLook(rollout, measured);
  const { boundsMs } = counters;
  if (memory.state !== null && !hasOtherBounds(memory.state, counters)) return memory;
  const known = memory.state === null ? memory.known : withoutHistograms(memory.known);
  const settings = judgeSettingsOf(rollout.plan);
  if (history?.kind === 'history') {
    const state = openJudge(withBounds(history, boundsMs), settings);
    return { ...memory, known, state, untold: null };
  }
  const polls = (memory.untold?.polls ?? 0) + 1;
  const untold = { polls, why: history?.why ?? 'the histogram has other bounds than before' };
  const state = polls > mostUntold ? openJudge({ boundsMs, pods: [] }, settings) : null;
  return { ...memory, known, state, untold };
}

function firstLook(rollout: Rollout, { takenAt, counters }: Counted): JudgeMemory {
  return {
    arms: armsOf(rollout),
    state: null,
    known: {
      canary: countedSince({}, counters.canary ?? {}, takenAt).known,
      stable: countedSince({}, counters.stable ?? {}, takenAt).known,
    },
    countedAt: takenAt,
    untold: null,
    stretch: { number: 0, appliedAt: rollout.traffic.appliedAt },
    verdict: null,
    share: 0,
    queries: [],
  };
}

type Arms = Pick<Counted['counters'], 'canary' | 'stable'>;

/** What was counted before is not known of an arm that is not scraped: nothing of it may count as new later. */
function hasBothArms({ canary, stable }: Arms, share: Share): boolean {
  return canary !== null && (stable !== null || share >= nearlyWhole);
}

/** Bounds are those that the pods of both arms have in common, so that one arm alone may show others. */
function hasOtherBounds(
  { boundsMs }: JudgeState,
  { canary, stable, boundsMs: now }: Counted['counters'],
): boolean {
  const showsBoth = [canary, stable].every((arm) => arm !== null && Object.keys(arm).length > 0);
  return showsBoth && !isSame(boundsMs, now);
}

function isSame(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((value, at) => value === other[at]);
}

/** Histograms with other bounds have nothing in common: they count from the next look on. */
function withoutHistograms({ canary, stable }: JudgeMemory['known']): JudgeMemory['known'] {
  const without = (arm: KnownArm) =>
    Object.fromEntries(Object.entries(arm).map(([pod, counters]) => [pod, { ...counters, atMost: [] }]));
  return { canary: without(canary), stable: without(stable) };
}

type Open = JudgeMemory & { state: JudgeState };

/** A look at what both arms counted since the last one. One that is not scraped waits for the other: both count together. */
function looked(memory: Open, rollout: Rollout, asked: Asked, { takenAt, counters }: Counted): JudgeMemory {
  const stretch = stretchAfter(memory, rollout);
  const counts = countsOf(memory, counters, asked.share, takenAt);
  const stepSeconds = Math.max(0, takenAt - rollout.traffic.appliedAt) / 1000;
  const step = { seconds: bakeSeconds(rollout), isTimed: false, acknowledged: acknowledgedIn(rollout) };
  const settings = judgeSettingsOf(rollout.plan);
  const poll = {
    at: Math.max(0, takenAt - begunAt(rollout)) / 1000,
    step: stretch.number,
    stepSeconds,
    share: asked.share,
    shareIsObservable: isDividedByWeights(memory, rollout, asked),
    canary: counts?.canary.increment ?? null,
    stable: counts?.stable.increment ?? null,
  };
  const { state } = withPoll(memory.state, poll, settings, step);
  const { queries = [] } = counters;
  const seen = { state, stretch, queries, share: asked.share, verdict: verdictOf(state, settings, step) };
  if (counts === null) return { ...memory, ...seen };
  const known = { canary: counts.canary.known, stable: counts.stable.known };
  return { ...memory, ...seen, known, countedAt: takenAt };
}

/** From this share on, in percent, a missing stable says nothing, as the judge sees it, too. */
const nearlyWhole = 99;

function countsOf(
  { known }: JudgeMemory,
  { canary, stable }: Extract<Counters, { kind: 'counters' }>,
  share: Share,
  at: Millis,
): { canary: CountedArm; stable: CountedArm } | null {
  if (canary === null || !hasBothArms({ canary, stable }, share)) return null;
  return {
    canary: countedSince(known.canary, canary, at),
    stable: countedSince(known.stable, stable ?? {}, at),
  };
}

/** A raise, and a restart of the canary, begin a new stretch: what proved it fine counts no more. */
function stretchAfter({ stretch }: JudgeMemory, { traffic: { appliedAt } }: Rollout): JudgeMemory['stretch'] {
  return stretch.appliedAt === appliedAt ? stretch : { number: stretch.number + 1, appliedAt };
}

/** Whether all that was counted since the last look was divided by the weights that stand now. */
function isDividedByWeights({ countedAt }: JudgeMemory, rollout: Rollout, asked: Asked): boolean {
  const { appliedAt, intent } = rollout.traffic;
  const isSettled = intent === null && countedAt >= appliedAt && isTaken(rollout);
  const hasOthers = asked.stableHasOtherRoutes || asked.canaryHasOtherRoutes || asked.isUneven;
  return isSettled && !hasOthers && isShareObservable(rollout);
}

function bakeSeconds(rollout: Rollout): number {
  const position = positionOf(rollout.state);
  return position === null ? 0 : (watchedSeconds(stepAt(rollout, position)) ?? 0);
}
