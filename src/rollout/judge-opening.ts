import {
  type Counters,
  countedSince,
  type History,
  type KnownArm,
  withBounds,
} from '../analysis/counters.ts';
import { openJudge } from '../analysis/sequential/open-judge.ts';
import type { Baseline } from '../analysis/sequential/poll.ts';
import type { JudgeState } from '../analysis/sequential/state.ts';
import type { JudgeMemory } from './judge-memory.ts';
import { judgeSettingsOf } from './judge-settings.ts';
import type { Rollout } from './rollout.ts';
import type { Millis } from './units.ts';

/** A poll with counters, and with stable's history where that was asked for. */
export type CountedPoll = {
  takenAt: Millis;
  counters: Extract<Counters, { kind: 'counters' }>;
  history?: History;
};

/** Polls that may miss stable's history; then its noise is assumed, and the verdict says so. */
const mostUntold = 1;

/** What the pods have counted before the judge looks: nothing of it is held against anybody. */
export function firstLook(
  arms: string,
  { traffic }: Rollout,
  { takenAt, counters }: CountedPoll,
): JudgeMemory {
  return {
    arms,
    state: null,
    known: {
      canary: countedSince({}, counters.canary ?? {}, takenAt).known,
      stable: countedSince({}, counters.stable ?? {}, takenAt).known,
    },
    countedAt: takenAt,
    untold: null,
    stretch: { number: 0, appliedAt: traffic.appliedAt, looks: 0 },
    isRebounded: false,
    verdict: null,
    share: 0,
    queries: [],
  };
}

/**
 * The judge is opened with stable's history; without it, once that was asked for in vain, and the verdict says so. Where the
 * pods turn out to have fewer bounds in common than before, what is known of latency begins anew at those, and all else
 * stays.
 */
export function openedWith(
  memory: JudgeMemory,
  { plan }: Pick<Rollout, 'plan'>,
  told: CountedPoll,
): JudgeMemory {
  const { state } = memory;
  const isShrunk = state !== null && lacksBounds(state, told.counters);
  if (state !== null && !isShrunk && !memory.isRebounded) return memory;
  const boundsMs = state === null || isShrunk ? told.counters.boundsMs : state.boundsMs;
  const settings = judgeSettingsOf(plan);
  const opening = {
    isShrunk,
    known: isShrunk ? withoutHistograms(memory.known) : memory.known,
    open: (baseline: Baseline) => {
      const fresh = openJudge(withBounds(baseline, boundsMs), settings);
      return state === null ? fresh : withLatencyOf(state, fresh);
    },
  };
  const { history } = told;
  if (history?.kind !== 'history') return untoldOf(memory, opening, { boundsMs, pods: [] }, history?.why);
  return { ...memory, known: opening.known, state: opening.open(history), untold: null, isRebounded: false };
}

type Opening = {
  isShrunk: boolean;
  known: JudgeMemory['known'];
  open: (baseline: Baseline) => JudgeState;
};

/** Without a history: asked for once more, and then judged without it. */
function untoldOf(
  memory: JudgeMemory,
  { isShrunk, known, open }: Opening,
  blind: Baseline,
  why = 'the pods have fewer bounds of latency in common than before',
): JudgeMemory {
  const polls = (memory.untold?.polls ?? 0) + 1;
  const isGivenUp = polls > mostUntold;
  const isOpened = isShrunk || (isGivenUp && memory.state === null);
  return {
    ...memory,
    known,
    state: isOpened ? open(blind) : memory.state,
    untold: { polls, why },
    isRebounded: memory.state !== null && !isGivenUp,
  };
}

/** Bounds are those that the pods of both arms have in common, so that one arm alone may show others. */
function lacksBounds(
  { boundsMs }: JudgeState,
  { canary, stable, boundsMs: now }: CountedPoll['counters'],
): boolean {
  const showsBoth = [canary, stable].every((arm) => arm !== null && Object.keys(arm).length > 0);
  return showsBoth && boundsMs.some((bound) => !now.includes(bound));
}

function withLatencyOf(state: JudgeState, { boundsMs, latency, limits }: JudgeState): JudgeState {
  return {
    ...state,
    boundsMs,
    latency,
    limits: state.limits.map((limit, at) => (limit.metric === 'errorRate' ? limit : (limits[at] ?? limit))),
  };
}

/** Histograms with other bounds have nothing in common: they count from the next look on. */
function withoutHistograms({ canary, stable }: JudgeMemory['known']): JudgeMemory['known'] {
  const without = (arm: KnownArm) =>
    Object.fromEntries(Object.entries(arm).map(([pod, counters]) => [pod, { ...counters, atMost: [] }]));
  return { canary: without(canary), stable: without(stable) };
}
