import { isExcused } from './limits.ts';
import { logSum } from './mixture.ts';
import type { JudgeState, LimitState } from './state.ts';

/** What speaks: a comparison with stable, a limit by its index, or how requests divide. */
export type Driver = { kind: 'errors' | 'latency' | 'split' } | { kind: 'limit'; index: number };

/** The part of the wealth that is bet on requests that do not divide as the weights do: they tell it at once. */
const splitPart = 0.05;

/** What speaks, and how loud: the log of its evidence times its part of the wealth. */
type Voice = { driver: Driver; log: number };

/**
 * The log of all evidence together, and what drives it. A limit that is excused speaks for nobody: 1 at most.
 *
 * Guarantee: the weighted mean of e-processes is one, and holding one at 1 only lowers it, so the whole exceeds
 * 1 / alpha with probability at most alpha for a canary that is fine in every respect, over all metrics, bounds and looks.
 */
export function evidenceOf(state: JudgeState): { log: number; driver: Driver } {
  const all = voices(state);
  const loudest = all.reduce((best, voice) => (voice.log > best.log ? voice : best));
  return { log: logSum(all.map(({ log }) => log)), driver: loudest.driver };
}

/** How many comparisons share the wealth, beside the split. */
export function comparisons(state: JudgeState): number {
  const judged = state.limits.filter(speaks);
  return 1 + (state.latency === null ? 0 : 1) + judged.length;
}

/** One that only asks a person has evidence of its own. */
function speaks({ isBlind, effect }: LimitState): boolean {
  return !isBlind && effect === 'rollback';
}

function voices(state: JudgeState): [Voice, ...Voice[]] {
  const logPart = Math.log((1 - splitPart) / comparisons(state));
  const errors: Voice = { driver: { kind: 'errors' }, log: logPart + state.errors.log };
  const limits = state.limits.flatMap((limit, index): Voice[] => {
    const log = isExcused(limit) ? Math.min(0, limit.log) : limit.log;
    return speaks(limit) ? [{ driver: { kind: 'limit', index }, log: logPart + log }] : [];
  });
  const latency: Voice[] =
    state.latency === null ? [] : [{ driver: { kind: 'latency' }, log: logPart + state.latency.log }];
  const split: Voice = { driver: { kind: 'split' }, log: Math.log(splitPart) + state.split.log };
  return [errors, ...latency, ...limits, split];
}
