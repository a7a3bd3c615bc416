import { whyOf } from '../analysis/sequential/words.ts';
import { judgeSettingsOf } from './judge-settings.ts';
import type { MeasuredPoll } from './ports/live.ts';
import { begunAt, isScheduled, type StoredRollout } from './rollout.ts';
import type { Millis } from './units.ts';

export type Verdict = NonNullable<MeasuredPoll['verdict']>;

/** What the sequential judge found: when, at which share in percent, and what the provider was asked. */
export type Judgement = { at: Millis; share: number; verdict: Verdict; queries: string[] };

/** What the sequential judge found last; null where another one judges, and before its first look. */
export function judgementIn(rollout: StoredRollout): Judgement | null {
  if (isScheduled(rollout) || rollout.plan.judge !== 'sequential') return null;
  const { judge } = rollout.watch;
  if (judge === null || judge.verdict === null || judge.state === null) return null;
  const { state, verdict, share, queries } = judge;
  return { at: Math.round(begunAt(rollout) + state.at * 1000), share, verdict, queries };
}

/** A verdict in words with its figures; the share, in percent, is that of the weights then. */
export function judgementInWords(rollout: StoredRollout, verdict: Verdict, share: number): string {
  const canary = isScheduled(rollout) ? 'the canary' : rollout.target.canary.version;
  // None of the words says how long the step has lasted.
  return whyOf(verdict, { canary, share, stepSeconds: 0, settings: judgeSettingsOf(rollout.plan) });
}

/** The names of the limits that the sequential judge holds a canary to. */
export function judgedLimits({ plan }: Pick<StoredRollout, 'plan'>): string[] {
  return judgeSettingsOf(plan).limits.map(({ id }) => id);
}

/** The evidence that a rollback takes. */
export function evidenceNeeded({ plan }: Pick<StoredRollout, 'plan'>): number {
  return 1 / judgeSettingsOf(plan).falseRollbackRate;
}
